"""The Go type behind each Python value, and what follows from it: kind, type name, emptiness, equality.

The table of types is in the package's docstring. A document from orjson is used as it is: its whole numbers are plain ``int``
and count as ``float64``, so whole numbers that a program writes or computes are ``Int`` or ``Int64``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from events.errors import EvaluationError
from events.expressions.golang.limits import MAX_DEPTH, MAX_NODES

__all__ = [
    "GoObject",
    "Int",
    "Int64",
    "Ints",
    "Lists",
    "NilList",
    "NilMap",
    "NilStrings",
    "SizedInt",
    "StringMap",
    "Strings",
    "Uint8",
    "Uint64",
    "as_bytes",
    "as_text",
    "byte_length",
    "deep_copy",
    "deep_equal",
    "float_to_int64",
    "has_text",
    "is_empty",
    "is_nil",
    "kind_of",
    "type_of",
    "wrap_int64",
]


class SizedInt(int):
    """A Go integer. Arithmetic gives a plain ``int``: wrap the result."""

    __slots__ = ()
    go_kind: ClassVar[str] = "int"
    go_type: ClassVar[str] = "int"
    signed: ClassVar[bool] = True
    methods: ClassVar[Mapping[str, Any]] = {}
    has_text: ClassVar[bool] = False  # whether it prints as a word, not as a number


class Int(SizedInt):
    """``int``: a number in a program, an index, a length."""

    __slots__ = ()


class Int64(SizedInt):
    """``int64``: what sprig's arithmetic gives."""

    __slots__ = ()
    go_kind = "int64"
    go_type = "int64"


class Uint64(SizedInt):
    """``uint64``: a part of a version."""

    __slots__ = ()
    go_kind = "uint64"
    go_type = "uint64"
    signed = False


class Uint8(SizedInt):
    """``uint8``: one byte of a string."""

    __slots__ = ()
    go_kind = "uint8"
    go_type = "uint8"
    signed = False


class Strings(list[Any]):
    """``[]string``."""

    __slots__ = ()


class NilStrings(Strings):
    """A nil ``[]string``: empty, ``null`` as JSON."""

    __slots__ = ()


class Ints(list[Any]):
    """``[]int``."""

    __slots__ = ()


class Lists(list[Any]):
    """``[][]interface {}``."""

    __slots__ = ()


class NilList(list[Any]):
    """A nil ``[]interface {}``: empty, ``null`` as JSON."""

    __slots__ = ()


class StringMap(dict[str, Any]):
    """``map[string]string``: a missing key is the empty string."""

    __slots__ = ()


class NilMap(dict[str, Any]):
    """A nil ``map[string]interface {}``: empty, ``null`` as JSON."""

    __slots__ = ()


class GoObject:
    """A value with methods. ``str()`` gives Go's ``String()``; ``methods`` is what a template may call on it."""

    __slots__ = ()
    go_kind: ClassVar[str] = "struct"
    go_type: ClassVar[str] = ""
    methods: ClassVar[Mapping[str, Any]] = {}

    def json_text(self) -> str:
        """The text that stands for this value in JSON, still unquoted."""
        return str(self)


_TYPES: dict[type, tuple[str, str]] = {
    type(None): ("invalid", "<nil>"),
    bool: ("bool", "bool"),
    str: ("string", "string"),
    int: ("float64", "float64"),
    float: ("float64", "float64"),
    list: ("slice", "[]interface {}"),
    NilList: ("slice", "[]interface {}"),
    Strings: ("slice", "[]string"),
    NilStrings: ("slice", "[]string"),
    Ints: ("slice", "[]int"),
    Lists: ("slice", "[][]interface {}"),
    dict: ("map", "map[string]interface {}"),
    NilMap: ("map", "map[string]interface {}"),
    StringMap: ("map", "map[string]string"),
}


def _types(value: Any) -> tuple[str, str]:
    known = _TYPES.get(type(value))
    if known is not None:
        return known
    if isinstance(value, (SizedInt, GoObject)):
        return (value.go_kind, value.go_type)
    raise EvaluationError(f"a value of type {type(value).__name__} has no meaning here")


def kind_of(value: Any) -> str:
    """Go's ``reflect`` kind: ``invalid``, ``bool``, ``int``, ``float64``, ``string``, ``slice``, ``map``, ``struct``, ``ptr`` …"""
    return _types(value)[0]


def type_of(value: Any) -> str:
    """Go's ``%T``: ``map[string]interface {}``, ``[]string``, ``<nil>`` …"""
    return _types(value)[1]


def is_nil(value: Any) -> bool:
    """Whether Go sees a nil: no value, or a slice or map that was never made."""
    return value is None or isinstance(value, (NilList, NilStrings, NilMap))


def is_empty(value: Any) -> bool:
    """Whether ``value`` is the zero of its type: false, 0, an empty text, list or map, nil. An object never is."""
    return not isinstance(value, GoObject) and not value


def has_text(value: Any) -> bool:
    """Whether Go prints the value by a ``String`` method of its own."""
    return isinstance(value, GoObject) or (isinstance(value, SizedInt) and value.has_text)


def byte_length(text: str) -> int:
    """Go's ``len`` of a string: bytes."""
    return len(text) if text.isascii() else len(as_bytes(text))


def as_bytes(text: str) -> bytes:
    """The bytes of a Go string. A lone surrogate that stands for no byte becomes U+FFFD, as Go's JSON decoder makes it."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return _repair(text).encode("utf-8", "surrogateescape")


def _repair(text: str) -> str:
    return "".join("\ufffd" if "\ud800" <= c < "\udc80" or "\udcff" < c <= "\udfff" else c for c in text)


def as_text(raw: bytes) -> str:
    """A Go string from its bytes, whatever they are."""
    return raw.decode("utf-8", "surrogateescape")


def wrap_int64(number: int) -> Int64:
    """An ``int64`` that overflows as Go's does."""
    return Int64((number + 0x8000000000000000 & 0xFFFFFFFFFFFFFFFF) - 0x8000000000000000)


def deep_equal(a: Any, b: Any) -> bool:
    """Go's ``reflect.DeepEqual``: same types all the way down, NaN unequal to itself, a nil slice unequal to an empty one."""
    waiting = [(a, b)]
    for _ in range(MAX_NODES):
        if not waiting:
            return True
        a, b = waiting.pop()
        if _types(a)[1] != _types(b)[1] or is_nil(a) != is_nil(b):
            return False
        if isinstance(a, list):
            if len(a) != len(b):
                return False
            if a is not b:
                waiting.extend(zip(a, b, strict=True))
        elif isinstance(a, dict):
            if len(a) != len(b):
                return False
            for key, item in a.items():
                if key not in b:
                    return False
                waiting.append((item, b[key]))
        elif isinstance(a, float) or isinstance(b, float):
            if float(a) != float(b) or math.isnan(a):
                return False
        elif a != b:
            return False
    raise EvaluationError("the values are too large to compare", reason="LimitReached")


def deep_copy(value: Any) -> Any:
    """The same value with lists and maps of its own."""
    budget = [MAX_NODES]
    return _copy(value, budget, 0)


def _copy(value: Any, budget: list[int], depth: int) -> Any:
    if not isinstance(value, (list, dict)):
        return value
    budget[0] -= len(value) + 1
    if budget[0] < 0 or depth > MAX_DEPTH:
        raise EvaluationError("the value is too large or too deep to copy", reason="LimitReached")
    if isinstance(value, dict):
        return type(value)((key, _copy(item, budget, depth + 1)) for key, item in value.items())
    return type(value)(_copy(item, budget, depth + 1) for item in value)


def float_to_int64(number: float) -> int:
    """Go's ``int64(f)`` on amd64 and most others: the fraction is dropped, what does not fit is the smallest ``int64``."""
    return int(number) if -(2.0**63) <= number < 2.0**63 else -(2**63)
