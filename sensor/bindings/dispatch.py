"""An event and the bindings of its namespace: which match, and what each makes of it (spec: argo-workflows-events.md §3.2–§3.5).

Each binding stands alone: one that fails keeps no other from submitting. Templates lie in a cluster, so there are two steps:
``decide`` asks the selectors, ``complete`` takes the template that a match ``wants``; ``dispatch`` is both, where templates are
at hand. Pure: creating the Workflow, and trying again, is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from events.errors import EvaluationError, PointsmanError, Refused, Unavailable
from events.expressions import expr
from events.models.values import Submission, Verdict, VerdictKind
from sensor.bindings.compiled import CompiledBinding
from sensor.bindings.environment import Environment
from sensor.bindings.submission import Claims, render
from sensor.bindings.witness import witness

__all__ = [
    "BindingWarning",
    "Lookup",
    "Result",
    "TemplateName",
    "complete",
    "decide",
    "dispatch",
    "failure_text",
    "selected",
]


class TemplateName(NamedTuple):
    """Which template: ``WorkflowTemplate`` or ``ClusterWorkflowTemplate``, its namespace (empty for the latter) and name."""

    kind: str
    namespace: str
    name: str


Lookup = Callable[[TemplateName], dict[str, Any] | PointsmanError]
"""A template, or why there is none: ``Refused`` for good, ``Unavailable`` when it may be asked again."""


class BindingWarning(NamedTuple):
    """What is told of a binding that failed, as a Kubernetes Event of type Warning about it."""

    namespace: str
    binding: str
    message: str
    reason: str = "WorkflowEventBindingError"


class Result(NamedTuple):
    """What became of an event at one binding: not ``matched``; or a ``submission``; or an ``error``.

    A match of a binding without ``submit`` has neither. ``error.retryable`` tells that trying again may help.
    """

    binding: CompiledBinding
    environment: Environment
    matched: bool = False
    submission: Submission | None = None
    error: PointsmanError | None = None

    @property
    def name(self) -> str:
        """The binding's name."""
        return self.binding.name

    @property
    def namespace(self) -> str:
        """The binding's namespace."""
        return self.binding.namespace

    @property
    def wants(self) -> TemplateName | None:
        """The template that is needed to go on."""
        submit = self.binding.submit
        if not self.matched or submit is None or self.submission is not None or self.error is not None:
            return None
        if submit.cluster_scope:
            return TemplateName("ClusterWorkflowTemplate", "", submit.template)
        return TemplateName("WorkflowTemplate", self.namespace, submit.template)

    @property
    def verdict(self) -> Verdict:
        """What the selector said, its text, and the values of what it reads: ``{"payload.action": "closed"}``.

        Made when it is asked for, since nobody asks about most bindings.
        """
        selector = self.binding.selector
        seen = witness(selector.reads, self.environment)
        if self.matched:
            return Verdict(VerdictKind.PASSED, selector.text, "is true", seen)
        if self.error is not None:
            return Verdict(VerdictKind.ERROR, selector.text, self.error.message, seen)
        return Verdict(VerdictKind.FAILED, selector.text, "is false", seen)

    @property
    def warning(self) -> BindingWarning | None:
        """What is told about the binding when it failed."""
        if self.error is None:
            return None
        return BindingWarning(self.namespace, self.name, f"failed to dispatch event: {self.error.message}")

    def failed(self, error: PointsmanError) -> Result:
        """The same, when the Workflow could not be created."""
        return self._replace(submission=None, error=_told("failed to create workflow", error))


def selected(bindings: Iterable[CompiledBinding], instance_id: str = "") -> list[CompiledBinding]:
    """The bindings that belong to the instance, in order of their names: those that carry its label, or none for no instance."""
    wanted = instance_id or None
    return sorted((b for b in bindings if b.instance_id == wanted), key=lambda b: (b.name, b.namespace))


def decide(bindings: Iterable[CompiledBinding], environment: Environment) -> Iterator[Result]:
    """What the selectors of these bindings (see ``selected``) say of the event, in their order."""
    for binding in bindings:
        try:
            matched = binding.matches(environment)
        except EvaluationError as error:
            yield Result(binding, environment, error=_readable(error))
        else:
            yield Result(binding, environment, matched)


def complete(
    result: Result,
    template: dict[str, Any] | PointsmanError,
    claims: Claims | None = None,
    instance_id: str = "",
) -> Result:
    """The result with its submission or error, given what looking up ``result.wants`` came to."""
    if isinstance(template, PointsmanError):
        return result._replace(error=_told("failed to get workflow template", template))
    try:
        return result._replace(submission=render(result.binding, result.environment, template, claims, instance_id))
    except EvaluationError as error:
        return result._replace(error=_readable(error))


def dispatch(
    bindings: Iterable[CompiledBinding],
    environment: Environment,
    lookup: Lookup,
    claims: Claims | None = None,
    instance_id: str = "",
) -> Iterator[Result]:
    """All bindings of the namespace, one after another, where templates are at hand."""
    for result in decide(selected(bindings, instance_id), environment):
        wants = result.wants
        yield result if wants is None else complete(result, lookup(wants), claims, instance_id)


def failure_text(results: Iterable[Result]) -> str | None:
    """All errors in one line, as the reference answers them with status 500; None when there are none."""
    texts = [result.error.message for result in results if result.error is not None]
    return f"failed to dispatch event: [{' '.join(texts)}]" if texts else None


def _readable(error: EvaluationError) -> EvaluationError:
    """The error without what is no Unicode: it may quote half a character of the event."""
    return (
        error
        if error.message.isascii()
        else EvaluationError(expr.clean(error.message), hint=error.hint, reason=error.reason)
    )


def _told(doing: str, error: PointsmanError) -> PointsmanError:
    """An error of the cluster, with what was being done."""
    text = f"{doing}: {error.message}"
    if error.retryable:
        return Unavailable(text, retry_after=getattr(error, "retry_after", None), hint=error.hint)
    return Refused(text, status=getattr(error, "status", None), hint=error.hint)
