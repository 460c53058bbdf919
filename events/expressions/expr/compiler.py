"""A checked tree to nested Python functions: all decisions that don't need a value are taken here, once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from events.errors import EvaluationError
from events.expressions.expr.ast import (
    ArrayNode,
    BinaryNode,
    BoolNode,
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
    SequenceNode,
    SliceNode,
    StringNode,
    UnaryNode,
)
from events.expressions.expr.builtins import builtins
from events.expressions.expr.calling import call_value
from events.expressions.expr.dialect import Dialect
from events.expressions.expr.machine import Machine, Run
from events.expressions.expr.operators import fetch, negate, take_slice
from events.expressions.expr.predicates import LOOPS
from events.expressions.expr.steps import Step, binary_run, binary_step
from events.expressions.expr.values import Bytes, is_nil, not_bool
from events.expressions.golang.values import Int, type_of

__all__ = ["compile_tree"]

_ABSENT = object()
"""What a link after ``?.`` gives on nil, until the whole chain becomes nil."""


def compile_tree(tree: Node, dialect: Dialect, constants: dict[str, Any]) -> tuple[Run, int]:
    """The function that evaluates ``tree``, and how many variables it needs.

    ``constants`` are names whose values don't depend on the event.
    """
    compiler = _Compiler(dialect, constants)
    return compiler.compile(tree), compiler.variables


class _Compiler:
    def __init__(self, dialect: Dialect, constants: dict[str, Any]) -> None:
        self.dialect = dialect
        self.constants = constants
        self.builtins = builtins(dialect)
        self.names: list[tuple[str, int]] = []
        self.variables = 0

    def compile(self, node: Node) -> Run:
        return _COMPILERS[type(node)](self, node)

    # -- literals and names

    def constant(self, value: Any) -> Run:
        return lambda m: value

    def nil(self, node: Node) -> Run:
        return self.constant(None)

    def literal(self, node: Any) -> Run:
        return self.constant(node.value)

    def integer(self, node: IntegerNode) -> Run:
        return self.constant(Int(node.value))

    def bytes(self, node: BytesNode) -> Run:
        return self.constant(Bytes(node.value))

    def identifier(self, node: IdentifierNode) -> Run:
        name = node.value
        for known, index in reversed(self.names):
            if known == name:
                return lambda m: m.variables[index]
        if name == "$env":
            constants = self.constants
            return lambda m: {**m.env, **constants}
        if name in self.constants:
            return self.constant(self.constants[name])
        return lambda m: m.env.get(name)

    def let(self, node: LetNode) -> Run:
        value = self.compile(node.value)
        index = self.variables
        self.variables += 1
        self.names.append((node.name, index))
        body = self.compile(node.body)
        self.names.pop()

        def run(m: Machine) -> Any:
            m.variables[index] = value(m)
            return body(m)

        return run

    def pointer(self, node: PointerNode) -> Run:
        if node.name == "index":
            return lambda m: Int(m.scope.index)
        if node.name == "acc":
            return lambda m: m.scope.acc
        return Machine.current

    def sequence(self, node: SequenceNode) -> Run:
        *firsts, last = (self.compile(part) for part in node.nodes)

        def run(m: Machine) -> Any:
            for part in firsts:
                part(m)
            return last(m)

        return run

    def array(self, node: ArrayNode) -> Run:
        parts = [self.compile(part) for part in node.nodes]

        def run(m: Machine) -> Any:
            m.grow(len(parts))
            return [part(m) for part in parts]

        return run

    def map(self, node: MapNode) -> Run:
        pairs = [(self.compile(pair.key), self.compile(pair.value)) for pair in node.pairs]

        def run(m: Machine) -> Any:
            m.grow(len(pairs))
            made: dict[str, Any] = {}
            for key, value in pairs:
                name, found = key(m), value(m)
                if type(name) is not str:
                    raise EvaluationError(f"interface conversion: interface {{}} is {type_of(name)}, not string")
                made.setdefault(name, found)
            return made

        return run

    # -- operators

    def unary(self, node: UnaryNode) -> Run:
        inner = self.compile(node.node)
        if node.operator == "-":
            return lambda m: negate(inner(m))
        if node.operator == "+":
            return inner

        def run(m: Machine) -> bool:
            value = inner(m)
            if value is True or value is False:
                return not value
            raise not_bool(value)

        return run

    def binary(self, node: BinaryNode) -> Run:
        """One operator, or a chain of left operands as a loop over its steps."""
        chain = [node]
        while isinstance(chain[-1].left, BinaryNode):
            chain.append(chain[-1].left)
        first = self.compile(chain[-1].left)
        if len(chain) == 1:
            return binary_run(node, first, self.compile(node.right), self.dialect)
        steps: list[Step] = [binary_step(step, self.compile(step.right), self.dialect) for step in reversed(chain)]

        def run(m: Machine) -> Any:
            value = first(m)
            for step in steps:
                value = step(m, value)
            return value

        return run

    def conditional(self, node: ConditionalNode) -> Run:
        condition, then, otherwise = map(self.compile, (node.condition, node.then, node.otherwise))

        def run(m: Machine) -> Any:
            value = condition(m)
            if value is True:
                return then(m)
            if value is False:
                return otherwise(m)
            raise not_bool(value)

        return run

    # -- members

    def chain(self, node: ChainNode) -> Run:
        inner, may_be_absent = self.link(node.node)
        if not may_be_absent:
            return inner

        def run(m: Machine) -> Any:
            value = inner(m)
            return None if value is _ABSENT or is_nil(value) else value

        return run

    def member(self, node: MemberNode) -> Run:
        return self.link(node)[0]

    def link(self, node: Node) -> tuple[Run, bool]:
        """A member or call within the reach of ``?.``, and whether it may give ``_ABSENT``."""
        if isinstance(node, MemberNode):
            path = _static_path(node)
            if path is not None and not self.is_variable(path[0]):
                return self.path(path), False
            base, may_be_absent = self.link(node.node)
            return self.link_member(node, base, may_be_absent), may_be_absent or node.optional
        if isinstance(node, CallNode):
            callee, may_be_absent = self.link(node.callee)
            return self.link_call(node, callee), may_be_absent
        return self.compile(node), False

    def is_variable(self, name: str) -> bool:
        return name in self.constants or name == "$env" or any(known == name for known, _ in self.names)

    def path(self, path: list[str]) -> Run:
        """``payload.a.b``: the common case, without a call for each dot."""
        root, *names = path

        def run(m: Machine) -> Any:
            value = m.env.get(root)
            for name in names:
                value = value.get(name) if type(value) is dict else fetch(value, name)
            return value

        return run

    def link_member(self, node: MemberNode, base: Run, may_be_absent: bool) -> Run:
        key = self.compile(node.property)
        if not (may_be_absent or node.optional):
            return lambda m: fetch(base(m), key(m))
        optional = node.optional

        def run(m: Machine) -> Any:
            value = base(m)
            if value is _ABSENT or (optional and is_nil(value)):
                return _ABSENT
            return fetch(value, key(m))

        return run

    def slice(self, node: SliceNode) -> Run:
        owner = self.compile(node.node)
        start = self.compile(node.start) if node.start is not None else self.constant(Int(0))
        stop = self.compile(node.stop) if node.stop is not None else None

        def run(m: Machine) -> Any:
            value = owner(m)
            last = None
            if stop is not None:
                last = stop(m)
                if last is None:
                    raise EvaluationError("invalid operation: int(<nil>)")
            part = take_slice(value, start(m), last)
            m.spend(len(part) >> 5)
            return part

        return run

    # -- calls

    def call(self, node: CallNode) -> Run:
        return self.link(node)[0]

    def link_call(self, node: CallNode, callee: Run) -> Run:
        arguments = [self.compile(argument) for argument in node.arguments]
        dialect = self.dialect

        def run(m: Machine) -> Any:
            given = [argument(m) for argument in arguments]
            target = callee(m)
            return target if target is _ABSENT else call_value(m, target, given, dialect)

        return run

    def builtin(self, node: BuiltinNode) -> Run:
        loop = LOOPS.get(node.name)
        if loop is not None and (node.name not in ("sum", "sortBy") or self.dialect.sequences):
            return loop(node, self.compile)
        function: Callable[..., Any] = self.builtins[node.name]
        arguments = [self.compile(argument) for argument in node.arguments]
        if len(arguments) == 1:
            (only,) = arguments
            return lambda m: function(m, only(m))
        if len(arguments) == 2:
            first, second = arguments
            return lambda m: function(m, first(m), second(m))
        return lambda m: function(m, *[argument(m) for argument in arguments])


def _static_path(node: Node) -> list[str] | None:
    """``["payload", "a", "b"]`` for ``payload.a["b"]``."""
    names: list[str] = []
    while isinstance(node, MemberNode):
        if node.optional or node.method or not isinstance(node.property, StringNode):
            return None
        names.append(node.property.value)
        node = node.node
    if not isinstance(node, IdentifierNode):
        return None
    return [node.value, *reversed(names)]


_COMPILERS: dict[type[Node], Callable[..., Run]] = {
    NilNode: _Compiler.nil,
    IdentifierNode: _Compiler.identifier,
    IntegerNode: _Compiler.integer,
    FloatNode: _Compiler.literal,
    BoolNode: _Compiler.literal,
    StringNode: _Compiler.literal,
    ConstantNode: _Compiler.literal,
    BytesNode: _Compiler.bytes,
    UnaryNode: _Compiler.unary,
    BinaryNode: _Compiler.binary,
    ChainNode: _Compiler.chain,
    MemberNode: _Compiler.member,
    SliceNode: _Compiler.slice,
    CallNode: _Compiler.call,
    BuiltinNode: _Compiler.builtin,
    PointerNode: _Compiler.pointer,
    LetNode: _Compiler.let,
    SequenceNode: _Compiler.sequence,
    ConditionalNode: _Compiler.conditional,
    ArrayNode: _Compiler.array,
    MapNode: _Compiler.map,
}
