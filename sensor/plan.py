"""A sensor, compiled: its dependencies and triggers, ready for events. Pure.

``runner`` drives it with a bus, ``explain`` without one; both see the same decisions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from events.errors import EvaluationError, ExpressionError, SpecError
from events.expressions import conditions
from events.expressions.scripts import Scripts
from events.models.base import parse
from events.models.event import Event
from events.models.sensor import Policy, Sensor, Trigger, TriggerTemplate
from events.models.shared import check_backoff
from events.models.values import Submission
from sensor import triggers
from sensor.dependencies import CompiledDependency, Decision, compile_dependencies
from sensor.naming import Origin
from sensor.parameters import Parameter, Seed, apply, compile_parameters
from sensor.target import RoundContext
from sensor.triggers import TriggerKind

__all__ = ["AtOnce", "CompiledSensor", "CompiledTrigger", "Rendered"]


@dataclass(frozen=True)
class Rendered:
    """What a trigger would do for a round: the kind that does it, and the submission."""

    kind: TriggerKind[Any]
    submission: Submission


class CompiledTrigger:
    """One trigger: when it fires (condition) and what it sends (kind with its parameters).

    A ``substitute`` is a ``dlqTrigger``: its own condition and ``dlqTrigger`` count for nothing.
    """

    def __init__(
        self, spec: Trigger, origin: Origin, names: Sequence[str], path: str, *, substitute: bool = False
    ) -> None:
        assert spec.template is not None, "validated before"
        self.spec = spec
        self.origin = origin
        self.name = spec.template.name
        try:
            condition = None if substitute else spec.template.conditions or None
            self.condition = conditions.compile(condition, names)
        except ExpressionError as error:
            error.path = f"{path}.template.conditions"
            raise
        self._parameters: list[Parameter] = compile_parameters(spec.parameters)
        self._template_text = orjson.dumps(spec.template.model_dump(by_alias=True, exclude_unset=True)).decode()
        try:
            self._kind = build(spec.template, origin, spec.policy)
        except SpecError as error:
            if not error.path.startswith("spec."):
                error.path = f"{path}.template.{error.path}".rstrip(".")
            raise
        if spec.retry_strategy is not None:
            for finding in check_backoff(spec.retry_strategy, f"{path}.retryStrategy"):
                raise SpecError(finding.message, path=finding.path)
        self.dead_letter_trigger: CompiledTrigger | None = None
        """Submitted with the events of a new dead letter."""
        if spec.dlq_trigger is not None and spec.dlq_trigger.template is not None and not substitute:
            name = spec.dlq_trigger.template.name
            other = Origin(origin.namespace, origin.sensor, name)
            self.dead_letter_trigger = CompiledTrigger(
                spec.dlq_trigger, other, names, f"{path}.dlqTrigger", substitute=True
            )

    @property
    def joins(self) -> bool:
        """Whether it waits for several events (and so keeps state)."""
        return self.condition.has_and

    @property
    def at_once(self) -> type[TriggerKind[Any]] | None:
        """Its kind, where it can be submitted together with others of that kind: nothing in it depends on the event."""
        plain = not self._parameters and not self.joins and self.spec.rate_limit is None
        return type(self._kind) if self._kind.at_once and plain else None

    @property
    def kind_name(self) -> str:
        """The kind by its name in manifests."""
        return self._kind.kind

    @property
    def object_kind(self) -> str:
        """The kind of the object that it creates; empty when it creates none."""
        return self._kind.object_kind

    def parameters(self, rendered: Rendered | None = None) -> Mapping[str, Sequence[Parameter]]:
        """All parameters by the field of the trigger that they stand in. With ``rendered``, as its template has them: the
        parameters of the trigger may change those of the kind.
        """
        kind = rendered.kind if rendered is not None else self._kind
        own = {f"template.{kind.kind}.{field}": found for field, found in kind.parameters.items()}
        return {"parameters": self._parameters, **own}

    def render(self, context: RoundContext) -> Rendered:
        """Steps 8 and 9: parameters into the template, then the kind's own rendering. Raises EvaluationError."""
        kind = self._kind
        if self._parameters:
            text = apply(self._parameters, context.events, self._template_text, Seed(context.key.encode()))
            try:
                template = parse(TriggerTemplate, orjson.loads(text), "template")
                # Labels carry the name that the parameters gave (spec §1.6); who the round is for stays the same.
                kind = build(template, replace(self.origin, trigger=template.name), self.spec.policy)
            except (orjson.JSONDecodeError, SpecError) as error:
                raise EvaluationError(f"the parameters make the template invalid: {error}") from None
        return Rendered(kind, kind.render(context))


def build(template: TriggerTemplate, origin: Origin, policy: Policy | None) -> TriggerKind[Any]:
    """The kind that a template names, with its configuration; raises SpecError."""
    chosen = triggers.chosen(template)
    if chosen is None:
        known = ", ".join(sorted(triggers.registry))
        raise SpecError("names no kind of trigger", hint=f"one of {known}", reason="UnknownKind")
    wire_name, raw = chosen
    kind = triggers.registry[wire_name]
    if not kind.built:
        raise SpecError(f"trigger kind '{wire_name}' is not built yet", path=wire_name, reason="NotBuilt")
    return kind(parse(kind.Config, raw, wire_name), origin, policy or Policy())


@dataclass(frozen=True)
class AtOnce:
    """Triggers of one kind that one dependency sets off and that are submitted together."""

    kind: type[TriggerKind[Any]]
    triggers: Sequence[CompiledTrigger]


class CompiledSensor:
    """A sensor, ready to look at events. Raises SpecError for what cannot work, with the field's path."""

    def __init__(self, sensor: Sensor, namespace: str, scripts: Scripts) -> None:
        self.namespace = namespace
        self.name = sensor.metadata.name
        self.id = f"{namespace}/{self.name}"
        self.bus = sensor.bus
        self.dependencies: list[CompiledDependency] = compile_dependencies(sensor.spec.dependencies, scripts, self.id)
        names = [d.name for d in self.dependencies]
        self.triggers = [
            CompiledTrigger(t, Origin(namespace, self.name, _name(t)), names, f"spec.triggers[{i}]")
            for i, t in enumerate(sensor.spec.triggers)
        ]
        self.one_by_one = [trigger for trigger in self.triggers if trigger.at_once is None]
        """The triggers that are submitted each on its own."""
        self.listeners = {name: [t for t in self.triggers if name in t.condition.names] for name in names}
        """The triggers that a dependency may set off."""
        self.at_once = {name: _together(found) for name, found in self.listeners.items()}
        """Those of them that are submitted together."""
        self._by_event: dict[tuple[str, str], list[CompiledDependency]] = {}
        for dependency in self.dependencies:
            self._by_event.setdefault((dependency.source, dependency.event_name), []).append(dependency)

    @property
    def events(self) -> list[tuple[str, str]]:
        """The ``(event source, event name)`` that it waits for, each once."""
        return list(self._by_event)

    @property
    def all_triggers(self) -> list[CompiledTrigger]:
        """Its triggers, and what is submitted for their dead letters."""
        return [*self.triggers, *(t.dead_letter_trigger for t in self.triggers if t.dead_letter_trigger is not None)]

    @property
    def units(self) -> dict[tuple[str, str], dict[str, int]]:
        """How often an event counts for each trigger: once for each dependency that listens to it."""
        return {
            event: dict(Counter(t.name for d in found for t in self.listeners[d.name]))
            for event, found in self._by_event.items()
        }

    def interested(self, event: Event) -> list[str]:
        """The dependencies that wait for events of this source and name."""
        return [d.name for d in self._by_event.get((event.source, event.subject), ())]

    def decide(self, event: Event) -> list[Decision]:
        """What each interested dependency says of the event, in the order of the manifest."""
        return [d.decide(event) for d in self._by_event.get((event.source, event.subject), ())]


def _together(triggers: Sequence[CompiledTrigger]) -> list[AtOnce]:
    kinds: dict[type[TriggerKind[Any]], list[CompiledTrigger]] = {}
    for trigger in triggers:
        if trigger.at_once is not None:
            kinds.setdefault(trigger.at_once, []).append(trigger)
    return [AtOnce(kind, found) for kind, found in kinds.items()]


def _name(trigger: Trigger) -> str:
    return trigger.template.name if trigger.template else ""


def passing(decisions: Sequence[Decision]) -> Mapping[str, Event]:
    """The events that passed, by dependency."""
    return {d.dependency: d.event for d in decisions if d.verdict.passed}
