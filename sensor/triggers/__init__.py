"""Step 9 · submit: the kinds of triggers, one a file, found by the name that they have in a manifest.

A kind file holds ``Config``, what stands under the kind's name in ``template``, and a ``TriggerKind`` that judges it. Kinds with
``built = False`` are only known to ``lint``: their manifests are judged as the reference judges them (spec §2, §5.5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from events.models.base import Finding, Json, Spec
from events.models.event import Event
from events.models.sensor import Policy, TriggerTemplate
from events.models.values import Outcome, Submission
from events.registry import Registry
from sensor.naming import Origin
from sensor.parameters import Parameter
from sensor.target import RoundContext, Tools

__all__ = ["PRECEDENCE", "TriggerKind", "chosen", "kinds", "register", "registry"]

PRECEDENCE = (
    "k8s",
    "argoWorkflow",
    "http",
    "awsLambda",
    "azureEventHubs",
    "azureServiceBus",
    "kafka",
    "pulsar",
    "nats",
    "slack",
    "openWhisk",
    "custom",
    "log",
    "email",
)
"""The reference's kinds; of several in one template the first in this order counts (spec §1.1)."""

_BY_FOLD = {kind.casefold(): kind for kind in PRECEDENCE}

C = TypeVar("C", bound=Spec)


class TriggerKind(Generic[C]):
    """A kind of trigger: what it is configured with, and what can be wrong with that."""

    kind: ClassVar[str]
    built: ClassVar[bool] = True
    Config: ClassVar[type[Spec]] = Spec
    at_once: ClassVar[bool] = False
    """Whether submitting needs no waiting, no tools and no parameters, and is done by ``submit_at_once`` for many triggers."""
    object_kind = ""
    """The kind of the Kubernetes object that it creates; empty when it creates none."""

    def __init__(self, config: C, origin: Origin, policy: Policy) -> None:
        """Compile ``config`` once; raises SpecError with the field's path from the template."""
        self.config = config
        self.origin = origin

    @property
    def parameters(self) -> Mapping[str, Sequence[Parameter]]:
        """Its parameters by the field of its configuration that they stand in; for showing them."""
        return {}

    def render(self, context: RoundContext) -> Submission:
        """What would be sent for this round. Pure. Raises EvaluationError."""
        raise NotImplementedError

    def target(self, submission: Submission) -> str:
        """Whom it would be sent to: submissions with one target are held back together while it is away."""
        return self.kind

    async def submit(self, submission: Submission, tools: Tools) -> Outcome:
        """Send it. Raises Unavailable when it may work later and Refused when it never will."""
        raise NotImplementedError

    @classmethod
    def submit_at_once(cls, events: Mapping[str, Event], origins: Sequence[Origin]) -> Outcome:
        """Submit these events (by dependency) for several triggers of one sensor; what became of each. Only where ``at_once``."""
        raise NotImplementedError

    @classmethod
    def validate(cls, config: C, path: str) -> list[Finding]:
        """What the reference's controller finds wrong with ``config``, which stands at ``path``; empty when it is valid."""
        return []

    @classmethod
    def advise(cls, config: C, path: str) -> list[Finding]:
        """What it lets pass although it cannot work, where nothing of the trigger's own ``parameters`` changes ``config``."""
        return []


registry: Registry[type[TriggerKind[Any]]] = Registry("sensor.triggers", "trigger kind")
register = registry.register


def kinds(template: TriggerTemplate) -> dict[str, Json]:
    """What stands under the name of a kind in this template, by the right spelling of the name, best first.

    Fields that are no kind of the reference come last, in the order of the manifest: kinds of plug-ins, or mistakes.
    """
    found = {_BY_FOLD.get(name.casefold(), name): raw for name, raw in template.kinds().items()}
    return {kind: found[kind] for kind in (*PRECEDENCE, *found) if kind in found}


def chosen(template: TriggerTemplate) -> tuple[str, Json] | None:
    """The kind that counts and its raw configuration; None when the template has no kind that we know."""
    for kind, raw in kinds(template).items():
        if kind in registry:
            return kind, raw
    return None
