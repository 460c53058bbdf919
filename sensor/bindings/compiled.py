"""A WorkflowEventBinding ready for events: its expressions compiled, once for each type of payload. Pure.

The reference compiles each expression against each event's values (spec: argo-workflows-events.md §4.1). What that can find
depends on the payload's own type only (object, list, text …), since the three other names have the same type always; so an
``Expression`` keeps one program for each of these types.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from events.errors import EvaluationError, ExpressionError, SpecError
from events.expressions import expr
from events.expressions.golang.values import type_of
from events.expressions.gotemplate.printf import sprintf
from events.models.base import Json, parse
from events.models.binding import ALLOW_TEMPLATES, Submit, WorkflowEventBinding
from sensor.bindings.conversion import Conversion, conversion_of
from sensor.bindings.environment import NAMES, Environment

__all__ = ["INSTANCE_ID", "CompiledBinding", "CompiledSubmit", "Expression", "compile_binding", "explained"]

INSTANCE_ID = "workflows.argoproj.io/controller-instanceid"
"""Label that says which controller an object belongs to."""


class Expression:
    """One expression of a binding. ``expression(environment)`` is its value; raises ``ExpressionError`` or ``EvaluationError``."""

    def __init__(self, text: str, functions: expr.Functions = expr.PLAIN) -> None:
        self.text = text
        self._programs: dict[type, expr.Program] = {}
        try:
            self._selector: expr.Selector | ExpressionError = expr.prepare(text, functions=functions)
        except ExpressionError as error:
            self._selector = error

    def __call__(self, environment: Environment, seed: bytes = b"") -> Any:
        """The value for one event. Random values follow from ``seed``."""
        program = self._programs.get(type(environment.payload)) or self.program(environment)
        return program(environment.names, now=environment.now, seed=seed)

    def program(self, environment: Environment) -> expr.Program:
        """The program for events of this type. Raises ``ExpressionError`` when it does not compile for them."""
        if isinstance(self._selector, ExpressionError):
            raise self._selector.with_traceback(None)
        program = self._programs[type(environment.payload)] = self._selector.program(environment.names)
        return program

    @cached_property
    def reads(self) -> tuple[expr.Path, ...]:
        """The paths of the environment that it mentions; none where the syntax is wrong."""
        try:
            return expr.reads(self.text, NAMES)
        except ExpressionError:
            return ()


@dataclass(frozen=True, slots=True)
class CompiledSubmit:
    """What a binding submits: the template, and expressions for metadata (None where not given) and parameters.

    Labels and annotations are by key, parameters by name, in order; one without ``valueFrom`` has no expression.
    """

    template: str
    cluster_scope: bool
    name: Expression | None
    generate_name: Expression | None
    labels: Mapping[str, Expression]
    annotations: Mapping[str, Expression]
    parameters: Sequence[tuple[str, Expression | None]]

    @classmethod
    def of(cls, submit: Submit) -> CompiledSubmit:
        """Compile all expressions; what does not compile is an error of the events that meet it."""
        metadata = submit.metadata
        return cls(
            template=submit.workflow_template_ref.name,
            cluster_scope=submit.workflow_template_ref.cluster_scope,
            name=_helped(metadata.name) if metadata.name else None,
            generate_name=_helped(metadata.generate_name) if metadata.generate_name else None,
            labels={key: _helped(text) for key, text in metadata.labels.items()},
            annotations={key: _helped(text) for key, text in metadata.annotations.items()},
            parameters=[
                (p.name, Expression(p.value_from.event) if p.value_from is not None else None)
                for p in submit.arguments.parameters
            ],
        )


def _helped(text: str) -> Expression:
    """An expression of ``submit.metadata``: only these see the helper functions."""
    return Expression(text, expr.HELPERS)


class CompiledBinding:
    """A binding for many events. ``problem`` is what keeps it from being used for any; then it has nothing but its name."""

    def __init__(self, binding: WorkflowEventBinding, namespace: str) -> None:
        metadata = binding.metadata
        self.name = metadata.name
        self.namespace = metadata.namespace or namespace
        self.instance_id = metadata.labels.get(INSTANCE_ID)
        self.selector = Expression(binding.spec.event.selector)
        self.submit = CompiledSubmit.of(binding.spec.submit) if binding.spec.submit is not None else None
        self.allow_templates = metadata.annotations.get(ALLOW_TEMPLATES) == "true"
        self.conversion = Conversion.ARGO
        self.problem: SpecError | None = None
        try:
            self.conversion = conversion_of(metadata.annotations)
        except SpecError as error:
            self.problem = error

    def __repr__(self) -> str:
        return f"<CompiledBinding {self.namespace}/{self.name}>"

    def matches(self, environment: Environment) -> bool:
        """Whether the selector is true for the event. Raises ``EvaluationError`` in the words of the reference."""
        if self.problem is not None:
            raise EvaluationError(f"{self.problem.path}: {self.problem}", reason=self.problem.reason)
        selector = self.selector
        try:
            value = selector(environment)
        except ExpressionError as error:
            raise EvaluationError(f"{_SELECTOR}: {explained(error)}", reason=error.reason) from None
        except EvaluationError as error:
            text = f"{_SELECTOR}: unable to evaluate expression '{selector.text}': {error.message}"
            raise EvaluationError(text, reason=error.reason) from None
        if value is True or value is False:
            return value is True
        raise EvaluationError(f"{_SELECTOR}: {_cast(value)}")


_LONGEST_SHOWN = 200
_SELECTOR = "failed to evaluate workflow template expression"


def _cast(value: Any) -> str:
    try:
        shown = sprintf("%s", value)
    except EvaluationError:  # too large to print
        shown = type_of(value)
    if len(shown) > _LONGEST_SHOWN:
        shown = f"{shown[:_LONGEST_SHOWN]}…"
    return f"unable to cast expression result '{shown}' to bool"


def compile_binding(raw: Json, namespace: str) -> CompiledBinding:
    """The binding of a manifest; ``namespace`` is for one that names none.

    A manifest of the wrong shape gives a binding with a ``problem``: it fails for each event, and no other binding does.
    """
    try:
        return CompiledBinding(parse(WorkflowEventBinding, raw), namespace)
    except SpecError as error:
        broken = CompiledBinding(WorkflowEventBinding.model_validate({"metadata": _identity(raw)}), namespace)
        broken.problem = error
        return broken


def _identity(raw: Json) -> dict[str, Any]:
    """What is usable of a malformed manifest's name, namespace and labels."""
    metadata = raw.get("metadata") if isinstance(raw, dict) else None
    if not isinstance(metadata, dict):
        return {}
    texts = {key: metadata[key] for key in ("name", "namespace") if isinstance(metadata.get(key), str)}
    labels = metadata.get("labels")
    instance_id = labels.get(INSTANCE_ID) if isinstance(labels, dict) else None
    return texts | ({"labels": {INSTANCE_ID: instance_id}} if isinstance(instance_id, str) else {})


def explained(error: ExpressionError) -> str:
    """The error of an expression with its place, and the line with a mark under it, as the reference shows it (§4.1)."""
    if error.position < 0 or not error.text:
        return error.message
    line = error.text.count("\n", 0, error.position) + 1
    start = error.text.rfind("\n", 0, error.position) + 1
    column = error.position - start
    source = error.text[start:].partition("\n")[0].replace("\t", " ")
    text = f"{error.message} ({line}:{column + 1})"
    return f"{text}\n | {source}\n | {'.' * column}^" if source else text
