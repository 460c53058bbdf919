"""``application/x-www-form-urlencoded`` and query strings as Go's ``url.ParseQuery`` reads them. Pure.

Bytes that are no UTF-8 become surrogate escapes. https://pkg.go.dev/net/url#ParseQuery
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

__all__ = ["parse_query", "unescape"]

_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")


def unescape(text: str) -> str:
    """Decode ``%xx``. Raises ValueError where the two digits are missing."""
    if "%" not in text:
        return text
    if _BAD_ESCAPE.search(text):
        raise ValueError("a % that two hexadecimal digits do not follow")
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def parse_query(text: str) -> tuple[dict[str, list[str]], str]:
    """``({name: [values]}, what is wrong)``. Malformed parts are left out; the second is empty when there were none."""
    values: dict[str, list[str]] = {}
    problem = ""
    for part in text.split("&"):
        if not part:
            continue
        if ";" in part:
            problem = problem or "a semicolon between two fields"
            continue
        name, _, value = part.replace("+", " ").partition("=")
        try:
            name, value = unescape(name), unescape(value)
        except ValueError as error:
            problem = problem or str(error)
            continue
        values.setdefault(name, []).append(value)
    return values, problem
