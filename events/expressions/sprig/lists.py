"""sprig's list functions. They copy; only a dict is ever changed in place.

Follows https://masterminds.github.io/sprig/lists.html and its sources, v3.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from events.errors import EvaluationError
from events.expressions.golang.functions import Function, by_name
from events.expressions.golang.limits import MAX_DEPTH, MAX_NODES, check_items
from events.expressions.golang.values import Lists, NilList, is_empty, is_nil, kind_of, type_of
from events.expressions.sprig.casting import to_int

__all__ = ["FUNCTIONS"]


def _items(value: Any, action: str) -> list[Any]:
    if isinstance(value, list):
        return value
    raise EvaluationError(f"Cannot {action} type {kind_of(value)}")


def _list(*values: Any) -> list[Any]:
    return list(values)


def _append(items: Any, value: Any) -> list[Any]:
    return [*_items(items, "push on"), value]


def _prepend(items: Any, value: Any) -> list[Any]:
    return [value, *_items(items, "prepend on")]


def _first(items: Any) -> Any:
    return next(iter(_items(items, "find first on")), None)


def _last(items: Any) -> Any:
    return next(reversed(_items(items, "find last on")), None)


def _rest(items: Any) -> list[Any]:
    known = _items(items, "find rest on")
    return list(known[1:]) if known else NilList()


def _initial(items: Any) -> list[Any]:
    known = _items(items, "find initial on")
    return list(known[:-1]) if known else NilList()


def _reverse(items: Any) -> list[Any]:
    return list(reversed(_items(items, "find reverse on")))


def _compact(items: Any) -> list[Any]:
    return [item for item in _items(items, "compact on") if not is_empty(item)]


def _uniq(items: Any) -> list[Any]:
    seen: set[Any] = set()
    found: list[Any] = []
    budget = [MAX_NODES]
    for item in _items(items, "find uniq on"):
        key = _identity(item, budget, 0)
        if key not in seen:
            seen.add(key)
            found.append(item)
    return found


def _identity(value: Any, budget: list[int], depth: int) -> Any:
    """A hashable stand-in: equal for values that are deeply equal."""
    budget[0] -= 1
    if budget[0] < 0 or depth > MAX_DEPTH:
        raise EvaluationError("the list is too large or too deep to compare", reason="LimitReached")
    if isinstance(value, dict):
        members = ((key, _identity(item, budget, depth + 1)) for key, item in value.items())
        return (type_of(value), is_nil(value), frozenset(members))
    if isinstance(value, list):
        return (type_of(value), is_nil(value), tuple(_identity(item, budget, depth + 1) for item in value))
    if type(value) is float or type(value) is int:
        return object() if math.isnan(value) else float(value)
    return (type_of(value), value)


def _without(items: Any, *omitted: Any) -> list[Any]:
    budget = [MAX_NODES]
    gone = {_identity(value, budget, 0) for value in omitted}
    return [item for item in _items(items, "find without on") if _identity(item, budget, 0) not in gone]


def _has(wanted: Any, items: Any) -> bool:
    if items is None:
        return False
    budget = [MAX_NODES]
    key = _identity(wanted, budget, 0)
    return any(_identity(item, budget, 0) == key for item in _items(items, "find has on"))


def _slice(items: Any, *indices: Any) -> Any:
    known = _items(items, "slice")
    if not known:
        return None
    start = to_int(indices[0]) if indices else 0
    end = to_int(indices[1]) if len(indices) > 1 else len(known)
    if not 0 <= start <= end <= len(known):
        raise EvaluationError("reflect.Value.Slice: slice index out of bounds")
    return type(known)(known[start:end])


def _concat(*lists: Any) -> list[Any]:
    check_items(sum(len(_items(items, "concat")) for items in lists))
    joined = [item for items in lists for item in items]
    return joined or NilList()


def _chunk(size: int, items: Any) -> Lists:
    known = _items(items, "chunk")
    if size <= 0:
        raise EvaluationError(f"cannot chunk by {size}")
    return Lists(list(known[at : at + size]) for at in range(0, len(known), size))


def _both(name: str, implementation: Callable[..., Any], *parameters: str, heavy: bool = False) -> list[Function]:
    """A function and its ``must…`` twin. Errors end an evaluation either way."""
    must = "must" + name[0].upper() + name[1:]
    return [Function(n, implementation, parameters, heavy=heavy) for n in (name, must)]


FUNCTIONS = by_name(
    [
        Function("list", _list, ("any...",)),
        Function("tuple", _list, ("any...",)),
        Function("concat", _concat, ("any...",), heavy=True),
        *_both("append", _append, "any", "any"),
        *_both("push", _append, "any", "any"),
        *_both("prepend", _prepend, "any", "any"),
        *_both("first", _first, "any"),
        *_both("rest", _rest, "any"),
        *_both("last", _last, "any"),
        *_both("initial", _initial, "any"),
        *_both("reverse", _reverse, "any"),
        *_both("compact", _compact, "any"),
        *_both("uniq", _uniq, "any", heavy=True),
        *_both("without", _without, "any", "any...", heavy=True),
        *_both("has", _has, "any", "any", heavy=True),
        *_both("slice", _slice, "any", "any..."),
        *_both("chunk", _chunk, "int", "any"),
    ]
)
