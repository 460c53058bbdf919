"""Who a request says it is from (bindings spec §2.1 and §7.1). Pure.

Nothing is checked here: a bearer token is checked by who knows it, the API server or the settings of ``up``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

import orjson

from eventsource.endpoint import answers

__all__ = ["OURSELVES", "Claims", "Credentials", "Mode", "choose", "claims_of", "has_authorization"]

Mode = Literal["client", "server"]
"""``client``: a request counts as what its token says. ``server``: any request counts as ourselves."""

Headers = Sequence[tuple[str, str]]
"""Names in canonical case."""

Claims = dict[str, str]
"""``sub``, ``email`` and ``preferred_username``, as far as they are known; for labels only."""

_PREFIXES = ("Bearer ", "Basic ")


class Credentials(NamedTuple):
    """``authorization`` is the header value to ask the API server with; empty: our own account.

    Without a cluster ``account`` names the ServiceAccount of a client that signed.
    """

    authorization: str = ""
    account: str = ""

    def __repr__(self) -> str:
        return f"<Credentials of {self.account or ('a token' if self.authorization else 'our own')}>"


OURSELVES = Credentials()


def has_authorization(headers: Headers) -> bool:
    """Whether there is an Authorization header, even an empty one: then signatures are not looked at."""
    return any(name == "Authorization" for name, _ in headers)


def choose(headers: Headers, modes: Collection[Mode]) -> Credentials:
    """The credentials that count: the first Authorization header, else a cookie of that name. Raises the 401."""
    given = [value for name, value in headers if name == "Authorization"][:1] or list(_cookies(headers))
    for value in given:
        if value.startswith(_PREFIXES) and "client" in modes:
            if value.startswith("Basic "):
                _basic(value)
            return Credentials(value)
    if "server" in modes:
        return OURSELVES
    raise answers.unauthenticated()


def claims_of(credentials: Credentials) -> Claims:
    """What a token says of its bearer; unverified, so it is only good for labels once the token was accepted."""
    kind, _, value = credentials.authorization.partition(" ")
    if kind == "Basic":
        return {"sub": _basic(credentials.authorization)}
    try:
        _, payload, _ = value.strip().split(".")
        found = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return {k: found[k] for k in ("sub", "email", "preferred_username") if isinstance(found.get(k), str)}
    except (ValueError, binascii.Error, AttributeError, TypeError):
        return {}


def _basic(value: str) -> str:
    """The user of ``Basic <base64 of user:password>``."""
    try:
        text = base64.b64decode(value.removeprefix("Basic ").encode("utf-8", "surrogateescape"), validate=True)
    except binascii.Error:
        text = b""
    user, colon, _ = text.partition(b":")
    if not colon:
        raise answers.refused(401, "failed to create REST config: error parsing basic authentication")
    return user.decode("utf-8", "replace")


def _cookies(headers: Headers) -> list[str]:
    """The values of all cookies named ``authorization``."""
    found = []
    for name, value in headers:
        if name == "Cookie":
            for part in value.split(";"):
                key, _, text = part.strip().partition("=")
                if key == "authorization":
                    found.append(text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text)
    return found
