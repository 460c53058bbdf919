"""What a forge says was wrong, in a line for a user and without secrets. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

__all__ = ["secrets_in", "words"]

_WORDS = 300
_SHORTEST_SECRET = 4
"""Characters of what is masked: less is in too many words."""


def words(body: bytes, secrets: Iterable[str] = ()) -> str:
    """What the forge says was wrong, in a line, without these secrets."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    found: list[str] = []
    _collect(said, found, depth=0)
    return _masked("; ".join(dict.fromkeys(found)), secrets)[:_WORDS]


def _collect(said: Any, found: list[str], depth: int) -> None:
    """Texts of the fields that forges put their reasons into."""
    if isinstance(said, str):
        found.append(" ".join(said.split()))
    elif isinstance(said, list) and depth < 5:
        for one in said:
            _collect(one, found, depth + 1)
    elif isinstance(said, dict) and depth < 5:
        for name in ("message", "error", "error_description", "errors", "detail"):
            if name in said:
                _collect(said[name], found, depth + 1)
        if depth and not any(name in said for name in ("message", "error", "errors", "detail")):
            for key, value in said.items():
                if isinstance(value, list) and all(isinstance(one, str) for one in value):
                    found.append(f"{key} {', '.join(value)}")


def secrets_in(body: Any) -> Iterator[str]:
    """The secrets in what is sent: a forge that refuses it may repeat it."""
    for name, value in body.items() if isinstance(body, dict) else ():
        if isinstance(value, str) and name in ("secret", "token", "signing_token"):
            yield value
        yield from secrets_in(value)


def _masked(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        as_found = " ".join(secret.split())
        text = text.replace(as_found, "***") if len(as_found) >= _SHORTEST_SECRET else text
    return text
