"""What can be wrong with a WorkflowEventBinding, without an event: for ``lint``, and for what ``up`` says before it starts. Pure.

The reference checks nothing here: what is an error below, it reports as a failed dispatch of each event (spec:
argo-workflows-events.md §3.1, §3.4).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime

from events.errors import ExpressionError, SpecError
from events.models.base import Finding, Json, decode, join_path, required, unknown_fields
from events.models.binding import ALLOW_TEMPLATES, BindingParameter, Submit, WorkflowEventBinding
from events.registry import did_you_mean
from sensor.bindings.compiled import CompiledBinding, CompiledSubmit, Expression, explained
from sensor.bindings.conversion import conversion_of
from sensor.bindings.dispatch import TemplateName
from sensor.bindings.environment import NAMES, Environment
from sensor.workflow_templates import Templates, check_arguments, check_reference

__all__ = ["check_template", "decode_binding", "validate_binding"]

_PARAMETER_NAME = re.compile(r"[-a-zA-Z0-9_]+")
_LONGEST_LABEL = 63
_HELPERS = ("asFloat", "asInt", "jsonpath", "sprig", "toJson")


def decode_binding(raw: Json) -> tuple[WorkflowEventBinding | None, list[Finding]]:
    """The object, or an error for each field of the wrong type."""
    return decode(WorkflowEventBinding, raw)


def validate_binding(binding: WorkflowEventBinding) -> list[Finding]:
    """Errors that keep it from submitting anything, and warnings for what is not what it reads like."""
    findings = list(unknown_fields(binding))
    if len(binding.metadata.name) > _LONGEST_LABEL:
        text = f"has more than {_LONGEST_LABEL} characters: the Workflow's label of this name would be refused"
        findings.append(Finding("error", "metadata.name", text))
    findings += _check_annotations(binding.metadata.annotations)
    compiled = CompiledBinding(binding, "")
    findings += _check_expression(compiled.selector, "spec.event.selector")
    submit = binding.spec.submit
    if submit is None or compiled.submit is None:
        findings.append(Finding("warning", "spec.submit", "is not given: events that match start nothing"))
        return findings
    path = "spec.submit"
    findings += required(f"{path}.workflowTemplateRef", name=submit.workflow_template_ref.name)
    findings += _check_arguments(submit, f"{path}.arguments")
    for expression, where in _expressions(compiled.submit, path):
        findings += _check_expression(expression, where)
        if "{{" in expression.text and expression.reads and not compiled.allow_templates:
            text = "a value with '{{' is refused where the expression reads the event"
            hint = f'annotation {ALLOW_TEMPLATES}: "true" lets it through'
            findings.append(Finding("warning", where, text, hint))
    name = compiled.submit.name
    if name is not None and name.text and not name.reads:
        text = "is the same for each event: after the first, the name is taken"
        findings.append(Finding("warning", f"{path}.metadata.name", text, "write generateName"))
    return findings


def _check_annotations(annotations: dict[str, str]) -> Iterator[Finding]:
    try:
        conversion_of(annotations)
    except SpecError as error:
        yield Finding("error", error.path, error.message, error.hint)
    if annotations.get(ALLOW_TEMPLATES, "true") not in ("true", "false"):
        path = join_path("metadata.annotations", (ALLOW_TEMPLATES,))
        yield Finding("warning", path, f"only 'true' counts, not '{annotations[ALLOW_TEMPLATES][:40]}'")


def _expressions(submit: CompiledSubmit, path: str) -> Iterator[tuple[Expression, str]]:
    """All expressions but the selector, each with its place."""
    if submit.name is not None:
        yield submit.name, f"{path}.metadata.name"
    if submit.generate_name is not None:
        yield submit.generate_name, f"{path}.metadata.generateName"
    for field, expressions in (("labels", submit.labels), ("annotations", submit.annotations)):
        for key, expression in expressions.items():
            yield expression, join_path(f"{path}.metadata.{field}", (key,))
    for index, (_, source) in enumerate(submit.parameters):
        if source is not None:
            yield source, f"{path}.arguments.parameters[{index}].valueFrom.event"


_PAYLOADS: tuple[Json, ...] = ({}, [], "", 0.0, True, None)
"""One of each type; most events are objects."""


def _check_expression(expression: Expression, path: str) -> list[Finding]:
    """An error where it compiles for no payload, whatever its type."""
    if not expression.text:
        return [Finding("error", path, "must be given: an expression")]
    problem: ExpressionError | None = None
    for payload in _PAYLOADS:
        environment = Environment(event_id="", namespace="", payload=payload, now=datetime.min.replace(tzinfo=UTC))
        try:
            expression.program(environment)
        except ExpressionError as error:
            problem = problem or error
        else:
            return []
    assert problem is not None
    return [Finding("error", path, explained(problem).partition("\n")[0], _hint(problem))]


def _hint(problem: ExpressionError) -> str:
    """What may have been meant by a name that is none."""
    prefix, _, name = problem.message.partition("unknown name ")
    if prefix or not name:
        return problem.hint
    if name in _HELPERS:
        return "only spec.submit.metadata knows it"
    return did_you_mean(name, list(NAMES)) or f"an expression begins with {', '.join(NAMES[:-1])} or {NAMES[-1]}"


def _check_arguments(submit: Submit, path: str) -> Iterator[Finding]:
    if submit.arguments.artifacts is not None:
        yield Finding("warning", f"{path}.artifacts", "are not submitted, as in the reference")
    seen: set[str] = set()
    for index, parameter in enumerate(submit.arguments.parameters):
        yield from _check_parameter(parameter, seen, f"{path}.parameters[{index}]")
        seen.add(parameter.name)


def _check_parameter(parameter: BindingParameter, seen: Collection[str], path: str) -> Iterator[Finding]:
    if not parameter.name:
        yield Finding("error", f"{path}.name", "must be given")
    elif not _PARAMETER_NAME.fullmatch(parameter.name):
        yield Finding("error", f"{path}.name", "must consist of letters, digits, '-' and '_'")
    elif parameter.name in seen:
        yield Finding("warning", f"{path}.name", f"there is a parameter '{parameter.name}' already")
    if parameter.value_from is None:
        yield Finding("error", f"{path}.valueFrom", "must be given", "a constant is written event: '\"text\"'")
    elif parameter.value is not None:
        yield Finding("warning", f"{path}.value", "does not count beside valueFrom")


def check_template(binding: WorkflowEventBinding, namespace: str, templates: Templates) -> Iterator[Finding]:
    """Whether the template is among ``templates`` and takes these parameters."""
    submit = binding.spec.submit
    if submit is None or not submit.workflow_template_ref.name:
        return
    reference = submit.workflow_template_ref
    kind = "ClusterWorkflowTemplate" if reference.cluster_scope else "WorkflowTemplate"
    name = TemplateName(kind, "" if reference.cluster_scope else namespace, reference.name)
    missing = check_reference(name, templates, "spec.submit.workflowTemplateRef.name")
    yield from missing
    if not missing:
        path = "spec.submit.arguments"
        given = {p.name: f"{path}.parameters[{i}].name" for i, p in enumerate(submit.arguments.parameters)}
        yield from check_arguments(name, templates, given, path)
