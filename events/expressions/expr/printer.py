"""A tree as text that reads back as the same tree: every operation in parentheses, nothing left to precedence."""

from __future__ import annotations

from events.expressions.expr.ast import (
    ArrayNode,
    BinaryNode,
    BuiltinNode,
    BytesNode,
    CallNode,
    ChainNode,
    ConditionalNode,
    ConstantNode,
    FloatNode,
    IdentifierNode,
    IntegerNode,
    LetNode,
    MapNode,
    MemberNode,
    NilNode,
    Node,
    PointerNode,
    PredicateNode,
    SequenceNode,
    SliceNode,
    StringNode,
    UnaryNode,
)

__all__ = ["to_text"]


def to_text(node: Node) -> str:
    """The text of a tree; that of a ``ConstantNode`` only tells constants apart."""
    match node:
        case NilNode():
            return "nil"
        case IdentifierNode():
            return node.value
        case StringNode():
            return _quoted(node.value)
        case BytesNode():
            return 'b"' + "".join(f"\\x{byte:02x}" for byte in node.value) + '"'
        case FloatNode():
            text = repr(float(node.value))
            return text if "e" in text or "." in text else text + ".0"
        case IntegerNode():
            return str(int(node.value))
        case ConstantNode():
            return repr(node.value)
        case UnaryNode():
            return f"({node.operator} {to_text(node.node)})"
        case BinaryNode():
            return _binary(node)
        case ChainNode():
            return to_text(node.node)
        case MemberNode():
            return _member(node)
        case SliceNode():
            start = to_text(node.start) if node.start else ""
            stop = to_text(node.stop) if node.stop else ""
            return f"{_owner(node.node)}[{start}:{stop}]"
        case CallNode():
            return f"{to_text(node.callee)}({_joined(node.arguments)})"
        case BuiltinNode():
            extra = f"/{node.mapped and to_text(node.mapped)}/{node.throws}" if node.mapped or node.throws else ""
            return f"{node.name}({_joined(node.arguments)}){extra}"
        case PredicateNode():
            return f"{{{to_text(node.node)}}}"
        case PointerNode():
            return f"#{node.name}"
        case ConditionalNode():
            return f"({to_text(node.condition)} ? {to_text(node.then)} : {to_text(node.otherwise)})"
        case LetNode():
            return f"(let {node.name} = {to_text(node.value)}; {to_text(node.body)})"
        case SequenceNode():
            return f"({'; '.join(map(to_text, node.nodes))})"
        case ArrayNode():
            return f"[{_joined(node.nodes)}]"
        case MapNode():
            return "{" + ", ".join(f"({to_text(p.key)}): {to_text(p.value)}" for p in node.pairs) + "}"
        case _:
            return "true" if getattr(node, "value", False) else "false"


def _joined(nodes: list[Node]) -> str:
    return ", ".join(map(to_text, nodes))


def _quoted(text: str) -> str:
    return '"' + "".join(c if c.isalnum() and c.isascii() else f"\\u{{{ord(c):x}}}" for c in text) + '"'


def _binary(node: BinaryNode) -> str:
    """A binary operator; a chain of left operands is written without recursion."""
    chain = [node]
    while isinstance(chain[-1].left, BinaryNode):
        chain.append(chain[-1].left)
    text = to_text(chain[-1].left)
    for step in reversed(chain):
        text = f"({text} {step.operator} {to_text(step.right)})"
    return text


def _owner(node: Node) -> str:
    """What stands before a postfix: numbers and the like need parentheses, an ended chain keeps its end."""
    text = to_text(node)
    plain = isinstance(node, (IdentifierNode, PointerNode, MemberNode, SliceNode, CallNode, BuiltinNode))
    return text if plain or text.startswith("(") else f"({text})"


def _member(node: MemberNode) -> str:
    """``a.b`` where that is read back into the same reach of ``?.``, ``a["b"]`` otherwise."""
    owner = _owner(node.node)
    dot = "?." if node.optional else "."
    if isinstance(node.property, StringNode) and (node.method or not isinstance(node.node, ChainNode)):
        name = node.property.value
        if name.isascii() and name.isidentifier():
            return f"{owner}{dot}{name}"
    return f"{owner}{'?.' if node.optional else ''}[{to_text(node.property)}]"
