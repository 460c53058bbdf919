"""The tree of an expression, and the ways to walk it without recursion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from events.expressions.expr.types import UNKNOWN, GoType, Nature

__all__ = [
    "ArrayNode",
    "BinaryNode",
    "BoolNode",
    "BuiltinNode",
    "BytesNode",
    "CallNode",
    "ChainNode",
    "ConditionalNode",
    "ConstantNode",
    "FloatNode",
    "IdentifierNode",
    "IntegerNode",
    "LetNode",
    "MapNode",
    "MemberNode",
    "NilNode",
    "Node",
    "PairNode",
    "PointerNode",
    "PredicateNode",
    "SequenceNode",
    "SliceNode",
    "StringNode",
    "UnaryNode",
    "children",
    "height",
    "transform",
]


class Node:
    """A node: where it stands in the text (code points from 0) and, once checked, what is known of its value."""

    __slots__ = ("nature", "position")
    parts: ClassVar[tuple[str, ...]] = ()
    """Attributes that hold child nodes (one, a list, or None), in the order in which they are visited."""

    def __init__(self) -> None:
        self.position = 0
        self.nature: Nature = UNKNOWN

    @property
    def type(self) -> GoType:
        """The static type; ``interface {}`` where nothing is known."""
        return self.nature.declared


class NilNode(Node):
    """``nil``."""

    __slots__ = ()


class _Literal(Node):
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class IdentifierNode(_Literal):
    """A name."""

    __slots__ = ()
    value: str


class IntegerNode(_Literal):
    """``42``."""

    __slots__ = ()
    value: int


class FloatNode(_Literal):
    """``1.5``."""

    __slots__ = ()
    value: float


class BoolNode(_Literal):
    """``true``, ``false``."""

    __slots__ = ()
    value: bool


class StringNode(_Literal):
    """``"text"``; also the property of ``a.b``."""

    __slots__ = ()
    value: str


class BytesNode(_Literal):
    """``b"bytes"``."""

    __slots__ = ()
    value: bytes


class ConstantNode(_Literal):
    """A value that the optimizer made."""

    __slots__ = ()


class UnaryNode(Node):
    """``not a``, ``-a``, ``+a``."""

    __slots__ = ("node", "operator")
    parts = ("node",)

    def __init__(self, operator: str, node: Node) -> None:
        super().__init__()
        self.operator = operator
        self.node = node


class BinaryNode(Node):
    """``a + b``."""

    __slots__ = ("left", "operator", "right")
    parts = ("left", "right")

    def __init__(self, operator: str, left: Node, right: Node) -> None:
        super().__init__()
        self.operator = operator
        self.left = left
        self.right = right


class ChainNode(Node):
    """The reach of ``?.``: where it meets nil, the whole chain is nil."""

    __slots__ = ("node",)
    parts = ("node",)

    def __init__(self, node: Node) -> None:
        super().__init__()
        self.node = node


class MemberNode(Node):
    """``a.b``, ``a[b]``, ``a?.b``; ``method`` when it is called."""

    __slots__ = ("method", "node", "optional", "property")
    parts = ("node", "property")

    def __init__(self, node: Node, property: Node, optional: bool = False) -> None:
        super().__init__()
        self.node = node
        self.property = property
        self.optional = optional
        self.method = False


class SliceNode(Node):
    """``a[i:j]``."""

    __slots__ = ("node", "start", "stop")
    parts = ("node", "start", "stop")

    def __init__(self, node: Node, start: Node | None, stop: Node | None) -> None:
        super().__init__()
        self.node = node
        self.start = start
        self.stop = stop


class CallNode(Node):
    """``f(a)``, ``a.m(b)``: a function that is a value."""

    __slots__ = ("arguments", "callee")
    parts = ("callee", "arguments")

    def __init__(self, callee: Node, arguments: list[Node]) -> None:
        super().__init__()
        self.callee = callee
        self.arguments = arguments


class BuiltinNode(Node):
    """``len(a)``, ``filter(a, {…})``. The optimizer may fuse a ``map`` into it, or say that an absent element is an error."""

    __slots__ = ("arguments", "mapped", "name", "threshold", "throws")
    parts = ("arguments",)

    def __init__(self, name: str, arguments: list[Node], *, throws: bool = False, mapped: Node | None = None) -> None:
        super().__init__()
        self.name = name
        self.arguments = arguments
        self.throws = throws
        self.mapped = mapped
        self.threshold: int | None = None


class PredicateNode(Node):
    """The body that a predicate function runs for each element."""

    __slots__ = ("node",)
    parts = ("node",)

    def __init__(self, node: Node) -> None:
        super().__init__()
        self.node = node


class PointerNode(Node):
    """``#``, ``#index``, ``#acc``."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class ConditionalNode(Node):
    """``a ? b : c`` and ``if a {b} else {c}``."""

    __slots__ = ("condition", "otherwise", "then")
    parts = ("condition", "then", "otherwise")

    def __init__(self, condition: Node, then: Node, otherwise: Node) -> None:
        super().__init__()
        self.condition = condition
        self.then = then
        self.otherwise = otherwise


class LetNode(Node):
    """``let name = value; body``."""

    __slots__ = ("body", "name", "value")
    parts = ("value", "body")

    def __init__(self, name: str, value: Node, body: Node) -> None:
        super().__init__()
        self.name = name
        self.value = value
        self.body = body


class SequenceNode(Node):
    """``a; b``: the last one counts."""

    __slots__ = ("nodes",)
    parts = ("nodes",)

    def __init__(self, nodes: list[Node]) -> None:
        super().__init__()
        self.nodes = nodes


class ArrayNode(Node):
    """``[a, b]``."""

    __slots__ = ("nodes",)
    parts = ("nodes",)

    def __init__(self, nodes: list[Node]) -> None:
        super().__init__()
        self.nodes = nodes


class PairNode(Node):
    """``a: b`` within a map."""

    __slots__ = ("key", "value")
    parts = ("key", "value")

    def __init__(self, key: Node, value: Node) -> None:
        super().__init__()
        self.key = key
        self.value = value


class MapNode(Node):
    """``{a: b}``."""

    __slots__ = ("pairs",)
    parts = ("pairs",)

    def __init__(self, pairs: list[PairNode]) -> None:
        super().__init__()
        self.pairs = pairs


def children(node: Node) -> Iterator[Node]:
    """The direct children, in the order of visiting."""
    for part in node.parts:
        child = getattr(node, part)
        if isinstance(child, list):
            yield from child
        elif child is not None:
            yield child


def height(root: Node, limit: int) -> int:
    """How deep the tree is, where a chain of left operands counts as one level. ``limit`` bounds the nodes visited.

    A tree may share nodes (``a ?: b`` holds ``a`` twice), so more visits than nodes are possible: then ``limit + 1`` comes back.
    """
    deepest = 0
    visits = 0
    stack = [(root, 1)]
    while stack:
        node, level = stack.pop()
        visits += 1
        if visits > limit:
            return limit + 1
        deepest = max(deepest, level)
        if isinstance(node, BinaryNode):
            stack.append((node.left, level if isinstance(node.left, BinaryNode) else level + 1))
            stack.append((node.right, level + 1))
        else:
            stack.extend((child, level + 1) for child in children(node))
    return deepest


def transform(root: Node, visit: Callable[[Node], Node]) -> Node:
    """Replace each node that has children by what ``visit`` returns for it, children first, and return the new root."""
    holder: list[Node] = [root]
    stack: list[tuple[Any, Any, bool]] = [(holder, 0, False)]
    while stack:
        owner, key, ready = stack.pop()
        node: Node = owner[key] if isinstance(owner, list) else getattr(owner, key)
        if ready:
            changed = visit(node)
            if changed is not node:
                if isinstance(owner, list):
                    owner[key] = changed
                else:
                    setattr(owner, key, changed)
            continue
        stack.append((owner, key, True))
        for part in reversed(node.parts):
            child = getattr(node, part)
            if isinstance(child, list):
                stack.extend((child, index, False) for index in reversed(range(len(child))) if child[index].parts)
            elif child is not None and child.parts:
                stack.append((node, part, False))
    return holder[0]
