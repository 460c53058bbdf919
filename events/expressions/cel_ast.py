"""What a compiled CEL program is made of: its size, and what it reads. For ``cel``, which keeps programs within limits.

The library gives its tree as protobuf only, so the few messages that are needed are read here by their field numbers:
https://github.com/google/cel-spec/blob/master/proto/cel/expr/syntax.proto (wire format: https://protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Shape", "shape_of"]

Fields = dict[int, list[bytes]]

# Numbers of fields: of the envelope (Any), of CheckedExpr, then the kinds of Expr.
_ANY_VALUE, _CHECKED_EXPR = 2, 4
_CONSTANT, _IDENT, _SELECT, _CALL, _LIST, _STRUCT, _COMPREHENSION = 3, 4, 5, 6, 7, 8, 9
_ENTRY_KEY, _ENTRY_VALUE = 3, 4
_STRING = 6

_COSTLY = frozenset(("matches", "contains", "_==_", "_!=_", "@in"))
_CHEAP_BESIDE_A_LITERAL = frozenset(("_==_", "_!=_"))


@dataclass
class Shape:
    """``nodes`` in the tree; ``loops``, how deep its comprehensions (``all``, ``exists``, ``map`` …) are nested; ``costly``, the
    calls that may look through the whole data (searches, comparisons of two values); ``reads``, by variable the chains of
    members that are read (an empty chain: the variable itself).
    """

    nodes: int = 0
    loops: int = 0
    costly: int = 0
    reads: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)


def shape_of(serialized: bytes) -> Shape:
    """The shape of a program as the library serializes it (``CheckedExpr`` in an ``Any``)."""
    shape = Shape()
    checked = _fields(_fields(serialized)[_ANY_VALUE][0])
    _visit(_fields(checked[_CHECKED_EXPR][0]), 0, shape)
    return shape


def _visit(expr: Fields, loops: int, shape: Shape) -> None:
    """Count an expression and what is below it. The library bounds the depth (32 levels as written)."""
    shape.nodes += 1
    chain = _chain(expr)
    if chain is not None:
        name, *members = chain
        shape.nodes += len(members)
        shape.reads.setdefault(name, set()).add(tuple(members))
        return
    if _COMPREHENSION in expr:
        loops += 1
        shape.loops = max(shape.loops, loops)
    if _CALL in expr and _is_costly(_fields(expr[_CALL][0])):
        shape.costly += 1
    for child in _children(expr):
        _visit(_fields(child), loops, shape)


def _chain(expr: Fields) -> list[str] | None:
    """``a.b["c"]`` as ``["a", "b", "c"]``; None for what is no such chain."""
    if _IDENT in expr:
        return [_fields(expr[_IDENT][0])[1][0].decode()]
    if _SELECT in expr:
        select = _fields(expr[_SELECT][0])
        operand, member = select[1][0], select[2][0].decode()
    elif _CALL in expr:
        call = _fields(expr[_CALL][0])
        if call[2][0] != b"_[_]":
            return None
        operand, key = call[3]
        constant = _fields(key).get(_CONSTANT)
        text = _fields(constant[0]).get(_STRING) if constant else None
        if text is None:
            return None
        member = text[0].decode()
    else:
        return None
    inner = _chain(_fields(operand))
    return None if inner is None else [*inner, member]


def _is_costly(call: Fields) -> bool:
    function = call[2][0].decode()
    if function in _CHEAP_BESIDE_A_LITERAL:
        return not any(_CONSTANT in _fields(argument) for argument in call.get(3, ()))
    return function in _COSTLY


def _children(expr: Fields) -> Iterator[bytes]:
    if _SELECT in expr:
        yield _fields(expr[_SELECT][0])[1][0]
    elif _CALL in expr:
        call = _fields(expr[_CALL][0])
        yield from call.get(1, ())
        yield from call.get(3, ())
    elif _LIST in expr:
        yield from _fields(expr[_LIST][0]).get(1, ())
    elif _STRUCT in expr:
        for entry in _fields(expr[_STRUCT][0]).get(2, ()):
            members = _fields(entry)
            yield from members.get(_ENTRY_KEY, ())
            yield from members.get(_ENTRY_VALUE, ())
    elif _COMPREHENSION in expr:
        comprehension = _fields(expr[_COMPREHENSION][0])
        for number in (2, 4, 5, 6, 7):  # range, start, condition, step, result
            yield from comprehension.get(number, ())


def _fields(message: bytes) -> Fields:
    """The length-delimited fields of a message by number; others are skipped."""
    found: Fields = {}
    position, end = 0, len(message)
    while position < end:
        tag, position = _varint(message, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == 2:
            length, position = _varint(message, position)
            found.setdefault(number, []).append(message[position : position + length])
            position += length
        elif wire_type == 0:
            _, position = _varint(message, position)
        else:
            position += 8 if wire_type == 1 else 4
    return found


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
