"""sprig's encodings: base64, base32, JSON and checksums. A text that does not decode becomes the error's own words, as in sprig.

Follows https://masterminds.github.io/sprig/encoding.html, https://masterminds.github.io/sprig/defaults.html (JSON) and
https://masterminds.github.io/sprig/crypto.html (sums) with their sources, v3.3.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import Any

from events.errors import EvaluationError
from events.expressions.golang.functions import Function, by_name
from events.expressions.golang.jsons import decode_json, encode_json
from events.expressions.golang.values import as_bytes, as_text

__all__ = ["FUNCTIONS"]

_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_BASE32 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
_PAD = ord("=")


def _b64enc(text: str) -> str:
    return base64.b64encode(as_bytes(text)).decode("ascii")


def _b32enc(text: str) -> str:
    return base64.b32encode(as_bytes(text)).decode("ascii")


def _b64dec(text: str) -> str:
    raw = as_bytes(text)
    at = _base64_fault(raw)
    if at is not None:
        return f"illegal base64 data at input byte {at}"
    return as_text(base64.b64decode(raw.replace(b"\r", b"").replace(b"\n", b"")))


def _base64_fault(raw: bytes) -> int | None:
    """Where Go's decoder stops: at a foreign byte, at padding out of place, or at a last group that is not complete."""
    plain = raw.rstrip(b"\r\n=")
    foreign = next((i for i, byte in enumerate(plain) if byte not in _BASE64 and byte not in b"\r\n"), None)
    seen = sum(byte in _BASE64 for byte in plain[:foreign]) % 4 if foreign is not None else 0
    if foreign is not None and (raw[foreign] != _PAD or seen < 2):
        return foreign
    if foreign is not None:
        return _padding_fault(raw, foreign, seen)
    seen = sum(byte in _BASE64 for byte in plain) % 4
    first = raw.find(b"=", len(plain))
    if first < 0:
        return None if seen == 0 else len(raw) - seen
    return first if seen < 2 else _padding_fault(raw, first, seen)


def _padding_fault(raw: bytes, at: int, seen: int) -> int | None:
    after = _skip_line_ends(raw, at + 1)
    if seen == 2:
        if after == len(raw):
            return after
        if raw[after] != _PAD:
            return after - 1
        after = _skip_line_ends(raw, after + 1)
    return None if after == len(raw) else after


def _skip_line_ends(raw: bytes, at: int) -> int:
    while at < len(raw) and raw[at] in b"\r\n":
        at += 1
    return at


def _b32dec(text: str) -> str:
    raw = as_bytes(text).replace(b"\r", b"").replace(b"\n", b"")
    at = _base32_fault(raw)
    return f"illegal base32 data at input byte {at}" if at is not None else as_text(base64.b32decode(raw))


def _base32_fault(raw: bytes) -> int | None:
    size = len(raw)
    for start in range(0, size, 8):
        for at in range(start, start + 8):
            if at >= size:
                return start
            place = at - start
            if raw[at] == _PAD and place >= 2 and size - at - 1 < 8:
                if size - at - 1 + place < 7:
                    return size
                other = next((k for k in range(7 - place) if raw[at + 1 + k] != _PAD), None)
                if other is not None:
                    return at + other
                return at if place in (1, 3, 6) else None
            if raw[at] not in _BASE32:
                return at
    return None


def _sum(algorithm: str) -> Any:
    def digest(text: str) -> str:
        return hashlib.new(algorithm, as_bytes(text), usedforsecurity=False).hexdigest()

    return digest


def _adler32sum(text: str) -> str:
    return str(zlib.adler32(as_bytes(text)))


def _from_json(text: str) -> Any:
    try:
        return decode_json(text)
    except EvaluationError:
        return None


def _to_json(value: Any, indent: str = "") -> str:
    """The text, or nothing for what JSON cannot hold."""
    try:
        return encode_json(value, indent=indent)
    except EvaluationError as error:
        if error.reason == "LimitReached":
            raise
        return ""


def _to_pretty_json(value: Any) -> str:
    return _to_json(value, "  ")


def _must_to_pretty_json(value: Any) -> str:
    return encode_json(value, indent="  ")


def _to_raw_json(value: Any) -> str:
    return encode_json(value, escape_html=False)


FUNCTIONS = by_name(
    [
        Function("b64enc", _b64enc, ("string",)),
        Function("b64dec", _b64dec, ("string",)),
        Function("b32enc", _b32enc, ("string",)),
        Function("b32dec", _b32dec, ("string",)),
        Function("sha1sum", _sum("sha1"), ("string",)),
        Function("sha256sum", _sum("sha256"), ("string",)),
        Function("sha512sum", _sum("sha512"), ("string",)),
        Function("adler32sum", _adler32sum, ("string",)),
        Function("fromJson", _from_json, ("string",)),
        Function("mustFromJson", decode_json, ("string",)),
        Function("toJson", _to_json, ("any",), heavy=True),
        Function("mustToJson", encode_json, ("any",), heavy=True),
        Function("toPrettyJson", _to_pretty_json, ("any",), heavy=True),
        Function("mustToPrettyJson", _must_to_pretty_json, ("any",), heavy=True),
        Function("toRawJson", _to_raw_json, ("any",), heavy=True),
        Function("mustToRawJson", _to_raw_json, ("any",), heavy=True),
    ]
)
