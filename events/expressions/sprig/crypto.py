"""sprig's random texts, which follow from the seed of the evaluation, and ``derivePassword``.

The same seed gives the same texts, so that a retried event asks for the same names: they are unique, not secret.
Follows https://masterminds.github.io/sprig/crypto.html and its sources, v3.3.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import string
import uuid

from events.errors import EvaluationError
from events.expressions.golang.functions import Context, Function, by_name
from events.expressions.golang.values import as_bytes

__all__ = ["FUNCTIONS"]


_MAX_RANDOM = 65_536


def _check_count(count: int) -> None:
    if count > _MAX_RANDOM:
        raise EvaluationError(f"more than {_MAX_RANDOM} random characters", reason="LimitReached")


def _random_text(context: Context, count: int, alphabet: str) -> str:
    _check_count(count)
    return "".join(context.random.choices(alphabet, k=count)) if count > 0 else ""


def _rand_alpha(context: Context, count: int) -> str:
    return _random_text(context, count, string.ascii_letters)


def _rand_alpha_num(context: Context, count: int) -> str:
    return _random_text(context, count, string.ascii_letters + string.digits)


def _rand_ascii(context: Context, count: int) -> str:
    return _random_text(context, count, "".join(map(chr, range(32, 127))))


def _rand_numeric(context: Context, count: int) -> str:
    return _random_text(context, count, string.digits)


def _rand_bytes(context: Context, count: int) -> str:
    if count < 0:
        raise EvaluationError("makeslice: len out of range")
    _check_count(count)
    return base64.b64encode(context.random.randbytes(count)).decode("ascii")


def _uuidv4(context: Context) -> str:
    return str(uuid.UUID(bytes=context.random.randbytes(16), version=4))


# The templates of the Master Password algorithm: a letter stands for one of the characters below.
_PASSWORDS = {
    "maximum": "anoxxxxxxxxxxxxxxxxx axxxxxxxxxxxxxxxxxno",
    "long": "CvcvnoCvcvCvcv CvcvCvcvnoCvcv CvcvCvcvCvcvno CvccnoCvcvCvcv CvccCvcvnoCvcv CvccCvcvCvcvno CvcvnoCvccCvcv "
    "CvcvCvccnoCvcv CvcvCvccCvcvno CvcvnoCvcvCvcc CvcvCvcvnoCvcc CvcvCvcvCvccno CvccnoCvccCvcv CvccCvccnoCvcv "
    "CvccCvccCvcvno CvcvnoCvccCvcc CvcvCvccnoCvcc CvcvCvccCvccno CvccnoCvcvCvcc CvccCvcvnoCvcc CvccCvcvCvccno",
    "medium": "CvcnoCvc CvcCvcno",
    "short": "Cvcn",
    "basic": "aaanaaan aannaaan aaannaaa",
    "pin": "nnnn",
}
_CHARACTERS = {
    "V": "AEIOU",
    "C": "BCDFGHJKLMNPQRSTVWXYZ",
    "v": "aeiou",
    "c": "bcdfghjklmnpqrstvwxyz",
    "A": "AEIOUBCDFGHJKLMNPQRSTVWXYZ",
    "a": "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
    "n": "0123456789",
    "o": "@&%?,=[]_:-+*$#!'^~;()/.",
    "x": "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
}
_SCOPE = b"com.lyndir.masterpassword"


def _derive_password(counter: int, kind: str, password: str, user: str, site: str) -> str:
    """The password of a site, from one master password: https://spectre.app/spectre-algorithm.pdf."""
    if kind not in _PASSWORDS:
        return f"cannot find password template {kind}"
    name, place = as_bytes(user), as_bytes(site)
    salt = _SCOPE + len(name).to_bytes(4, "big") + name
    key = hashlib.scrypt(as_bytes(password), salt=salt, n=32768, r=8, p=2, maxmem=1 << 26, dklen=64)
    message = _SCOPE + len(place).to_bytes(4, "big") + place + counter.to_bytes(4, "big")
    seed = hmac.new(key, message, hashlib.sha256).digest()
    templates = _PASSWORDS[kind].split()
    letters = templates[seed[0] % len(templates)]
    return "".join(_CHARACTERS[c][seed[i + 1] % len(_CHARACTERS[c])] for i, c in enumerate(letters))


FUNCTIONS = by_name(
    [
        Function("randAlpha", _rand_alpha, ("int",), needs_context=True),
        Function("randAlphaNum", _rand_alpha_num, ("int",), needs_context=True),
        Function("randAscii", _rand_ascii, ("int",), needs_context=True),
        Function("randNumeric", _rand_numeric, ("int",), needs_context=True),
        Function("randBytes", _rand_bytes, ("int",), needs_context=True),
        Function("uuidv4", _uuidv4, needs_context=True),
        Function("derivePassword", _derive_password, ("uint32", "string", "string", "string", "string"), heavy=True),
    ]
)
