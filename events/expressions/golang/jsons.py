"""Go's ``encoding/json`` for the dynamic values: compact, indented, with or without HTML escapes; and its decoder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from events.errors import EvaluationError
from events.expressions.golang.limits import check_printed, check_text
from events.expressions.golang.numbers import shortest, trim_exponent
from events.expressions.golang.values import GoObject, SizedInt, as_bytes, is_nil

__all__ = ["decode_json", "encode_json"]

_SPECIAL = re.compile('[\x00-\x1f"\\\\\u2028\u2029\ud800-\udfff]')
_SPECIAL_OR_HTML = re.compile('[\x00-\x1f"\\\\<>&\u2028\u2029\ud800-\udfff]')
_NAMED = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def decode_json(text: str) -> Any:
    """The value of a JSON text. Raises ``EvaluationError`` when it is none."""
    try:
        return orjson.loads(as_bytes(text).decode("utf-8", "replace"))
    except orjson.JSONDecodeError as error:
        raise EvaluationError(f"invalid JSON: {error.msg}") from None


def encode_json(value: Any, *, indent: str = "", escape_html: bool = True) -> str:
    """The JSON text of a value, keys sorted. Raises ``EvaluationError`` for infinities, NaN and what is too large."""
    special = _SPECIAL_OR_HTML if escape_html else _SPECIAL
    return "".join(_parts(value, indent, special))


def _parts(value: Any, indent: str, special: re.Pattern[str]) -> list[str]:
    """The pieces of the text, without recursion: a document may be nested deeper than Python's stack."""
    parts: list[str] = []
    size = 0
    open_values: list[tuple[Iterator[tuple[str, Any]], str]] = [(iter((("", value),)), "")]
    while open_values:
        items, closing = open_values[-1]
        step = next(items, None)
        if step is None:
            open_values.pop()
            parts.append(("\n" + indent * (len(open_values) - 1) if indent and closing else "") + closing)
        else:
            before, item = step
            if isinstance(item, (list, dict)) and item:
                line = "\n" + indent * len(open_values) if indent else ""
                if isinstance(item, dict):
                    parts.append(before + "{")
                    open_values.append((_members(item, line, ": " if indent else ":", special), "}"))
                else:
                    parts.append(before + "[")
                    open_values.append((_elements(item, line), "]"))
            else:
                parts.append(before + _scalar(item, special))
        size += len(parts[-1])
        check_text(size)
        check_printed(len(parts), len(open_values))
    return parts


def _elements(items: list[Any], line: str) -> Iterator[tuple[str, Any]]:
    before = line
    for item in items:
        yield before, item
        before = "," + line


def _members(items: dict[str, Any], line: str, colon: str, special: re.Pattern[str]) -> Iterator[tuple[str, Any]]:
    before = line
    for key in sorted(items):
        yield f"{before}{_string(key, special)}{colon}", items[key]
        before = "," + line


def _scalar(value: Any, special: re.Pattern[str]) -> str:
    if type(value) is str:
        return _string(value, special)
    if is_nil(value):
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, SizedInt):
        return int.__repr__(value)
    if isinstance(value, (int, float)):
        number = float(value)
        if number - number != 0:
            raise EvaluationError(f"JSON cannot hold {shortest(number)}")
        return trim_exponent(shortest(number, low=-6, high=21))
    if isinstance(value, GoObject):
        return _string(value.json_text(), special)
    return "{}" if isinstance(value, dict) else "[]"


def _string(text: str, special: re.Pattern[str]) -> str:
    return f'"{special.sub(_escaped, text)}"' if special.search(text) else f'"{text}"'


def _escaped(match: re.Match[str]) -> str:
    char = match.group()
    if "\ud800" <= char <= "\udfff":
        return "\\ufffd"
    return _NAMED.get(char) or f"\\u{ord(char):04x}"
