"""Answers of an API server that nest deeper than a parser goes: one hostile object must not hide all others. Pure.

An API server stores objects of some thousand levels; the parsers here stop at about a thousand, and writing at 254.
"""

from __future__ import annotations

import re

__all__ = ["MAX_DEPTH", "without_deep_items"]

MAX_DEPTH = 200
"""Levels of an object that are more than anybody means."""

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]')
_OPENING, _CLOSING = b"[{", b"]}"


def without_deep_items(text: bytes) -> bytes:
    """A list as JSON without those of its ``items`` that nest too deeply; empty when the text is something else that does."""
    kept = bytearray()
    depth, deepest, copied = 0, 0, 0
    in_list = False
    begin = -1  # of the item that is read, -1 outside of items
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign in _OPENING:
            depth += 1
            if depth == 2:
                in_list = sign == b"["
            if depth == 3 and in_list:
                begin, deepest = token.start(), depth
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH and begin < 0:
                return b""
        elif sign in _CLOSING:
            if depth == 3 and begin >= 0 and deepest > MAX_DEPTH:
                kept += text[copied:begin] + b"null"
                copied = token.end()
            if depth == 3:
                begin, deepest = -1, 0
            depth -= 1
    return bytes(kept + text[copied:])
