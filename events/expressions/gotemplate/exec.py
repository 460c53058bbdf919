"""From the syntax tree to one closure per template: text, actions, branches, loops, calls of other templates.

Follows https://pkg.go.dev/text/template#hdr-Actions and the package's exec.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from events.errors import EvaluationError
from events.expressions.golang.functions import Function
from events.expressions.golang.printing import format_value
from events.expressions.golang.values import Int, SizedInt, type_of
from events.expressions.gotemplate.builtins import is_true
from events.expressions.gotemplate.expressions import Compiler, Value
from events.expressions.gotemplate.nodes import (
    Action,
    Break,
    Continue,
    Definition,
    If,
    Pipeline,
    Range,
    Statement,
    TemplateCall,
    Text,
    With,
)
from events.expressions.gotemplate.state import LARGE, Body, CompiledTemplate, State

__all__ = ["NO_VALUE", "compile_templates"]

NO_VALUE = "<no value>"
_GO_ON, _BREAK, _CONTINUE = range(3)


def compile_templates(
    definitions: Mapping[str, Definition], functions: Mapping[str, Function]
) -> tuple[dict[str, CompiledTemplate], bool]:
    """All templates, and whether they may change the data in place."""
    compiler = _StatementCompiler(functions)
    templates = {
        name: CompiledTemplate(compiler.body(definition.body), definition.slots, definition.depth)
        for name, definition in definitions.items()
    }
    return templates, compiler.mutates


class _StatementCompiler(Compiler):
    """Adds the statements to the expressions."""

    def body(self, nodes: tuple[Statement, ...], *, element_dot: bool = False) -> Body:
        """Statements in order."""
        outer, self.element_dot = self.element_dot, element_dot
        statements = [self.statement(node) for node in nodes]
        self.element_dot = outer
        if len(statements) == 1:
            return statements[0]

        def run(state: State, dot: Any) -> int:
            for statement in statements:
                signal = statement(state, dot)
                if signal:
                    return signal
            return _GO_ON

        return run

    def statement(self, node: Statement) -> Body:
        if isinstance(node, Text):
            return _text(node.value)
        if isinstance(node, Action):
            return self.action(node)
        if isinstance(node, (If, With)):
            return self.branches(node)
        if isinstance(node, Range):
            return self.range(node)
        if isinstance(node, TemplateCall):
            return self.template(node)
        if isinstance(node, Break):
            return lambda state, dot: _BREAK
        assert isinstance(node, Continue)
        return lambda state, dot: _CONTINUE

    def action(self, node: Action) -> Body:
        value = self.pipeline(node.pipeline)
        if node.pipeline.variables:
            return _silently(value)

        def print_value(state: State, dot: Any) -> int:
            result = value(state, dot)
            if type(result) is not str:
                if isinstance(result, (list, dict)):
                    state.charge(LARGE)
                result = NO_VALUE if result is None else format_value(result)
            state.write(result)
            return _GO_ON

        return print_value

    def branches(self, node: If | With) -> Body:
        sets_dot = isinstance(node, With)
        outer = self.element_dot
        branches = [
            (self.pipeline(branch.pipeline), self.body(branch.body, element_dot=outer and not sets_dot))
            for branch in node.branches
        ]
        otherwise = self.body(node.otherwise, element_dot=outer)

        def choose(state: State, dot: Any) -> int:
            for condition, body in branches:
                value = condition(state, dot)
                if is_true(value):
                    return body(state, value if sets_dot else dot)
            return otherwise(state, dot)

        return choose

    def range(self, node: Range) -> Body:
        value = self.pipeline(_without_variables(node.pipeline))
        declared = node.pipeline.variables
        if any(variable.slot is None for variable in declared):
            return _silently(self.pipeline(node.pipeline))
        slots = [variable.slot for variable in declared if variable.slot is not None]
        element_slot = slots[-1] if slots else None
        index_slot = slots[0] if len(slots) == 2 else None
        body = self.body(node.body, element_dot=True)
        otherwise = self.body(node.otherwise, element_dot=self.element_dot)

        def loop(state: State, dot: Any) -> int:
            items = value(state, dot)
            for slot in slots:
                state.variables[slot] = items
            if isinstance(items, SizedInt) and index_slot is not None:
                raise EvaluationError(f"can't use {int(items)} to iterate over more than one variable")
            empty = True
            for index, element in _elements(items):
                empty = False
                state.charge(1)
                if element_slot is not None:
                    state.variables[element_slot] = element
                if index_slot is not None:
                    state.variables[index_slot] = index
                if body(state, element) == _BREAK:
                    break
            return otherwise(state, dot) if empty else _GO_ON

        return loop

    def template(self, node: TemplateCall) -> Body:
        value = self.pipeline(node.pipeline) if node.pipeline is not None else None
        name = node.name

        def run(state: State, dot: Any) -> int:
            template = state.templates.get(name)
            if template is None:
                raise EvaluationError(f'template "{name}" not defined')
            state.run(template, None if value is None else value(state, dot))
            return _GO_ON

        return run


def _text(text: str) -> Body:
    def write(state: State, dot: Any) -> int:
        state.write(text)
        return _GO_ON

    return write


def _silently(value: Value) -> Body:
    def evaluate(state: State, dot: Any) -> int:
        value(state, dot)
        return _GO_ON

    return evaluate


def _without_variables(pipeline: Pipeline) -> Pipeline:
    return Pipeline(pipeline.commands)


def _elements(items: Any) -> Iterator[tuple[Any, Any]]:
    """Index and element of all that a range walks over; maps in order of their keys. Raises for what it cannot."""
    if isinstance(items, list):
        return ((Int(i), item) for i, item in enumerate(list(items)))
    if isinstance(items, dict):
        return ((key, items[key]) for key in sorted(items) if key in items)
    if isinstance(items, SizedInt):
        return ((None, type(items)(i)) for i in range(items))
    if items is None:
        return iter(())
    raise EvaluationError(f"range can't iterate over {format_value(items)} of type {type_of(items)}")
