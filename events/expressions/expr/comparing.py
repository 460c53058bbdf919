"""``==``, ``<``, ``in`` and the text operators, as the reference's runtime decides them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from events.errors import EvaluationError
from events.expressions.expr.values import (
    FLOATS,
    AnyMap,
    Bytes,
    Pair,
    Pairs,
    is_nil,
    is_number,
    items_of,
    to_float,
)
from events.expressions.golang.times import Time
from events.expressions.golang.values import Int, Lists, SizedInt, as_bytes, type_of
from events.expressions.golang.values import deep_equal as _deep_equal

__all__ = ["deep_equal", "equal", "equal_exactly", "is_in", "less", "order"]

_MAX_DEPTH = 100


def equal(a: Any, b: Any, depth: int = 0) -> bool:
    """``a == b``: numbers by value, lists of any element type one by one, everything else deeply and with exact types."""
    kind_a, kind_b = type(a), type(b)
    if kind_a is kind_b and (kind_a is str or kind_a is bool or kind_a is Int):
        return bool(a == b)
    if kind_a in FLOATS and kind_b in FLOATS:
        return to_float(a) == to_float(b)
    if kind_a is str or kind_b is str or a is None or b is None:
        return kind_a is kind_b and a == b if kind_a is str or kind_b is str else is_nil(a) and is_nil(b)
    if is_number(a) and is_number(b):
        return to_float(a) == to_float(b) if kind_a in FLOATS or kind_b in FLOATS else int(a) == int(b)
    if _walks(a) and _walks(b):
        return _equal_lists(a, b, depth)
    return _equal_others(a, b)


def equal_exactly(a: Any, b: Any) -> bool:
    """``a == b`` of the early dialect: lists are equal only when their elements have the same types."""
    return _equal_others(a, b) if _walks(a) or _walks(b) else equal(a, b)


def _equal_others(a: Any, b: Any) -> bool:
    if is_nil(a) and is_nil(b):
        return True
    if isinstance(a, Time) and isinstance(b, Time):
        return a.nanoseconds == b.nanoseconds
    return deep_equal(a, b)


def _walks(value: Any) -> bool:
    return isinstance(value, Bytes) or (isinstance(value, list) and not isinstance(value, (Pair, Pairs, Lists)))


def _element_type(value: Any) -> str:
    return "any" if type(value) is list or type_of(value) == "[]interface {}" else type_of(value)


def _equal_lists(a: Any, b: Any, depth: int) -> bool:
    type_a, type_b = _element_type(a), _element_type(b)
    if type_a != type_b and "any" not in (type_a, type_b):
        return is_nil(a) and is_nil(b)
    if depth > _MAX_DEPTH:
        raise EvaluationError("the values are nested too deeply to compare")
    items_a, items_b = items_of(a), items_of(b)
    return len(items_a) == len(items_b) and all(equal(x, y, depth + 1) for x, y in zip(items_a, items_b, strict=True))


def deep_equal(a: Any, b: Any) -> bool:
    """``reflect.DeepEqual``."""
    return _deep_equal(a, b)


def less(a: Any, b: Any) -> bool:
    """``a < b``, the order of sorting."""
    return order("<", a, b) < 0


def order(operator: str, a: Any, b: Any) -> float:
    """The sign of ``a - b``; NaN where floats have no order."""
    if is_number(a) and is_number(b):
        if type(a) in FLOATS or type(b) in FLOATS:
            x, y = to_float(a), to_float(b)
        else:
            x, y = int(a), int(b)
        if x < y:
            return -1
        return 1 if x > y else 0 if x == y else float("nan")
    kind = type_of(a)
    if kind == type_of(b):
        if type(a) is str:
            if a.isascii() and b.isascii():
                return -1 if a < b else int(a > b)
            left, right = as_bytes(a), as_bytes(b)
            return -1 if left < right else int(left > right)
        if kind == "time.Time":
            a, b = a.nanoseconds, b.nanoseconds
        if kind in ("time.Time", "time.Duration"):
            return -1 if a < b else int(a > b)
    raise EvaluationError(f"invalid operation: {kind} {operator} {type_of(b)}")


def is_in(needle: Any, haystack: Any, equal: Callable[[Any, Any], bool] = equal) -> bool:
    """``needle in haystack``: an element of a list, a key of a map; nothing is in nil."""
    if haystack is None:
        return False
    if isinstance(haystack, list):
        if type(needle) is str:
            return needle in haystack
        return any(equal(item, needle) for item in haystack)
    if isinstance(haystack, dict):
        return text_key(needle) in haystack
    if isinstance(haystack, AnyMap):
        return needle in haystack
    if isinstance(haystack, frozenset):
        return _in_set(needle, haystack)
    if isinstance(haystack, Bytes):
        return any(equal(item, needle) for item in items_of(haystack))
    if type_of(haystack) == "time.Time":
        if type(needle) is not str:
            raise EvaluationError(f"cannot use {type_of(needle)} as field name of time.Time")
        return False
    raise EvaluationError(f'operator "in" not defined on {type_of(haystack)}')


def _in_set(needle: Any, members: frozenset[Any]) -> bool:
    """A list of literals that the optimizer turned into a set: the type of the needle must be theirs, nil is their zero."""
    sample = next(iter(members))
    if needle is None:
        return type(sample)() in members
    if type(needle) is not type(sample):
        raise EvaluationError(
            f"reflect.Value.MapIndex: value of type {type_of(needle)} is not assignable to type {type_of(sample)}"
        )
    return needle in members


def text_key(key: Any) -> str:
    """A key of a map whose keys are strings; nil is the empty one."""
    if type(key) is str:
        return key
    if key is None:
        return ""
    if isinstance(key, SizedInt) or not is_nil(key):
        raise EvaluationError(f"reflect.Value.MapIndex: value of type {type_of(key)} is not assignable to type string")
    return ""
