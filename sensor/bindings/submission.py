"""The Workflow that a binding makes of an event (spec: argo-workflows-events.md §3.4, §3.6, §3.7). Pure.

Steps and their order are the reference's; each error is in its words. Ours are the name, which is the same whenever the same
event meets the same binding, the annotations that say where the Workflow comes from, and the refusal of ``{{``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from events.errors import EvaluationError, ExpressionError, SpecError
from events.expressions import expr
from events.expressions.golang.values import type_of
from events.models.base import Json, parse
from events.models.binding import ALLOW_TEMPLATES, WorkflowTemplate
from events.models.values import Submission
from sensor.bindings.compiled import INSTANCE_ID, CompiledBinding, CompiledSubmit, Expression, explained
from sensor.bindings.conversion import convert
from sensor.bindings.environment import Environment
from sensor.naming import (
    ANNOTATION_DELIVERY,
    ANNOTATION_EVENT,
    ANNOTATION_TRACE,
    ANNOTATION_TRIGGER,
    binding_key,
    generated_name,
)

__all__ = ["KIND", "Claims", "Values", "render"]

KIND = "WorkflowEventBinding"
"""The kind of the submissions made here."""

_PREFIX = "workflows.argoproj.io/"
LABEL_TEMPLATE = _PREFIX + "workflow-template"
LABEL_CLUSTER_TEMPLATE = _PREFIX + "cluster-workflow-template"
LABEL_BINDING = _PREFIX + "workflow-event-binding"
LABEL_CREATOR = _PREFIX + "creator"
LABEL_CREATOR_EMAIL = _PREFIX + "creator-email"
LABEL_CREATOR_USERNAME = _PREFIX + "creator-preferred-username"
LABEL_ACTION = _PREFIX + "action"


@dataclass(frozen=True, slots=True)
class Claims:
    """Who posted the event, as far as it is known."""

    subject: str = ""
    email: str = ""
    preferred_username: str = ""

    @classmethod
    def of(cls, claims: Mapping[str, str]) -> Claims | None:
        """From those of a post; None where there are none."""
        return cls(*(claims.get(key, "") for key in ("sub", "email", "preferred_username"))) if claims else None


def render(
    binding: CompiledBinding, environment: Environment, template: Json, claims: Claims | None, instance_id: str
) -> Submission:
    """The Workflow for an event that the binding's selector is true for. ``template`` is the object that it names.

    Raises ``EvaluationError``.
    """
    submit = binding.submit
    assert submit is not None
    labels, annotations = _from_template(submit, template, instance_id)
    values = Values(binding, environment)
    name = values.text(submit.name, "name") if submit.name else ""
    generate_name = f"{submit.template}-"
    if submit.generate_name:
        generate_name = values.text(submit.generate_name, "generateName")
    for key, expression in submit.labels.items():
        labels[key] = values.text(expression, f'label "{key}"')
    for key, expression in submit.annotations.items():
        annotations[key] = values.text(expression, f'annotation "{key}"')
    _label_creator(labels, claims)
    labels[LABEL_BINDING] = binding.name
    parameters = [(parameter, values.parameter(source, parameter)) for parameter, source in submit.parameters]
    given = [{"name": parameter, "value": value} for parameter, value in parameters if value is not None]
    annotations[ANNOTATION_EVENT] = environment.event_id
    annotations[ANNOTATION_TRIGGER] = f"{binding.namespace}/{binding.name}"
    if environment.delivery_id:
        annotations[ANNOTATION_DELIVERY] = environment.delivery_id
    if environment.traceparent:
        annotations[ANNOTATION_TRACE] = environment.traceparent
    origin_key = binding_key(binding.namespace, binding.name, environment.event_id)
    metadata = {
        "name": name or generated_name(generate_name, origin_key),
        "generateName": generate_name,
        "namespace": binding.namespace,
        "labels": labels,
        "annotations": annotations,
    }
    reference: dict[str, Any] = {"name": submit.template}
    if submit.cluster_scope:
        reference["clusterScope"] = True
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": metadata,
        "spec": {"workflowTemplateRef": reference, "arguments": {"parameters": given} if given else {}},
    }
    return Submission(KIND, str(metadata["name"]), binding.namespace, workflow)


def _from_template(submit: CompiledSubmit, raw: Json, instance_id: str) -> tuple[dict[str, str], dict[str, str]]:
    """Labels and annotations with which the Workflow begins."""
    try:
        template = parse(WorkflowTemplate, raw)
    except SpecError as error:
        text = f"failed to get workflow template: {submit.template}: {error.path}: {error.message}"
        raise EvaluationError(text, reason=error.reason) from None
    if template.metadata.labels.get(INSTANCE_ID) != (instance_id or None):
        raise EvaluationError(
            f"failed to validate workflow template instanceid: '{submit.template}' is not managed by the current Argo Server",
            reason="OtherInstance",
        )
    own = template.spec.workflow_metadata
    labels = {LABEL_CLUSTER_TEMPLATE if submit.cluster_scope else LABEL_TEMPLATE: submit.template, **own.labels}
    if instance_id:
        labels[INSTANCE_ID] = instance_id
    else:
        labels.pop(INSTANCE_ID, None)
    return labels, dict(own.annotations)


class Values:
    """The values of a binding's expressions for one event, as texts that may go into an object."""

    def __init__(self, binding: CompiledBinding, environment: Environment) -> None:
        self._binding = binding
        self._environment = environment
        self._seed = f"{environment.event_id}\x00{binding.namespace}\x00{binding.name}\x00"

    def text(self, expression: Expression, what: str) -> str:
        """A value that must be a text: of ``name``, ``label "k"`` …"""
        problem = f"failed to evaluate workflow {what} expression"
        value = self._evaluate(expression, what, problem, problem)
        if not isinstance(value, str):
            raise EvaluationError(f"workflow {what} expression must evaluate to a string, not a {type_of(value)}")
        return self._checked(expression, expr.clean(value), f"workflow {what}")

    def parameter(self, expression: Expression | None, name: str) -> str | None:
        """The value of a parameter; None where it is left out."""
        if expression is None:
            raise EvaluationError(f'malformed workflow template parameter "{name}": valueFrom is nil')
        value = self._evaluate(
            expression,
            f'parameter "{name}"',
            f"failed to compile workflow template parameter {name} expression",
            f'failed to evaluate workflow template parameter "{name}" expression',
        )
        try:
            text = convert(value, self._binding.conversion)
        except EvaluationError as error:
            raise EvaluationError(f'failed to convert result to JSON "{name}" expression: {error.message}') from None
        return None if text is None else self._checked(expression, text, f'parameter "{name}"')

    def _evaluate(self, expression: Expression, what: str, compiling: str, running: str) -> Any:
        """Random values are the same for the same event and place, and others for another place."""
        try:
            return expression(self._environment, (self._seed + what).encode("utf-8", "replace"))
        except ExpressionError as error:
            raise EvaluationError(f"{compiling}: {explained(error)}", reason=error.reason) from None
        except EvaluationError as error:
            raise EvaluationError(f"{running}: {error.message}", reason=error.reason) from None

    def _checked(self, expression: Expression, text: str, what: str) -> str:
        """``{{`` in a Workflow is interpreted by the engine, and a sender must not write programs. The binding's author may."""
        if "{{" in text and not self._binding.allow_templates and expression.reads:
            hint = f'the engine would interpret it; annotation {ALLOW_TEMPLATES}: "true" lets it through'
            raise EvaluationError(f"{what}: the value holds '{{{{' from the event", hint=hint, reason="TemplateInValue")
        return text


# Who posted the event


def _label_creator(labels: dict[str, str], claims: Claims | None) -> None:
    """Set by us alone: what a template or binding says of the creator does not count."""
    claims = claims or Claims()
    creator = {
        LABEL_CREATOR: claims.subject,
        LABEL_CREATOR_EMAIL: claims.email.replace("@", ".at.", 1),
        LABEL_CREATOR_USERNAME: claims.preferred_username,
        LABEL_ACTION: "",
    }
    for label, value in creator.items():
        labels.pop(label, None)
        if friendly := _dns_friendly(value):
            labels[label] = friendly


_FOREIGN = re.compile(r"[^-_.a-zA-Z0-9]")
_ENDS = re.compile(r"^[^a-zA-Z0-9]+|[^a-zA-Z0-9]+$")


def _dns_friendly(text: str) -> str:
    """Letters, digits, ``-``, ``_`` and ``.``, at most the last 63, beginning and ending with a letter or digit."""
    return _ENDS.sub("", _FOREIGN.sub("-", text)[-63:])
