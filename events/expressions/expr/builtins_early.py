"""Built-in functions that the early dialect (1.15) has otherwise."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from events.errors import EvaluationError
from events.expressions.expr.builtins_list import get_or_nil, length_in_bytes
from events.expressions.expr.builtins_number import convert_own_int
from events.expressions.expr.comparing import less
from events.expressions.expr.machine import Machine
from events.expressions.expr.operators import wrap
from events.expressions.expr.predicates import sorted_by
from events.expressions.expr.values import FLOATS, items_of
from events.expressions.golang.values import SizedInt, kind_of, type_of

__all__ = ["EARLY"]


def _items(what: str, value: Any) -> list[Any]:
    if kind_of(value) not in ("slice", "array"):
        raise EvaluationError(f"cannot {what} {kind_of(value)}")
    return items_of(value)


def _number(what: str, value: Any) -> Any:
    if type(value) in FLOATS:
        return float(value)
    if isinstance(value, SizedInt) and value.signed:
        return int(value)
    raise EvaluationError(f"cannot {what} {kind_of(value)}")


def _sum(m: Machine, value: Any) -> Any:
    numbers = [_number("sum", item) for item in _items("sum", value)]
    total = sum(numbers)
    return float(total) if any(type(number) is float for number in numbers) else wrap(int(total))


def _mean(m: Machine, value: Any) -> float:
    numbers = [float(_number("mean", item)) for item in _items("mean", value)]
    return sum(numbers) / len(numbers) if numbers else 0.0


def _median(m: Machine, value: Any) -> float:
    numbers = [float(_number("median", item)) for item in _items("median", value)]
    return float(statistics.median(numbers)) if numbers else 0.0


def _extreme(replaces: Callable[[Any, Any], bool]) -> Callable[..., Any]:
    def apply(m: Machine, *values: Any) -> Any:
        best: Any = None
        for value in values:
            if best is None or replaces(best, value):
                best = value
        return best

    return apply


def _descends(direction: Any) -> bool:
    if direction not in ("asc", "desc") or type(direction) is not str:
        raise EvaluationError('invalid argument for sort (expected "asc" or "desc")')
    return bool(direction == "desc")


def _sorted(m: Machine, value: Any, field: str, direction: Any) -> list[Any]:
    """A list in order of its elements, or of a field of those that are maps; all keys of one type."""
    items = _items("sort", value)
    descending = _descends(direction)
    keys: list[Any] = [item.get(field) if isinstance(item, dict) else item for item in items]
    for item, key in zip(items, keys, strict=True):
        if key is None and (item is None or isinstance(item, dict)):
            raise EvaluationError("cannot sort nil")
        if type_of(key) != type_of(keys[0]):
            raise EvaluationError(f"cannot sort array of different types ({type_of(key)} and {type_of(keys[0])})")
    if len(keys) > 1 and type(keys[0]) is not str and type(keys[0]) not in FLOATS:
        if not (isinstance(keys[0], SizedInt) and keys[0].signed):
            raise EvaluationError(f"sort: unsupported type {kind_of(keys[0])}")
        keys = [wrap(int(key)) for key in keys]
    m.grow(len(items))
    m.spend(len(items))
    return sorted_by(items, keys, descending)


def _sort_by(m: Machine, value: Any, field: Any, direction: Any = "asc") -> list[Any]:
    _items("sort", value)
    if type(field) is not str:
        raise EvaluationError(f"invalid argument for sort (expected string, got {type_of(field)})")
    return _sorted(m, value, field, direction)


EARLY: dict[str, Any] = {
    "len": length_in_bytes,
    "int": convert_own_int,
    "get": get_or_nil,
    "sum": _sum,
    "mean": _mean,
    "median": _median,
    "max": _extreme(less),
    "min": _extreme(lambda best, value: less(value, best)),
    "sort": lambda m, value, direction="asc": _sorted(m, value, "", direction),
    "sortBy": _sort_by,
}
