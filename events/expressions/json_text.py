"""Strict JSON as gjson and Go see it: is a text valid, and what is its value, at any depth.

orjson does the work. What it refuses and Go accepts is dealt with here: bytes that are no UTF-8 and lone surrogate escapes
inside of strings (each becomes U+FFFD), nesting deeper than 1024, numbers beyond a double.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

__all__ = ["decode_bytes", "is_valid", "loads"]

_UNDECODABLE = re.compile("[\udc80-\udcff]")
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)

_STRING = r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"'
_SCALAR = re.compile(
    rf"(?:({_STRING})|(-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)|true|false|null)[ \t\n\r]*+"
)
_KEY = re.compile(rf"[ \t\n\r]*+({_STRING})[ \t\n\r]*+:")
_CLOSING = {"{": "}", "[": "]"}


class NotJSON(ValueError):
    """The text is not JSON."""


def decode_bytes(data: bytes) -> str:
    """The text of the bytes; each byte that is no UTF-8 becomes U+FFFD, as in Go."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return _UNDECODABLE.sub("\ufffd", data.decode(errors="surrogateescape"))


def is_valid(text: str) -> bool:
    """Whether the text is one JSON value."""
    try:
        loads(text)
    except NotJSON:
        return False
    return True


def loads(text: str) -> Any:
    """The plain value of a JSON text, of members of one name the last. Raises ``NotJSON`` (a ValueError)."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    text = _ESCAPE.sub(lambda escape: "\\ufffd" if escape.group(1) else escape.group(), text)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return _loads_slowly(text)


def _loads_slowly(text: str) -> Any:
    """A parser with a stack of its own, for what is too deep or too large for orjson."""
    root: list[Any] = []
    inner: list[Any] | dict[str, Any] = root
    key = ""
    stack: list[tuple[list[Any] | dict[str, Any], str]] = []  # the outer container and its bracket
    at = 0
    while True:
        if isinstance(inner, dict):
            match = _KEY.match(text, at)
            if match is None:
                raise NotJSON
            key = orjson.loads(match.group(1))
            at = match.end()
        at = _after_spaces(text, at)
        bracket = text[at : at + 1]
        value: Any
        if bracket in _CLOSING:
            value = {} if bracket == "{" else []
            at = _after_spaces(text, at + 1)
        else:
            match = _SCALAR.match(text, at)
            if match is None:
                raise NotJSON
            value = _scalar(match)
            at = match.end()
        if isinstance(inner, dict):
            inner[key] = value
        else:
            inner.append(value)
        if bracket in _CLOSING:
            if not text.startswith(_CLOSING[bracket], at):
                stack.append((inner, bracket))
                inner = value
                continue
            at = _after_spaces(text, at + 1)
        while stack:  # behind a value: a comma, or the ends of containers
            if text.startswith(",", at):
                at += 1
                break
            outer, bracket = stack.pop()
            if not text.startswith(_CLOSING[bracket], at):
                raise NotJSON
            inner = outer
            at = _after_spaces(text, at + 1)
        else:
            if at != len(text):
                raise NotJSON
            return root[0]


_SPACE = frozenset(" \t\n\r")
_SPACES = re.compile(r"[ \t\n\r]*+")


def _after_spaces(text: str, at: int) -> int:
    return at + len(_SPACES.match(text, at)[0]) if text[at : at + 1] in _SPACE else at  # type: ignore[index]


def _scalar(match: re.Match[str]) -> Any:
    string, number = match.groups()
    if string:
        return orjson.loads(string)
    if number:
        whole = number.lstrip("-").isdigit() and len(number) < 20
        return int(number) if whole else float(number)
    return {"t": True, "f": False}.get(match.group().strip()[0])
