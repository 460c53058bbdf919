"""Values that only expressions make, beside those of ``events.expressions.golang``, and how any value is looked at."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from events.errors import EvaluationError
from events.expressions.golang.functions import Function
from events.expressions.golang.printing import format_value
from events.expressions.golang.values import (
    GoObject,
    Int,
    NilList,
    NilStrings,
    SizedInt,
    Uint8,
    as_bytes,
    as_text,
    kind_of,
    type_of,
)

__all__ = [
    "FLOATS",
    "NIL_LISTS",
    "NO_ITEM",
    "AnyMap",
    "Bytes",
    "Callee",
    "Pair",
    "Pairs",
    "is_integer",
    "is_nil",
    "is_number",
    "items_of",
    "not_bool",
    "rejoined",
    "to_float",
    "to_int",
    "want_text",
    "weigh",
]

FLOATS = frozenset({int, float})
"""Python types that are ``float64``: a plain ``int`` is a whole number of a JSON document."""
NIL_LISTS = frozenset({NilList, NilStrings})
MAX_WEIGHT = 150_000
"""Values in one value that is compared, written or copied; 64 KiB of JSON have at most 32,768."""
NO_ITEM: Any = object()
"""Stands for the elements of a map, which a predicate may count, but not see."""

_MIN_INT, _MAX_INT = -(1 << 63), 1 << 63


class Bytes(GoObject):
    """``[]byte``."""

    __slots__ = ("data",)
    go_kind = "slice"
    go_type = "[]uint8"

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bytes) and self.data == other.data

    def __hash__(self) -> int:
        return hash(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        return f"[{' '.join(map(str, self.data))}]"

    def json_text(self) -> str:
        """Base64."""
        return base64.b64encode(self.data).decode()


class Pair(list[Any], GoObject):
    """``[2]interface {}``: one entry of ``toPairs``."""

    __slots__ = ()
    go_kind = "array"
    go_type = "[2]interface {}"
    __str__ = list.__repr__
    __hash__ = None  # type: ignore[assignment]


class Pairs(list[Any], GoObject):
    """``[][2]interface {}``: what ``toPairs`` gives, never empty."""

    __slots__ = ()
    go_kind = "slice"
    go_type = "[][2]interface {}"
    __str__ = list.__repr__
    __hash__ = None  # type: ignore[assignment]


class AnyMap(GoObject):
    """A map whose keys may be of any type (``groupBy``, ``fromPairs``): 1, 1.0 and true are three keys. JSON has no such thing."""

    __slots__ = ("_entries", "go_type")
    go_kind = "map"

    def __init__(self, go_type: str) -> None:
        self.go_type = go_type  # type: ignore[misc]  # differs by what made the map
        self._entries: dict[Any, tuple[Any, Any]] = {}

    @staticmethod
    def _hashed(key: Any) -> Any:
        if key is None or type(key) in (str, bool):
            return key if type(key) is str else (type(key), key)
        if type(key) in FLOATS:
            return (float, float(key))
        if isinstance(key, SizedInt):
            return (type(key), int(key))
        if isinstance(key, Pair):
            return (Pair, *(AnyMap._hashed(item) for item in key))
        if isinstance(key, GoObject) and not isinstance(key, (list, AnyMap, Bytes, Callee)):
            return (type(key), key)
        raise EvaluationError(f"runtime error: hash of unhashable type {type_of(key)}")

    def __setitem__(self, key: Any, value: Any) -> None:
        hashed = self._hashed(key)
        held = self._entries.get(hashed)
        self._entries[hashed] = (key if held is None else held[0], value)

    def __contains__(self, key: Any) -> bool:
        return self._hashed(key) in self._entries

    def get(self, key: Any) -> Any:
        """The value under ``key``, or None."""
        held = self._entries.get(self._hashed(key))
        return None if held is None else held[1]

    def items(self) -> Iterator[tuple[Any, Any]]:
        """Keys and values."""
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        from events.expressions.expr.comparing import deep_equal

        return (
            isinstance(other, AnyMap)
            and self.go_type == other.go_type
            and len(self) == len(other)
            and all(key in other and deep_equal(value, other.get(key)) for key, value in self.items())
        )

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return f"map[{' '.join(f'{format_value(k)}:{format_value(v)}' for k, v in sorted_items(self))}]"

    def json_text(self) -> str:
        """There is none."""
        raise EvaluationError(f"json: unsupported type: {self.go_type}")


def sorted_items(entries: AnyMap) -> list[tuple[Any, Any]]:
    """The entries in the order in which Go prints them: nil, numbers, then texts."""

    def order(entry: tuple[Any, Any]) -> tuple[int, float, str]:
        key = entry[0]
        if key is None:
            return (0, 0.0, "")
        if is_number(key) or isinstance(key, bool):
            return (1, float(key), "")
        return (2, 0.0, format_value(key))

    return sorted(entries.items(), key=order)


class Callee(GoObject):
    """A function that is a value: a method of a time, a helper of the environment."""

    __slots__ = ("bound", "function")
    go_kind = "func"
    go_type = "func"

    def __init__(self, function: Function, *receiver: Any) -> None:
        self.function = function
        self.bound = receiver

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return "func"

    def json_text(self) -> str:
        """There is none."""
        raise EvaluationError("json: unsupported type: func")


def is_nil(value: Any) -> bool:
    """Whether Go sees nil: no value, or a list that was never made."""
    return value is None or type(value) in NIL_LISTS


def is_integer(value: Any) -> bool:
    """Whether a value is of one of Go's own integer types (a duration isn't)."""
    return isinstance(value, SizedInt) and value.go_type == value.go_kind


def is_number(value: Any) -> bool:
    """Whether a value is a number: durations, months and truth values aren't."""
    return type(value) in FLOATS or is_integer(value)


def to_float(value: Any) -> float:
    """A number as ``float64``."""
    if is_number(value):
        try:
            return float(value)
        except OverflowError:
            raise EvaluationError("number out of range") from None
    raise EvaluationError(f"invalid operation: float({type_of(value)})")


def to_int(value: Any) -> int:
    """A number as ``int``: cut towards zero; what does not fit is the smallest integer, as on amd64."""
    if type(value) is Int:
        return value
    if type(value) in FLOATS:
        return truncated(to_float(value))
    if is_integer(value):
        return int(value)
    raise EvaluationError(f"invalid operation: int({type_of(value)})")


def truncated(number: float) -> int:
    """Go's conversion of a float to ``int``."""
    if number != number or not _MIN_INT <= number < _MAX_INT:
        return _MIN_INT
    return int(number)


def not_bool(value: Any) -> EvaluationError:
    """The error of a value that stands where a truth value must."""
    name = "nil" if value is None else type_of(value)
    return EvaluationError(f"interface conversion: interface {{}} is {name}, not bool")


def want_text(value: Any) -> str:
    """The value, which must be a string."""
    if type(value) is str:
        return value
    raise EvaluationError(
        f"interface conversion: interface {{}} is {type_of(value).replace('<nil>', 'nil')}, not string"
    )


def items_of(value: Any) -> list[Any]:
    """The elements of a list, the bytes of a string. A map has rounds, but no elements; anything else cannot be walked."""
    if isinstance(value, list):
        return value
    if type(value) is str:
        return [Uint8(byte) for byte in as_bytes(value)]
    if isinstance(value, Bytes):
        return [Uint8(byte) for byte in value.data]
    if isinstance(value, (dict, AnyMap)):
        return [NO_ITEM] * len(value)
    if value is None:
        raise EvaluationError("reflect: call of reflect.Value.Len on zero Value")
    raise EvaluationError(f"reflect: call of reflect.Value.Len on {kind_of(value)} Value")


def weigh(value: Any, limit: int = MAX_WEIGHT) -> int:
    """How many values are in ``value``. A small program can make one that holds itself a million times over, so above ``limit``
    that is an ``EvaluationError``.
    """
    weight = 1
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            found = found.values()
        elif isinstance(found, AnyMap):
            found = [item for _, item in found.items()]
        elif not isinstance(found, list):
            continue
        weight += len(found)
        if weight > limit:
            raise EvaluationError("the value is too large", reason="LimitReached")
        for item in found:
            if type(item) is str:
                weight += len(item) >> 4
            elif isinstance(item, (list, dict, AnyMap)):
                waiting.append(item)
    return weight


def rejoined(text: str) -> str:
    """A text that was put together from pieces: bytes of one character that met again are that character."""
    return text if text.isascii() else as_text(as_bytes(text))
