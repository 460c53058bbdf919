"""The functions that run a predicate for each element: ``all``, ``filter``, ``reduce`` and the like."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from events.errors import EvaluationError
from events.expressions.expr.ast import BuiltinNode, Node
from events.expressions.expr.comparing import order
from events.expressions.expr.machine import Machine, Run, Scope
from events.expressions.expr.operators import add
from events.expressions.expr.types import GROUPS
from events.expressions.expr.values import AnyMap, items_of, not_bool
from events.expressions.golang.values import Int

__all__ = ["LOOPS", "sorted_by"]

Compile = Callable[[Node], Run]


def _rounds(m: Machine, scope: Scope, items: list[Any], start: int = 0) -> Iterator[Any]:
    """The elements from ``start`` on, each set as the current one and paid for."""
    for index in range(start, len(items)):
        m.steps -= 1
        if m.steps < 0:
            m.spend(0)
        scope.index = index
        scope.item = items[index]
        yield scope.item


def _truth(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise not_bool(value)


def _loop(body: Callable[[Machine, Scope, list[Any]], Any], source: Run) -> Run:
    """Evaluate the list outside of, the body inside of a scope of its own."""

    def run(m: Machine) -> Any:
        items = items_of(source(m))
        outer, scope = m.scope, Scope()
        m.scope = scope
        result = body(m, scope, items)
        m.scope = outer
        return result

    return run


def _parts(node: BuiltinNode, compile_node: Compile) -> tuple[Run, Run]:
    source = compile_node(node.arguments[0])
    if len(node.arguments) == 1:
        return source, Machine.current
    body = node.arguments[1]
    return source, compile_node(getattr(body, "node", body))


def _quantifier(stop_at: bool, negate: bool) -> Callable[[BuiltinNode, Compile], Run]:
    """``any`` stops at a true, ``all`` at a false, ``none`` at a true that it turns round."""

    def build(node: BuiltinNode, compile_node: Compile) -> Run:
        source, test = _parts(node, compile_node)
        proceed = not stop_at

        def body(m: Machine, scope: Scope, items: list[Any]) -> bool:
            for scope.index, scope.item in enumerate(items):  # as _rounds, in place: this is the loop of most selectors
                m.steps -= 1
                if m.steps < 0:
                    m.spend(0)
                value = test(m)
                if value is stop_at:
                    return stop_at is not negate
                if value is not proceed:
                    raise not_bool(value)
            return stop_at is negate

        return _loop(body, source)

    return build


def _one(node: BuiltinNode, compile_node: Compile) -> Run:
    source, test = _parts(node, compile_node)

    def body(m: Machine, scope: Scope, items: list[Any]) -> bool:
        return sum(_truth(test(m)) for _ in _rounds(m, scope, items)) == 1

    return _loop(body, source)


def _filter(node: BuiltinNode, compile_node: Compile) -> Run:
    source, test = _parts(node, compile_node)
    mapped = compile_node(node.mapped) if node.mapped is not None else None

    def body(m: Machine, scope: Scope, items: list[Any]) -> list[Any]:
        kept: list[Any] = []
        for _ in _rounds(m, scope, items):
            if _truth(test(m)):
                kept.append(m.current() if mapped is None else mapped(m))
        m.grow(len(kept))
        return kept

    return _loop(body, source)


def _map(node: BuiltinNode, compile_node: Compile) -> Run:
    source, value = _parts(node, compile_node)

    def body(m: Machine, scope: Scope, items: list[Any]) -> list[Any]:
        made = [value(m) for _ in _rounds(m, scope, items)]
        m.grow(len(made))
        return made

    return _loop(body, source)


def _count(node: BuiltinNode, compile_node: Compile) -> Run:
    source, test = _parts(node, compile_node)
    threshold = node.threshold

    def body(m: Machine, scope: Scope, items: list[Any]) -> Int:
        count = 0
        for _ in _rounds(m, scope, items):
            if _truth(test(m)):
                count += 1
                if count == threshold:
                    break
        return Int(count)

    return _loop(body, source)


def _sum(node: BuiltinNode, compile_node: Compile) -> Run:
    source, value = _parts(node, compile_node)

    def body(m: Machine, scope: Scope, items: list[Any]) -> Any:
        total: Any = Int(0)
        for _ in _rounds(m, scope, items):
            total = add(value(m), total)
        return total

    return _loop(body, source)


def _find(from_end: bool, give_index: bool) -> Callable[[BuiltinNode, Compile], Run]:
    def build(node: BuiltinNode, compile_node: Compile) -> Run:
        source, test = _parts(node, compile_node)
        mapped = compile_node(node.mapped) if node.mapped is not None else None
        throws = node.throws

        def body(m: Machine, scope: Scope, items: list[Any]) -> Any:
            for index in range(len(items) - 1, -1, -1) if from_end else range(len(items)):
                m.spend(1)
                scope.index = index
                scope.item = items[index]
                if _truth(test(m)):
                    if give_index:
                        return Int(index)
                    return m.current() if mapped is None else mapped(m)
            if throws:
                raise EvaluationError("reflect: slice index out of range")
            return None

        return _loop(body, source)

    return build


def _group_by(node: BuiltinNode, compile_node: Compile) -> Run:
    source, key = _parts(node, compile_node)

    def body(m: Machine, scope: Scope, items: list[Any]) -> AnyMap:
        groups = AnyMap(GROUPS.name)
        for _ in _rounds(m, scope, items):
            name, item = key(m), m.current()
            group = groups.get(name)
            if group is None:
                groups[name] = [item]
            else:
                group.append(item)
        return groups

    return _loop(body, source)


def descends(direction: Any) -> bool:
    """Whether a direction of sorting is ``desc``."""
    if direction not in ("asc", "desc"):
        raise EvaluationError("unknown order, use asc or desc")
    return bool(direction == "desc")


def sorted_by(items: list[Any], keys: list[Any], descending: bool) -> list[Any]:
    """The items in the order of their keys, equal ones as they were."""

    def compare(a: tuple[Any, Any], b: tuple[Any, Any]) -> int:
        sign = order("<", a[0], b[0])
        return int(sign) if sign == sign else 0

    pairs = list(zip(keys, items, strict=True))
    if all(type(key) is str and key.isascii() for key in keys):
        pairs.sort(key=lambda pair: pair[0], reverse=descending)
    else:
        pairs.sort(key=functools.cmp_to_key(compare), reverse=descending)
    return [item for _, item in pairs]


def _sort_by(node: BuiltinNode, compile_node: Compile) -> Run:
    source, key = _parts(node, compile_node)
    direction = compile_node(node.arguments[2]) if len(node.arguments) > 2 else None

    def body(m: Machine, scope: Scope, items: list[Any]) -> list[Any]:
        descending = direction is not None and descends(direction(m))
        keys = [key(m) for _ in _rounds(m, scope, items)]
        if keys:
            m.current()
        m.spend(len(items))
        m.grow(len(items))
        return sorted_by(items, keys, descending)

    return _loop(body, source)


def _reduce(node: BuiltinNode, compile_node: Compile) -> Run:
    source, value = _parts(node, compile_node)
    initial = compile_node(node.arguments[2]) if len(node.arguments) > 2 else None

    def body(m: Machine, scope: Scope, items: list[Any]) -> Any:
        start = 0
        if initial is not None:
            scope.acc = initial(m)
        elif items:
            scope.item = items[0]
            scope.acc, start = m.current(), 1
        else:
            raise EvaluationError("reduce of empty array with no initial value")
        for _ in _rounds(m, scope, items, start):
            scope.acc = value(m)
            if type(scope.acc) is str:
                m.spend(len(scope.acc) >> 8)
        return scope.acc

    return _loop(body, source)


LOOPS: dict[str, Callable[[BuiltinNode, Compile], Run]] = {
    "all": _quantifier(stop_at=False, negate=False),
    "any": _quantifier(stop_at=True, negate=False),
    "none": _quantifier(stop_at=True, negate=True),
    "one": _one,
    "filter": _filter,
    "map": _map,
    "count": _count,
    "sum": _sum,
    "find": _find(from_end=False, give_index=False),
    "findLast": _find(from_end=True, give_index=False),
    "findIndex": _find(from_end=False, give_index=True),
    "findLastIndex": _find(from_end=True, give_index=True),
    "groupBy": _group_by,
    "sortBy": _sort_by,
    "reduce": _reduce,
}
