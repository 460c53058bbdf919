"""Constants computed when compiling: arithmetic on literals, literal truth values in ``and`` and ``or``, lists of literals.

What this changes besides speed is part of the language: ``payload.missing and true`` is ``payload.missing``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from events.expressions.expr.ast import (
    ArrayNode,
    BinaryNode,
    BoolNode,
    BuiltinNode,
    ConstantNode,
    FloatNode,
    IntegerNode,
    Node,
    PredicateNode,
    StringNode,
    UnaryNode,
)
from events.expressions.expr.lexer import syntax_error
from events.expressions.expr.operators import divided, modulo, wrap
from events.expressions.expr.power import power
from events.expressions.expr.types import ANYS, BOOL, FLOAT, INT, STRING, GoType, known
from events.expressions.golang.values import Int

__all__ = ["Folding", "copied", "typed"]

_LITERALS = (IntegerNode, FloatNode, StringNode, BoolNode)
_TYPES: dict[type[Node], GoType] = {
    BoolNode: BOOL,
    IntegerNode: INT,
    FloatNode: FLOAT,
    StringNode: STRING,
    ConstantNode: ANYS,
}
_REAL: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": divided,
    "**": power,
    "^": power,
}
_WHOLE: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
}


def typed(old: Node, new: Node) -> Node:
    """``new`` in the place of ``old``, with the type that a literal has."""
    new.position = old.position
    new.nature = known(_TYPES[type(new)])
    return new


def copied(old: Node, new: Node) -> Node:
    """``new`` in the place of ``old``, with its type."""
    new.position = old.position
    new.nature = known(old.type)
    return new


class Folding:
    """One pass over the tree; ``applied`` tells whether another one may find more."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.applied = False

    def __call__(self, node: Node) -> Node:
        """The node, or the constant that it is."""
        folded: Node | None = None
        if isinstance(node, UnaryNode):
            folded = _unary(node)
        elif isinstance(node, BinaryNode):
            folded = self._binary(node)
        elif isinstance(node, ArrayNode):
            folded = _array(node)
        elif isinstance(node, BuiltinNode) and node.name == "filter":
            folded = _filter(node)
        if folded is None:
            return node
        self.applied = True
        return folded

    def _binary(self, node: BinaryNode) -> Node | None:
        left, right, operator = node.left, node.right, node.operator
        if operator in ("and", "&&"):
            return _logic(node, neutral=True)
        if operator in ("or", "||"):
            return _logic(node, neutral=False)
        if type(left) is type(right) and isinstance(left, (IntegerNode, StringNode, BoolNode)) and operator == "==":
            return typed(node, BoolNode(left.value == right.value))  # type: ignore[attr-defined]
        if isinstance(left, StringNode) and isinstance(right, StringNode):
            return typed(node, StringNode(left.value + right.value)) if operator == "+" else None
        if not (isinstance(left, (IntegerNode, FloatNode)) and isinstance(right, (IntegerNode, FloatNode))):
            return None
        if isinstance(left, IntegerNode) and isinstance(right, IntegerNode):
            if operator == "%":
                if right.value == 0:
                    raise syntax_error("integer divide by zero", self.text, node.position)
                return typed(node, IntegerNode(modulo(left.value, right.value)))
            if operator in _WHOLE:
                return typed(node, IntegerNode(wrap(_WHOLE[operator](left.value, right.value))))
        if operator in _REAL:
            return typed(node, FloatNode(_REAL[operator](float(left.value), float(right.value))))
        return None


def _unary(node: UnaryNode) -> Node | None:
    inner = node.node
    if node.operator in ("!", "not"):
        return typed(node, BoolNode(not inner.value)) if isinstance(inner, BoolNode) else None
    if isinstance(inner, IntegerNode):
        return typed(node, IntegerNode(wrap(-inner.value if node.operator == "-" else inner.value)))
    if isinstance(inner, FloatNode):
        return typed(node, FloatNode(-inner.value if node.operator == "-" else inner.value))
    return None


def _logic(node: BinaryNode, *, neutral: bool) -> Node | None:
    """``true and x`` is x, ``x and false`` is false (``neutral`` true); the mirror image for ``or``."""
    left = node.left.value if isinstance(node.left, BoolNode) else None
    right = node.right.value if isinstance(node.right, BoolNode) else None
    if left is neutral:
        return copied(node, node.right)
    if right is neutral:
        return copied(node, node.left)
    if left is not None or right is not None:
        return typed(node, BoolNode(not neutral))
    return None


def _array(node: ArrayNode) -> Node | None:
    if not node.nodes or not all(isinstance(part, _LITERALS) for part in node.nodes):
        return None
    values: list[Any] = [
        Int(part.value) if isinstance(part, IntegerNode) else part.value  # type: ignore[attr-defined]
        for part in node.nodes
    ]
    return typed(node, ConstantNode(values))


def _filter(node: BuiltinNode) -> Node | None:
    """``filter(filter(a, p), q)`` is ``filter(a, p && q)``."""
    base = node.arguments[0]
    if len(node.arguments) != 2 or not isinstance(base, BuiltinNode) or base.name != "filter":
        return None
    inner, outer = base.arguments[1], node.arguments[1]
    assert isinstance(inner, PredicateNode)
    assert isinstance(outer, PredicateNode)
    both = PredicateNode(BinaryNode("&&", inner.node, outer.node))
    return copied(node, BuiltinNode("filter", [base.arguments[0], both]))
