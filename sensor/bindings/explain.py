"""What the bindings of a namespace would do with a posted event, and why. Pure; nothing is submitted.

Asked are the compiled parts that ``dispatching`` asks, in the same order; here their answers are kept as a tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from events.errors import EvaluationError, PointsmanError, Refused
from events.kube import Object
from events.kube.local import Templates, check_template
from events.kube.rules import check_metadata
from events.models.dispatching import Grants, Post
from events.models.event import Event
from events.models.values import Submission, Verdict
from sensor.bindings.compiled import CompiledBinding, Expression
from sensor.bindings.dispatch import Result, TemplateName, complete, decide
from sensor.bindings.environment import Environment
from sensor.bindings.submission import Claims, Values
from sensor.bindings.witness import witness

__all__ = ["BindingExplanation", "BindingParameterExplanation", "explain"]


@dataclass(frozen=True, slots=True)
class BindingParameterExplanation:
    """A parameter of the Workflow: its expression (empty: there is none), the values that it read by their paths, and its value.

    The value is None when the parameter is left out; ``problem`` says why it has none.
    """

    name: str
    expression: str
    seen: Mapping[str, Any]
    value: str | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class BindingExplanation:
    """What a binding says of the event.

    It is not asked at all for ``reason``; else ``verdict`` is what its selector says. A match has a ``submission``, or ``problem`` says
    why it has none; without ``template`` (kind and name) it submits nothing. ``assumed``: the template is not at hand, and counts as
    one that changes nothing.
    """

    namespace: str
    name: str
    reason: str = ""
    verdict: Verdict | None = None
    template: TemplateName | None = None
    assumed: bool = False
    parameters: tuple[BindingParameterExplanation, ...] = ()
    submission: Submission | None = None
    problem: str = ""

    @property
    def status(self) -> str:
        """``fires``, ``idle`` (nothing is to be submitted), ``refused`` (it fails), or ``skipped`` (it is not asked)."""
        if self.verdict is None:
            return "skipped"
        if self.problem:
            return "refused"
        return "fires" if self.submission is not None else "idle"


def explain(
    bindings: Iterable[CompiledBinding],
    event: Event,
    post: Post,
    delivery_id: str,
    templates: Templates,
    *,
    instance_id: str = "",
) -> tuple[BindingExplanation, ...]:
    """What each of ``bindings`` in the namespace of ``post`` does with it, in order of their names. Raises EvaluationError."""
    environment = Environment.of(event, post, delivery_id)
    found = sorted((b for b in bindings if b.namespace == post.namespace), key=lambda b: b.name)
    skipped = {binding.name: reason for binding in found if (reason := _not_asked(binding, post, instance_id))}
    results = {r.name: r for r in decide((b for b in found if b.name not in skipped), environment)}
    return tuple(
        BindingExplanation(binding.namespace, binding.name, skipped[binding.name])
        if binding.name in skipped
        else _explained(results[binding.name], post, templates, instance_id)
        for binding in found
    )


def _not_asked(binding: CompiledBinding, post: Post, instance_id: str) -> str:
    if binding.instance_id != (instance_id or None):
        return f"it belongs to the instance '{binding.instance_id or ''}' of Argo Workflows, and this is another"
    if post.grants is not None and f"{binding.namespace}/{binding.name}" not in post.grants.bindings:
        return "the poster did not see it, when the event was posted"
    return ""


def _explained(result: Result, post: Post, templates: Templates, instance_id: str) -> BindingExplanation:
    verdict, wants = result.verdict, result.wants
    if wants is None:
        problem = result.error.message if result.error is not None else ""
        return BindingExplanation(result.namespace, result.name, verdict=verdict, problem=problem)
    template = templates.get(wants)
    done = complete(
        result, _denied(post.grants, wants) or template or {"metadata": {}}, Claims.of(post.claims), instance_id
    )
    if done.submission is not None and (error := _refused(done.submission, post.grants, templates, template)):
        done = done.failed(error)
    return BindingExplanation(
        result.namespace,
        result.name,
        verdict=verdict,
        template=wants,
        assumed=template is None,
        parameters=tuple(_parameters(result)),
        submission=done.submission,
        problem=done.error.message if done.error is not None else "",
    )


def _denied(grants: Grants | None, wants: TemplateName) -> PointsmanError | None:
    """The API server's words, when the poster may not read the template."""
    words = grants.templates.get(Grants.template_key(*wants)) if grants is not None else None
    return Refused(words, status=403) if words is not None else None


def _refused(
    submission: Submission, grants: Grants | None, templates: Templates, template: Object | None
) -> PointsmanError | None:
    """Why the local store would not take it; None when it would."""
    words = grants.workflows.get(submission.namespace) if grants is not None else None
    if words is not None:
        return Refused(words, status=403)
    try:
        check_metadata("Workflow", submission.body["metadata"])
        if template is not None:
            check_template(submission.body, templates)
    except Refused as error:
        return error
    return None


def _parameters(result: Result) -> Iterable[BindingParameterExplanation]:
    submit = result.binding.submit
    values = Values(result.binding, result.environment)
    for name, expression in submit.parameters if submit is not None else ():
        text, seen = _read(expression, result.environment)
        try:
            yield BindingParameterExplanation(name, text, seen, values.parameter(expression, name))
        except EvaluationError as error:
            yield BindingParameterExplanation(name, text, seen, None, error.message)


def _read(expression: Expression | None, environment: Environment) -> tuple[str, Mapping[str, Any]]:
    return ("", {}) if expression is None else (expression.text, witness(expression.reads, environment))
