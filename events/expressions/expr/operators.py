"""Arithmetic, and reading members, elements and slices, as the reference's runtime does them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from events.errors import EvaluationError
from events.expressions.expr.comparing import text_key
from events.expressions.expr.power import power
from events.expressions.expr.types import GROUPS
from events.expressions.expr.values import (
    FLOATS,
    AnyMap,
    Bytes,
    Callee,
    is_integer,
    is_number,
    rejoined,
    to_float,
    to_int,
)
from events.expressions.golang import time_methods as _time_methods  # noqa: F401 - gives times their methods
from events.expressions.golang.durations import Duration
from events.expressions.golang.limits import check_text
from events.expressions.golang.printing import format_value
from events.expressions.golang.times import Time
from events.expressions.golang.values import (
    Int,
    Ints,
    NilList,
    StringMap,
    Strings,
    Uint8,
    as_bytes,
    as_text,
    type_of,
)

__all__ = ["ARITHMETIC", "add", "divided", "fetch", "modulo", "negate", "take_slice", "wrap"]

_BITS = 1 << 64
_HALF = 1 << 63
_NO_METHODS: dict[str, Any] = {}


def wrap(number: int) -> Int:
    """An ``int`` that overflows as Go's does."""
    return Int(number if -_HALF <= number < _HALF else (number + _HALF) % _BITS - _HALF)


def negate(value: Any) -> Any:
    """``-value``."""
    if type(value) in FLOATS:
        return -to_float(value)
    if is_integer(value):
        return Uint8(-value % 256) if type(value) is Uint8 else wrap(-value)
    raise EvaluationError(f"invalid operation: - {type_of(value)}")


def _numbers(
    operator: str, whole: Callable[[int, int], int], real: Callable[[float, float], float]
) -> Callable[..., Any]:
    """An operator on two numbers; ``_others`` knows it for texts, times and durations."""

    def apply(a: Any, b: Any) -> Any:
        if type(a) is Int and type(b) is Int:
            return wrap(whole(a, b))
        if is_number(a) and is_number(b):
            if type(a) in FLOATS or type(b) in FLOATS:
                return real(to_float(a), to_float(b))
            return wrap(whole(int(a), int(b)))
        return _others(operator, a, b)

    return apply


def _others(operator: str, a: Any, b: Any) -> Any:
    if operator == "+" and type(a) is str and type(b) is str:
        check_text(len(a) + len(b))
        return rejoined(a + b)
    types = (type_of(a), type_of(b))
    if operator == "*" and _DURATION in types:
        return _scaled(a, b)
    compute = _TIMES.get((operator, *types))
    if compute is not None:
        return compute(a, b)
    raise EvaluationError(f"invalid operation: {types[0]} {operator} {types[1]}")


_TIME, _DURATION = "time.Time", "time.Duration"
_TIMES: dict[tuple[str, str, str], Callable[[Any, Any], Any]] = {
    ("+", _TIME, _DURATION): Time.add,
    ("+", _DURATION, _TIME): lambda a, b: b.add(a),
    ("+", _DURATION, _DURATION): lambda a, b: Duration(wrap(a + b)),
    ("-", _TIME, _TIME): Time.since,
    ("-", _TIME, _DURATION): lambda a, b: a.add(-b),
    ("-", _DURATION, _DURATION): lambda a, b: Duration(wrap(a - b)),
}


def _scaled(a: Any, b: Any) -> Any:
    """A product with a duration: a duration, or a number when the other is a float."""
    for factor in (a, b):
        if not (is_number(factor) or isinstance(factor, Duration)):
            raise EvaluationError(f"invalid operation: {type_of(a)} * {type_of(b)}")
    if type(a) in FLOATS or type(b) in FLOATS:
        return float(a) * float(b)
    return Duration(wrap(int(a) * int(b)))


def _divide(a: Any, b: Any) -> float:
    if not (is_number(a) and is_number(b)):
        raise EvaluationError(f"invalid operation: {type_of(a)} / {type_of(b)}")
    return divided(to_float(a), to_float(b))


def divided(a: float, b: float) -> float:
    """``a / b`` of IEEE 754."""
    if b:
        return a / b
    if a != a or a == 0:
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def _modulo(a: Any, b: Any) -> Int:
    if not (is_integer(a) and is_integer(b)):
        raise EvaluationError(f"invalid operation: {type_of(a)} % {type_of(b)}")
    if not b:
        raise EvaluationError("runtime error: integer divide by zero")
    return modulo(int(a), int(b))


def modulo(a: int, b: int) -> Int:
    """The remainder with the sign of ``a``."""
    rest = abs(a) % abs(b)
    return Int(-rest if a < 0 else rest)


add = _numbers("+", lambda a, b: a + b, lambda a, b: a + b)

ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": add,
    "-": _numbers("-", lambda a, b: a - b, lambda a, b: a - b),
    "*": _numbers("*", lambda a, b: a * b, lambda a, b: a * b),
    "/": _divide,
    "%": _modulo,
    "**": lambda a, b: power(to_float(a), to_float(b)),
    "^": lambda a, b: power(to_float(a), to_float(b)),
}


def fetch(owner: Any, key: Any) -> Any:
    """``owner.key`` and ``owner[key]``: an entry (nil when absent), an element (from the end when negative), a byte, a method."""
    if isinstance(owner, dict):
        absent = "" if isinstance(owner, StringMap) else None
        return owner.get(text_key(key), absent)
    if isinstance(owner, (list, str, Bytes)):
        return _element(owner, key)
    if isinstance(owner, AnyMap):
        found = owner.get(key)
        return NilList() if found is None and owner.go_type == GROUPS.name else found
    method = getattr(owner, "methods", _NO_METHODS).get(key) if type(key) is str else None
    if method is not None:
        return Callee(method, owner)
    raise EvaluationError(f"cannot fetch {format_value(key)} from {type_of(owner)}")


def _element(owner: Any, key: Any) -> Any:
    index = to_int(key)
    items = as_bytes(owner) if type(owner) is str else owner.data if isinstance(owner, Bytes) else owner
    position = index + len(items) if index < 0 else index
    if not 0 <= position < len(items):
        raise EvaluationError(f"index out of range: {position} (array length is {len(items)})")
    item = items[position]
    return Uint8(item) if isinstance(items, bytes) else item


def take_slice(owner: Any, start: Any, stop: Any) -> Any:
    """``owner[start:stop]``, clamped; negative positions count from the end. ``stop`` None is the length."""
    if not isinstance(owner, (list, str, Bytes)):
        if stop is None:
            raise EvaluationError(f"invalid argument for len (type {type_of(owner)})")
        raise EvaluationError(f"cannot slice {format_value(start)}")
    items: Any = owner.data if isinstance(owner, Bytes) else owner
    if isinstance(owner, str) and not owner.isascii():
        items = as_bytes(owner)
    length = len(items)
    first = to_int(start)
    last = length if stop is None else to_int(stop)
    first = max(first + length if first < 0 else first, 0)
    last = min(max(last + length if last < 0 else last, 0), length)
    first = min(first, last)
    part = items[first:last]
    if isinstance(owner, Bytes):
        return Bytes(part)
    if isinstance(owner, str):
        return as_text(part) if isinstance(part, bytes) else part
    kind = type(owner) if isinstance(owner, (Strings, Ints)) else list
    return kind(part)
