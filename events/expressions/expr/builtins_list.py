"""Built-in functions on lists and maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from events.errors import EvaluationError
from events.expressions.expr.comparing import equal
from events.expressions.expr.machine import Machine
from events.expressions.expr.operators import fetch
from events.expressions.expr.predicates import sorted_by
from events.expressions.expr.types import ANY_MAP
from events.expressions.expr.values import AnyMap, Bytes, Pair, Pairs, is_number, items_of, to_float, to_int, weigh
from events.expressions.golang.printing import format_value
from events.expressions.golang.values import (
    Int,
    Ints,
    NilList,
    SizedInt,
    Strings,
    byte_length,
    kind_of,
    type_of,
)

__all__ = ["LIST", "get_or_nil"]

_MAX_NESTING = 10_000
_MAX_LIKENESS = 8


def _list(what: str, value: Any) -> list[Any]:
    if kind_of(value) not in ("slice", "array"):
        raise EvaluationError(f"cannot {what} {kind_of(value)}")
    return items_of(value)


def _length(m: Machine, value: Any) -> Int:
    if isinstance(value, (str, list, dict, Bytes, AnyMap)):
        return Int(len(value))
    raise EvaluationError(f"invalid argument for len (type {type_of(value)})")


def length_in_bytes(m: Machine, value: Any) -> Int:
    """``len`` of the early dialect."""
    return Int(byte_length(value)) if type(value) is str else _length(m, value)


def _end(index: int) -> Callable[[Machine, Any], Any]:
    """``first`` and ``last``: nil wherever there is none."""

    def apply(m: Machine, value: Any) -> Any:
        try:
            return fetch(value, Int(index))
        except EvaluationError:
            return None

    return apply


def _get(m: Machine, owner: Any, key: Any) -> Any:
    if owner is None:
        return None
    if isinstance(owner, (list, str, Bytes)):
        to_int(key)
        return get_or_nil(m, owner, key)
    if isinstance(owner, AnyMap):
        return owner.get(key)
    return fetch(owner, key) if isinstance(owner, dict) else get_or_nil(m, owner, key)


def get_or_nil(m: Machine, owner: Any, key: Any) -> Any:
    """``get`` of the early dialect: nil for whatever cannot be read."""
    try:
        return fetch(owner, key)
    except EvaluationError:
        return None


def _take(m: Machine, value: Any, count: Any) -> Any:
    items = _list("take from", value)
    if not isinstance(count, SizedInt) or not count.signed:
        raise EvaluationError(f"cannot take {kind_of(count)} elements")
    if count < 0 or isinstance(value, Pair):
        raise EvaluationError("reflect.Value.Slice: slice index out of bounds")
    if isinstance(value, Bytes):
        return Bytes(value.data[:count])
    kind = type(value) if isinstance(value, (Strings, Ints)) else list
    m.spend(min(len(items), int(count)) >> 5)
    return kind(items[:count])


def _entries(m: Machine, what: str, value: Any) -> Iterator[tuple[Any, Any]]:
    if not isinstance(value, (dict, AnyMap)):
        raise EvaluationError(f"{what.format(kind_of(value))}")
    m.spend(len(value) >> 3)
    return iter(value.items())


def _keys(m: Machine, value: Any) -> list[Any]:
    return [key for key, _ in _entries(m, "cannot get keys from {}", value)]


def _values(m: Machine, value: Any) -> list[Any]:
    return [item for _, item in _entries(m, "cannot get values from {}", value)]


def _to_pairs(m: Machine, value: Any) -> list[Any]:
    pairs = Pairs(Pair(entry) for entry in _entries(m, "cannot transform {} to pairs", value))
    return pairs or []


def _from_pairs(m: Machine, value: Any) -> AnyMap:
    if kind_of(value) not in ("slice", "array"):
        raise EvaluationError(f"cannot transform {kind_of(value)} from pairs")
    made = AnyMap(ANY_MAP.name)
    for pair in items_of(value):
        if kind_of(pair) not in ("slice", "array"):
            raise EvaluationError(f"invalid pair {format_value(pair)[:80]}")
        parts = items_of(pair)
        if len(parts) != 2:
            raise EvaluationError("invalid pair length")
        made[parts[0]] = parts[1]
    return made


def _reverse(m: Machine, value: Any) -> list[Any]:
    items = _list("reverse", value)
    m.grow(len(items))
    return items[::-1] if type(items) is list else list(reversed(items))


def _uniq(m: Machine, value: Any) -> list[Any]:
    items = _list("uniq", value)
    m.spend(weigh(items))
    kept: list[Any] = []
    alike: dict[Any, list[Any]] = {}
    for item in items:
        seen = alike.setdefault(_likeness(item), [])
        m.spend(len(seen))
        if not any(equal(item, other) for other in seen):
            seen.append(item)
            kept.append(item)
    return kept


def _likeness(value: Any, depth: int = 0) -> Any:
    """Something hashable that is the same for equal values."""
    if is_number(value):
        return to_float(value)
    if depth > _MAX_LIKENESS or value is None:
        return None
    if isinstance(value, dict):
        return frozenset((key, _likeness(item, depth + 1)) for key, item in value.items())
    if isinstance(value, (list, Bytes)):
        return tuple(_likeness(item, depth + 1) for item in items_of(value)) or None
    return value if type(value) in (str, bool) else type_of(value)


def _concat(m: Machine, *values: Any) -> list[Any]:
    made: list[Any] = []
    for value in values:
        made.extend(_list("concat", value))
        m.grow(len(made))
    return made or NilList()


def _flatten(m: Machine, value: Any) -> list[Any]:
    made: list[Any] = []
    open_lists = [iter(_list("flatten", value))]
    while open_lists:
        for item in open_lists[-1]:
            m.spend(1)
            if isinstance(item, (list, Bytes)):
                if len(open_lists) > _MAX_NESTING:
                    raise EvaluationError("recursion depth exceeded")
                open_lists.append(iter(items_of(item)))
                break
            made.append(item)
        else:
            open_lists.pop()
    m.grow(len(made))
    return made


def _sort(m: Machine, value: Any, direction: Any = "asc") -> list[Any]:
    sortable = type(value) in (list, NilList) or isinstance(value, (Strings, Ints))
    if type(direction) is not str:
        raise EvaluationError(f"sort order argument must be a string (got {type_of(direction)})")
    if direction not in ("asc", "desc"):
        raise EvaluationError(f"invalid order {direction[:20]}, expected asc or desc")
    if not sortable:
        return NilList()
    m.grow(len(value))
    m.spend(len(value))
    return sorted_by(value, value, direction == "desc")


LIST: dict[str, Any] = {
    "len": _length,
    "first": _end(0),
    "last": _end(-1),
    "get": _get,
    "take": _take,
    "keys": _keys,
    "values": _values,
    "toPairs": _to_pairs,
    "fromPairs": _from_pairs,
    "reverse": _reverse,
    "uniq": _uniq,
    "concat": _concat,
    "flatten": _flatten,
    "sort": _sort,
}
