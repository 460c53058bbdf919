"""Rewrites of a checked tree, in the order of the reference, because they decide some outcomes (see ``folding``).

``x in ["a", "b"]`` becomes a look-up that refuses an ``x`` of another type; ``all(a, p) and all(a, q)`` becomes one loop;
``sum([a, b])`` becomes ``a + b``, also for texts.
"""

from __future__ import annotations

from collections.abc import Callable

from events.expressions.expr.ast import (
    ArrayNode,
    BinaryNode,
    BuiltinNode,
    ConstantNode,
    IntegerNode,
    MemberNode,
    Node,
    PointerNode,
    PredicateNode,
    StringNode,
    children,
    transform,
)
from events.expressions.expr.dialect import Dialect
from events.expressions.expr.folding import Folding, copied, typed
from events.expressions.expr.operators import wrap
from events.expressions.expr.printer import to_text
from events.expressions.expr.types import INT_SET, STRING_SET, known
from events.expressions.golang.values import Int, Ints

__all__ = ["optimize"]

_MAX_PASSES = 1000
_MAX_SUMMANDS = 64  # a sum of so many literals stays a loop: each would be one level of nesting
_MAX_CONSTANT_RANGE = 1000  # a longer range is made when it is asked for


def optimize(tree: Node, text: str, dialect: Dialect) -> Node:
    """The rewritten tree. Raises ``ExpressionError`` for ``1 % 0``."""
    names = _operations(tree)
    if "in" in names:
        tree = transform(tree, _in_array)
    for _ in range(_MAX_PASSES):
        folding = Folding(text)
        tree = transform(tree, folding)
        if not folding.applied:
            break
    for triggers, step in _STEPS if dialect.sequences else _EARLY_STEPS:
        if not names.isdisjoint(triggers):
            tree = transform(tree, step)
    return tree


def _operations(tree: Node) -> set[str]:
    """The functions and operators that occur: most steps have nothing to do in most trees."""
    names: set[str] = set()
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, BuiltinNode):
            names.add(node.name)
        elif isinstance(node, BinaryNode):
            names.add(node.operator)
        waiting.extend(children(node))
    return names


def _is_call(node: Node, name: str, arguments: int) -> bool:
    return isinstance(node, BuiltinNode) and node.name == name and len(node.arguments) == arguments


def _in_array(node: Node) -> Node:
    """``x in [literals]`` of one type."""
    if not (isinstance(node, BinaryNode) and node.operator == "in" and isinstance(node.right, ArrayNode)):
        return node
    parts = node.right.nodes
    if not parts:
        return node
    if node.left.type.kind == "int" and all(isinstance(part, IntegerNode) for part in parts):
        members = ConstantNode(frozenset(Int(part.value) for part in parts))  # type: ignore[attr-defined]
        members.nature = known(INT_SET)
    elif all(isinstance(part, StringNode) for part in parts):
        members = ConstantNode(frozenset(part.value for part in parts))  # type: ignore[attr-defined]
        members.nature = known(STRING_SET)
    else:
        return node
    return copied(node, BinaryNode("in", node.left, members))


def _in_range(node: Node) -> Node:
    """``x in 1..3`` of an int ``x``."""
    if not (isinstance(node, BinaryNode) and node.operator == "in" and node.left.type.kind == "int"):
        return node
    span = node.right
    if not (isinstance(span, BinaryNode) and span.operator == ".."):
        return node
    if not (isinstance(span.left, IntegerNode) and isinstance(span.right, IntegerNode)):
        return node
    return copied(
        node, BinaryNode("and", BinaryNode(">=", node.left, span.left), BinaryNode("<=", node.left, span.right))
    )


def _const_range(node: Node) -> Node:
    """``1..3`` of literals."""
    if not (isinstance(node, BinaryNode) and node.operator == ".."):
        return node
    first, last = node.left, node.right
    if not (isinstance(first, IntegerNode) and isinstance(last, IntegerNode)):
        return node
    if last.value - first.value >= _MAX_CONSTANT_RANGE:
        return node
    return copied(node, ConstantNode(Ints(map(Int, range(first.value, last.value + 1)))))


def _filter_map(keep_index: bool) -> Callable[[Node], Node]:
    """``map(filter(a, p), f)`` in one loop; not when ``f`` asks for ``#index``, if ``keep_index``."""

    def step(node: Node) -> Node:
        if not isinstance(node, BuiltinNode) or not _is_call(node, "map", 2):
            return node
        base, body = node.arguments
        if not (isinstance(base, BuiltinNode) and base.name == "filter" and base.mapped is None):
            return node
        if not isinstance(body, PredicateNode) or (keep_index and _uses_index(body)):
            return node
        return copied(node, BuiltinNode("filter", base.arguments, mapped=body.node))

    return step


def _uses_index(node: Node) -> bool:
    waiting = [node]
    while waiting:
        found = waiting.pop()
        if isinstance(found, PointerNode) and found.name == "index":
            return True
        waiting.extend(children(found))
    return False


def _filter_len(node: Node) -> Node:
    """``len(filter(a, p))`` counts."""
    if isinstance(node, BuiltinNode) and _is_call(node, "len", 1):
        base = node.arguments[0]
        if isinstance(base, BuiltinNode) and _is_call(base, "filter", 2):
            return copied(node, BuiltinNode("count", base.arguments))
    return node


def _filter_end(name: str, index: int, found: str) -> Callable[[Node], Node]:
    """``filter(a, p)[0]`` and ``first(filter(a, p))`` stop at the first hit; the same from the end."""

    def step(node: Node) -> Node:
        base: Node | None = None
        throws = False
        if isinstance(node, MemberNode) and not node.optional:
            if isinstance(node.property, IntegerNode) and node.property.value == index:
                base, throws = node.node, True
        elif isinstance(node, BuiltinNode) and _is_call(node, name, 1):
            base = node.arguments[0]
        if isinstance(base, BuiltinNode) and _is_call(base, "filter", 2):
            return copied(node, BuiltinNode(found, base.arguments, throws=throws, mapped=base.mapped))
        return node

    return step


_COMBINED = {
    ("all", "and"): "and",
    ("all", "&&"): "&&",
    ("any", "or"): "or",
    ("any", "||"): "||",
    ("none", "and"): "or",
    ("none", "&&"): "||",
}


def _combine_predicates(node: Node) -> Node:
    """``all(a, p) and all(a, q)`` is ``all(a, p and q)``."""
    if not (
        isinstance(node, BinaryNode) and isinstance(node.left, BuiltinNode) and isinstance(node.right, BuiltinNode)
    ):
        return node
    left, right = node.left, node.right
    operator = _COMBINED.get((left.name, node.operator))
    if operator is None or left.name != right.name:
        return node
    if left.arguments[0].type is not right.arguments[0].type:
        return node
    if to_text(left.arguments[0]) != to_text(right.arguments[0]):
        return node
    first, second = left.arguments[1], right.arguments[1]
    assert isinstance(first, PredicateNode)
    assert isinstance(second, PredicateNode)
    both = PredicateNode(_combine_predicates(BinaryNode(operator, first.node, second.node)))
    return copied(node, BuiltinNode(left.name, [left.arguments[0], both]))


def _literal_range(node: Node) -> tuple[int, int] | None:
    """First and last of a range of literals that is not empty."""
    if isinstance(node, BinaryNode) and node.operator == "..":
        first, last = node.left, node.right
        if isinstance(first, IntegerNode) and isinstance(last, IntegerNode) and last.value >= first.value:
            return first.value, last.value
    return None


def _sum_range(node: Node) -> Node:
    """``sum(1..10)``, also of ``# * 2`` and the like, and ``reduce(1..10, # + #acc)``, by formula."""
    if not isinstance(node, BuiltinNode) or node.name not in ("sum", "reduce"):
        return node
    span = _literal_range(node.arguments[0])
    if span is None:
        return node
    first, last = span
    count = wrap(last - first + 1)
    product = wrap(count * wrap(first + last))
    total = wrap(-(-product // 2) if product < 0 else product // 2)
    if node.name == "sum":
        result = total if len(node.arguments) == 1 else _summed(total, count, node.arguments[1])
    else:
        result = total if _adds_up(node.arguments[1]) else None
        if result is not None and len(node.arguments) == 3:
            initial = node.arguments[2]
            result = wrap(initial.value + result) if isinstance(initial, IntegerNode) else None
    return node if result is None else typed(node, IntegerNode(result))


def _summed(total: int, count: int, predicate: Node) -> Int | None:
    """The sum of ``#``, ``# * k``, ``# + k`` or ``# - k`` (also turned round) over a range."""
    body = predicate.node if isinstance(predicate, PredicateNode) else predicate
    if isinstance(body, PointerNode) and not body.name:
        return Int(total)
    if not isinstance(body, BinaryNode):
        return None
    left, right = body.left, body.right
    if isinstance(left, PointerNode) and not left.name and isinstance(right, IntegerNode):
        constant, pointer_first = right.value, True
    elif isinstance(right, PointerNode) and not right.name and isinstance(left, IntegerNode):
        constant, pointer_first = left.value, False
    else:
        return None
    match body.operator:
        case "*":
            return wrap(constant * total)
        case "+":
            return wrap(total + count * constant)
        case "-":
            return wrap(total - count * constant if pointer_first else count * constant - total)
    return None


def _adds_up(predicate: Node) -> bool:
    body = predicate.node if isinstance(predicate, PredicateNode) else predicate
    if not (isinstance(body, BinaryNode) and body.operator == "+"):
        return False
    names = [part.name if isinstance(part, PointerNode) else "?" for part in (body.left, body.right)]
    return sorted(names) == ["", "acc"]


def _sum_array(node: Node) -> Node:
    """``sum([a, b, c])`` is ``a + (b + c)``."""
    if isinstance(node, BuiltinNode) and _is_call(node, "sum", 1):
        base = node.arguments[0]
        if isinstance(base, ArrayNode) and 2 <= len(base.nodes) <= _MAX_SUMMANDS:
            *firsts, total = base.nodes
            for part in reversed(firsts):
                total = BinaryNode("+", part, total)
            return copied(node, total)
    return node


def _sum_map(node: Node) -> Node:
    """``sum(map(a, f))`` is ``sum(a, f)``."""
    if isinstance(node, BuiltinNode) and _is_call(node, "sum", 1):
        base = node.arguments[0]
        if isinstance(base, BuiltinNode) and _is_call(base, "map", 2):
            return copied(node, BuiltinNode("sum", base.arguments))
    return node


def _counted(node: Node) -> tuple[BuiltinNode, str, int] | None:
    """The parts of ``count(a, p) > 3``."""
    if not (isinstance(node, BinaryNode) and isinstance(node.left, BuiltinNode) and _is_call(node.left, "count", 2)):
        return None
    return (node.left, node.operator, node.right.value) if isinstance(node.right, IntegerNode) else None


def _count_any(node: Node) -> Node:
    """``count(a, p) > 0`` stops at the first hit."""
    counted = _counted(node)
    if counted is not None and counted[1:] in ((">", 0), (">=", 1)):
        return copied(node, BuiltinNode("any", counted[0].arguments))
    return node


def _count_threshold(node: Node) -> Node:
    """``count(a, p) > 3`` stops when the outcome is known."""
    counted = _counted(node)
    if counted is not None and counted[2] >= 0:
        call, operator, number = counted
        threshold = {">": number + 1, ">=": number, "<": number, "<=": number + 1}.get(operator, 0)
        if threshold > 1:
            call.threshold = threshold
    return node


_Steps = tuple[tuple[frozenset[str], Callable[[Node], Node]], ...]
_FILTER = frozenset({"filter"})
_SUM = frozenset({"sum"})
_COUNT = frozenset({"count", "len"})

_STEPS: _Steps = (
    (frozenset({"in"}), _in_range),
    (_FILTER, _filter_map(keep_index=True)),
    (_FILTER, _filter_len),
    (_FILTER, _filter_end("last", -1, "findLast")),
    (_FILTER, _filter_end("first", 0, "find")),
    (frozenset({"all", "any", "none"}), _combine_predicates),
    (_SUM | {"reduce"}, _sum_range),
    (_SUM, _sum_array),
    (_SUM, _sum_map),
    (_COUNT, _count_any),
    (_COUNT, _count_threshold),
)
_EARLY_STEPS: _Steps = (
    (frozenset({"in"}), _in_range),
    (frozenset({".."}), _const_range),
    (_FILTER, _filter_map(keep_index=False)),
    (_FILTER, _filter_len),
    (_FILTER, _filter_end("last", -1, "findLast")),
    (_FILTER, _filter_end("first", 0, "find")),
)
