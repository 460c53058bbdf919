"""From pipelines to closures ``(state, dot) -> value``: fields, variables, calls with Go's rules for arguments.

Where Go finds a mistake only when it runs (a wrong count of arguments, a constant of the wrong type), the closure raises.
Follows https://pkg.go.dev/text/template#hdr-Arguments and the package's exec.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NoReturn

from events.errors import EvaluationError
from events.expressions.golang.functions import CHECKS, Function
from events.expressions.golang.values import GoObject, Int, SizedInt, type_of
from events.expressions.gotemplate.builtins import is_true
from events.expressions.gotemplate.nodes import (
    Bool,
    Chain,
    Command,
    Dot,
    Field,
    Identifier,
    Nil,
    Number,
    Operand,
    Pipeline,
    String,
    Variable,
)
from events.expressions.gotemplate.state import LARGE, UNDEFINED, State, checked

__all__ = ["Compiler", "Value"]

Value = Callable[[State, Any], Any]


def _raises(message: str) -> Value:
    def fail(state: State, dot: Any) -> NoReturn:
        raise EvaluationError(message)

    return fail


def _constant(value: Any) -> Value:
    return lambda state, dot: value


def _dot(state: State, dot: Any) -> Any:
    return dot


class Compiler:
    """Compiles the pipelines of one template text. ``element_dot``: dot is an element of a range at this place."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self.functions = functions
        self.element_dot = False
        self.mutates = False

    def pipeline(self, node: Pipeline) -> Value:
        """The value of the last command; variables are set."""
        value: Value | None = None
        for command in node.commands:
            value = self.command(command, value)
        if value is None:
            return _raises("missing value")
        for variable in node.variables:
            value = _assigned(value, variable)
        return value

    def command(self, node: Command, final: Value | None) -> Value:
        """A command; ``final`` is the command before it, whose value is the last argument."""
        first, arguments = node.operands[0], node.operands[1:]
        if isinstance(first, Identifier):
            return self.call(first.name, arguments, final)
        if isinstance(first, Field):
            return self.field(_dot, first.names, arguments, final, null_fails=self.element_dot)
        if isinstance(first, Variable) and first.names:
            return self.field(_variable(first), first.names, arguments, final, null_fails=first.of_range)
        if isinstance(first, Chain):
            return self.chain(first, arguments, final)
        if arguments or final is not None:
            return _raises("can't give argument to non-function")
        if isinstance(first, Nil):
            return _raises("nil is not a command")
        return self.operand(first)

    def operand(self, node: Operand) -> Value:
        """A value on its own, of whatever type it has."""
        if isinstance(node, Dot):
            return _dot
        if isinstance(node, (Bool, String)):
            return _constant(node.value)
        if isinstance(node, Nil):
            return _constant(None)
        if isinstance(node, Number):
            return _number(node)
        if isinstance(node, Pipeline):
            return self.pipeline(node)
        return self.command(Command((node,)), None) if not _is_plain(node) else _variable(node)

    def chain(self, node: Chain, arguments: tuple[Operand, ...], final: Value | None) -> Value:
        """``(…).a.b``"""
        if isinstance(node.base, Nil):
            return _raises("indirection through explicit nil")
        return self.field(self.operand(node.base), node.names, arguments, final, null_fails=False)

    # --- calls ---

    def call(self, name: str, arguments: tuple[Operand, ...], final: Value | None) -> Value:
        """A call of a function by its name."""
        if name in ("and", "or"):
            return self.short_circuit(name, arguments, final)
        function = self.functions[name]
        self.mutates = self.mutates or function.mutates
        try:
            function.check_count(len(arguments) + (final is not None))
        except EvaluationError as error:
            return _raises(error.message)
        values = self.arguments(function, arguments)
        last = None if final is None else _checked(final, function.parameter(len(arguments)))
        return _call(function, values, last)

    def arguments(self, function: Function, nodes: tuple[Operand, ...]) -> list[Value]:
        """The arguments that are written out, each for its parameter."""
        return [self.argument(node, function.parameter(i)) for i, node in enumerate(nodes)]

    def argument(self, node: Operand, wanted: str) -> Value:
        """A value for a parameter of type ``wanted``: constants take that type, everything else must have it."""
        if wanted == "any":
            return self.operand(node)
        if isinstance(node, Nil):
            return _constant(None) if wanted == "map" else _raises(f"cannot assign nil to {wanted}")
        if isinstance(node, (Bool, String, Number)):
            return _typed_constant(node, wanted)
        if wanted == "map" and isinstance(node, (Field, Chain, Variable)) and node.names:
            return _map_field(self.operand(node), self.operand(_without_last(node)), node.names[-1])
        return _checked(self.operand(node), wanted)

    def short_circuit(self, name: str, nodes: tuple[Operand, ...], final: Value | None) -> Value:
        """``and`` and ``or``: the first value that decides, or the last."""
        values = [self.operand(node) for node in nodes]
        if final is not None:
            values.append(final)
        if not values:
            return _raises(f"wrong number of args for {name}: want at least 1 got 0")
        stops_at = name == "or"
        *before, last = values

        def decide(state: State, dot: Any) -> Any:
            for value in before:
                result = value(state, dot)
                if is_true(result) is stops_at:
                    return result
            return last(state, dot)

        return decide

    # --- fields ---

    def field(
        self, base: Value, names: tuple[str, ...], nodes: tuple[Operand, ...], final: Value | None, *, null_fails: bool
    ) -> Value:
        """``base.a.b``. With arguments the last name must be a method. A nil that was there fails, one that was missing stays."""
        if nodes or final is not None:
            return self.method_call(base, names, nodes, final, null_fails)
        if base is _dot and not null_fails:
            return _dot_field(names)

        def look_up(state: State, dot: Any) -> Any:
            return _follow(state, base(state, dot), names, null_fails)

        return look_up

    def method_call(
        self, base: Value, names: tuple[str, ...], nodes: tuple[Operand, ...], final: Value | None, null_fails: bool
    ) -> Value:
        """``base.a.Method x``: which method it is shows at run time."""
        *path, name = names

        def invoke(state: State, dot: Any) -> Any:
            receiver = _follow(state, base(state, dot), tuple(path), null_fails)
            if receiver is None:
                return None
            method = _method(receiver, name)
            if method is None:
                raise EvaluationError(f"{name} is not a method but has arguments")
            method.check_count(len(nodes) + (final is not None))
            values = [argument(state, dot) for argument in self.arguments(method, nodes)]
            if final is not None:
                values.append(CHECKS[method.parameter(len(nodes))](final(state, dot)))
            state.charge_arguments(values)
            return checked(method.implementation(receiver, *values))

        return invoke


def _without_last(node: Field | Chain | Variable) -> Operand:
    """What the last name is looked up from."""
    names = node.names[:-1]
    if isinstance(node, Field):
        return Field(names) if names else Dot()
    if isinstance(node, Variable):
        return replace(node, names=names)
    return Chain(node.base, names) if names else node.base


def _map_field(value: Value, parent: Value, name: str) -> Value:
    """A field for a map parameter: one that is missing is a nil map, but one that is null has the wrong type."""
    check = CHECKS["map"]

    def look_up(state: State, dot: Any) -> Any:
        result = value(state, dot)
        if result is None:
            holder = parent(state, dot)
            if isinstance(holder, dict) and name in holder:
                raise EvaluationError("wrong type for value; expected map[string]interface {}; got interface {}")
        return check(result)

    return look_up


def _is_plain(node: Operand) -> bool:
    return isinstance(node, Variable) and not node.names


def _variable(node: Any) -> Value:
    slot = node.slot
    message = f"undefined variable: {node.name}"
    if slot is None:
        return _raises(message)

    def read(state: State, dot: Any) -> Any:
        value = state.variables[slot]
        if value is UNDEFINED:
            raise EvaluationError(message)
        return value

    return read


def _assigned(value: Value, variable: Variable) -> Value:
    slot = variable.slot
    if slot is None:
        return _raises(f"undefined variable: {variable.name}")

    def assign(state: State, dot: Any) -> Any:
        result = value(state, dot)
        state.variables[slot] = result
        return result

    return assign


def _number(node: Number) -> Value:
    if node.is_float:
        return _constant(node.floating)
    if node.integer is None:
        return _raises(f"{node.text} overflows int")
    return _constant(Int(node.integer))


def _typed_constant(node: Bool | String | Number, wanted: str) -> Value:
    if isinstance(node, String) and wanted == "string":
        return _constant(node.value)
    if isinstance(node, Bool) and wanted == "bool":
        return _constant(node.value)
    if isinstance(node, Number):
        if wanted == "int" and node.integer is not None:
            return _constant(Int(node.integer))
        if wanted == "float64":
            return _constant(node.floating)
        if wanted == "uint32" and node.unsigned is not None:
            return _constant(node.unsigned & 0xFFFFFFFF)
    found = node.text if isinstance(node, Number) else repr(node.value)
    return _raises(f"expected {wanted}; found {found:.80}")


def _checked(value: Value, wanted: str) -> Value:
    """A value that must have a type. Strings are checked here, as they are most of all."""
    if wanted == "any":
        return value
    check = CHECKS[wanted]
    if wanted != "string":
        return lambda state, dot: check(value(state, dot))

    def text(state: State, dot: Any) -> Any:
        result = value(state, dot)
        return result if type(result) is str else check(result)

    return text


def _call(function: Function, values: list[Value], last: Value | None) -> Value:
    """The call itself. As in Go the piped value is computed first."""
    implementation = function.implementation
    needs_context, heavy = function.needs_context, function.heavy

    def call(state: State, dot: Any) -> Any:
        if last is None:
            arguments = [value(state, dot) for value in values]
        else:
            piped = last(state, dot)
            arguments = [value(state, dot) for value in values]
            arguments.append(piped)
        state.charge_arguments(arguments)
        if heavy:
            state.charge(LARGE)
        if needs_context:
            return checked(implementation(state.context, *arguments))
        return checked(implementation(*arguments))

    return call


def _dot_field(names: tuple[str, ...]) -> Value:
    """``.a.b`` from a document, the commonest of all: no calls while it walks down maps."""

    def look_up(state: State, dot: Any) -> Any:
        value = dot
        for name in names:
            if type(value) is not dict:
                return _follow(state, dot, names, False)
            if name not in value:
                return None
            value = value[name]
        return value

    return look_up


def _follow(state: State, value: Any, names: tuple[str, ...], null_fails: bool) -> Any:
    """Look names up one after the other. What is missing ends it without error."""
    for name in names:
        if isinstance(value, dict):
            if name not in value:
                return None
            value = value[name]
            null_fails = True
            continue
        if value is None:
            if null_fails:
                raise EvaluationError(f"nil pointer evaluating interface {{}}.{name}")
            return None
        method = _method(value, name)
        if method is None:
            raise EvaluationError(f"can't evaluate field {name} in type {type_of(value)}")
        method.check_count(0)
        state.charge(1)
        value = method.implementation(value)
        null_fails = False
    return value


def _method(value: Any, name: str) -> Function | None:
    return value.methods.get(name) if isinstance(value, (GoObject, SizedInt)) else None
