"""The functions of ``text/template`` itself. ``and`` and ``or`` are part of the interpreter, as they don't evaluate all arguments.

``slice`` is not here: sprig's function of that name takes its place. Follows https://pkg.go.dev/text/template#hdr-Functions.
"""

from __future__ import annotations

import html
import re
from typing import Any, NoReturn

from events.errors import EvaluationError
from events.expressions.golang.functions import Function, by_name
from events.expressions.golang.limits import check_slow_text
from events.expressions.golang.printing import sprint, sprintln
from events.expressions.golang.quoting import is_print
from events.expressions.golang.urls import query_escape
from events.expressions.golang.values import (
    GoObject,
    Int,
    SizedInt,
    StringMap,
    Uint8,
    as_bytes,
    byte_length,
    is_empty,
    is_nil,
    kind_of,
    type_of,
)
from events.expressions.gotemplate.printf import sprintf

__all__ = ["FUNCTIONS", "is_true"]


def is_true(value: Any) -> bool:
    """What ``if`` asks: not the zero of its type."""
    return not is_empty(value)


def _not(value: Any) -> bool:
    return is_empty(value)


def _len(value: Any) -> Int:
    if type(value) is str:
        return Int(byte_length(value))
    if isinstance(value, (list, dict)):
        return Int(len(value))
    raise EvaluationError("len of nil pointer" if value is None else f"len of type {type_of(value)}")


def _index(item: Any, *indexes: Any) -> Any:
    if item is None:
        raise EvaluationError("index of untyped nil")
    for index in indexes:
        if item is None:
            raise EvaluationError("index of nil pointer")
        item = _at(item, index)
    return item


def _at(item: Any, index: Any) -> Any:
    if isinstance(item, dict):
        if type(index) is not str:
            raise EvaluationError(f"value has type {type_of(index)}; should be string")
        return item.get(index, "" if isinstance(item, StringMap) else None)
    if isinstance(item, list):
        return item[_position(index, len(item))]
    if type(item) is str:
        raw = as_bytes(item)
        return Uint8(raw[_position(index, len(raw))])
    raise EvaluationError(f"can't index item of type {type_of(item)}")


def _position(index: Any, length: int) -> int:
    if not isinstance(index, SizedInt):
        raise EvaluationError(f"cannot index slice/array with type {type_of(index)}")
    if not 0 <= index < length:
        raise EvaluationError(f"index out of range: {int(index)}")
    return index


def _call(function: Any, *arguments: Any) -> NoReturn:
    raise EvaluationError("call of nil" if function is None else f"non-function of type {type_of(function)}")


def _basic_kind(value: Any) -> str:
    """The kinds that compare with each other; empty for all others."""
    if isinstance(value, SizedInt):
        return "int"
    kind = kind_of(value)
    return kind if kind in ("bool", "float64", "string") else ""


def _eq(first: Any, *others: Any) -> bool:
    if not others:
        raise EvaluationError("missing argument for comparison")
    return any(_equal(first, other) for other in others)


def _equal(a: Any, b: Any) -> bool:
    kind, other = _basic_kind(a), _basic_kind(b)
    if kind != other:
        if a is None or b is None:
            return False
        raise EvaluationError(f"incompatible types for comparison: {type_of(a)} and {type_of(b)}")
    if kind == "float64":
        return float(a) == float(b)
    if kind:
        return bool(a == b)
    if a is not None and b is not None and kind_of(a) != kind_of(b):
        raise EvaluationError(f"non-comparable types {type_of(a)} and {type_of(b)}")
    if is_nil(a) or is_nil(b):
        return is_nil(a) and is_nil(b)
    if not isinstance(b, GoObject):
        raise EvaluationError(f"non-comparable type {type_of(b)}")
    return bool(a == b)


def _ne(a: Any, b: Any) -> bool:
    return not _equal(a, b)


def _lt(a: Any, b: Any) -> bool:
    kind, other = _basic_kind(a), _basic_kind(b)
    if not kind or not other:
        raise EvaluationError("invalid type for comparison")
    if kind != other:
        raise EvaluationError(f"incompatible types for comparison: {type_of(a)} and {type_of(b)}")
    if kind == "bool":
        raise EvaluationError("invalid type for comparison")
    return bool(float(a) < float(b) if kind == "float64" else a < b)


def _le(a: Any, b: Any) -> bool:
    return _lt(a, b) or _equal(a, b)


def _gt(a: Any, b: Any) -> bool:
    return not _le(a, b)


def _ge(a: Any, b: Any) -> bool:
    return not _lt(a, b)


def _print(*values: Any) -> str:
    return sprint(values)


def _println(*values: Any) -> str:
    return sprintln(values)


def _printed(values: tuple[Any, ...]) -> str:
    """The text that an escaping function escapes."""
    return sprint(tuple("<no value>" if value is None else value for value in values))


def _html(*values: Any) -> str:
    text = html.escape(_printed(values), quote=True)
    return text.replace("&quot;", "&#34;").replace("&#x27;", "&#39;").replace("\0", "\ufffd")


_JS_SPECIAL = re.compile("[\\\\'\"<>&=\x00-\x1f\x80-\U0010ffff]")
_JS_NAMED = {"\\": "\\\\", "'": "\\'", '"': '\\"'}


def _js(*values: Any) -> str:
    text = _printed(values)
    check_slow_text(text)
    return _JS_SPECIAL.sub(_js_escaped, text)


def _js_escaped(match: re.Match[str]) -> str:
    char = match.group()
    if char in _JS_NAMED:
        return _JS_NAMED[char]
    if char >= "\x80" and is_print(char):
        return char
    code = ord(char)
    return f"\\u{0xFFFD if 0xD800 <= code < 0xE000 else code:04X}"


def _urlquery(*values: Any) -> str:
    return query_escape(_printed(values))


FUNCTIONS = by_name(
    [
        Function("call", _call, ("any", "any...")),
        Function("eq", _eq, ("any", "any...")),
        Function("ge", _ge, ("any", "any")),
        Function("gt", _gt, ("any", "any")),
        Function("html", _html, ("any...",)),
        Function("index", _index, ("any", "any...")),
        Function("js", _js, ("any...",)),
        Function("le", _le, ("any", "any")),
        Function("len", _len, ("any",)),
        Function("lt", _lt, ("any", "any")),
        Function("ne", _ne, ("any", "any")),
        Function("not", _not, ("any",)),
        Function("print", _print, ("any...",)),
        Function("printf", sprintf, ("string", "any...")),
        Function("println", _println, ("any...",)),
        Function("urlquery", _urlquery, ("any...",)),
    ]
)
