"""An explanation put together: a delivery through the sources, then each of its events through all sensors. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from events.cli.plan import Plan
from events.expressions.scripts import Scripts
from events.kube.local import Templates
from events.models.base import parse
from events.models.dispatching import EVENT_TYPE, Post
from events.models.event import Event
from events.models.eventsource import EventSource
from events.models.sensor import Sensor
from events.models.values import Verdict
from events.secrets import Vault
from eventsource.delivery import Delivery
from eventsource.endpoint.explain import PostIntake
from eventsource.endpoint.explain import explain as explain_post
from eventsource.endpoint.local import LocalGate
from eventsource.explain import Intake, Route
from eventsource.explain import explain as explain_delivery
from eventsource.sources import Sources
from sensor.bindings.compiled import CompiledBinding, compile_binding
from sensor.bindings.explain import BindingExplanation
from sensor.bindings.explain import explain as explain_bindings
from sensor.bindings.records import LEDGER_BUS
from sensor.explain import SensorExplanation, TriggerStatus
from sensor.explain import explain as explain_sensor
from sensor.kept import JoinState
from sensor.plan import CompiledSensor

__all__ = ["Compiled", "EventExplanation", "Explanation", "Known", "of_delivery", "of_event", "of_post"]

Joins = Mapping[tuple[str, str], JoinState]
"""What joins keep, by sensor (``namespace/name``) and trigger."""


@dataclass(frozen=True)
class Compiled:
    """The manifests, ready for events."""

    sources: Sources
    sensors: Sequence[CompiledSensor]
    bindings: Sequence[CompiledBinding]
    templates: Templates
    gate: LocalGate

    @classmethod
    def of(cls, plan: Plan, scripts: Scripts, token: bytes | None = None) -> Compiled:
        """A plan without errors, compiled as the processes of ``up`` do it. Posts with the bearer ``token`` are taken."""
        vault = Vault(plan.vault)
        sources = Sources([parse(EventSource, body) for body in plan.sources], vault, elsewhere=plan.source_buses)
        sensors = [CompiledSensor(parse(Sensor, body), namespace, scripts) for namespace, body in plan.sensors]
        bindings = [compile_binding(body, namespace) for namespace, body in plan.bindings]
        templates = {(kind, namespace, name): body for kind, namespace, name, body in plan.templates}
        return cls(sources, sensors, bindings, templates, LocalGate(vault, token, {}))


@dataclass(frozen=True)
class Known:
    """What a state folder knows: what joins keep, and what became of an event (rows of the ledger by its id). Nothing without
    one.
    """

    joins: Joins = field(default_factory=dict)
    outcomes: Callable[[str], Iterable[Mapping[str, Any]]] = lambda event_id: ()


@dataclass(frozen=True)
class EventExplanation:
    """An event, and what all sensors say of it, or the bindings of its namespace when it was posted for them.

    ``event`` is None when the filter of its source dropped it; ``recorded`` are the rows of the ledger on it.
    """

    id: str
    namespace: str
    bus: str
    delivery_id: str
    event: Event | None
    filter: Verdict | None = None
    sensors: tuple[SensorExplanation, ...] = ()
    recorded: tuple[Mapping[str, Any], ...] = ()
    bindings: tuple[BindingExplanation, ...] = ()
    post: Post | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Explanation:
    """The whole tree. ``intake`` is None when the event was on the bus already; ``notes`` say what could not be looked at."""

    intake: Intake | PostIntake | None
    events: tuple[EventExplanation, ...]
    notes: tuple[str, ...] = ()

    @property
    def fires(self) -> int:
        """How many triggers and bindings would submit something."""
        triggers = [t for event in self.events for sensor in event.sensors for t in sensor.triggers]
        bindings = [b for event in self.events for b in event.bindings]
        return sum(t.status is TriggerStatus.FIRES for t in triggers) + sum(b.status == "fires" for b in bindings)


def of_delivery(
    compiled: Compiled, route: Route, delivery: Delivery, *, verify: bool, known: Known | None = None
) -> Explanation:
    """What becomes of a delivery that comes at its time ``received``."""
    intake = explain_delivery(route, delivery, verify=verify)
    listener = route.listener
    events = []
    for taken in intake.taken:
        if taken.event is None:
            dropped = EventExplanation(
                taken.id, listener.namespace, listener.bus, intake.delivery_id, None, taken.filter
            )
            events.append(dropped)
            continue
        bus = (listener.namespace, listener.bus)
        events.append(
            of_event(compiled, taken.event, bus, intake.delivery_id, delivery.received, known, filter=taken.filter)
        )
    return Explanation(intake, tuple(events))


def of_post(
    compiled: Compiled, delivery: Delivery, *, max_body: int, verify: bool, known: Known | None = None
) -> Explanation:
    """What becomes of a delivery (its path still escaped) to the event endpoint, which takes bodies of ``max_body`` bytes."""
    intake = explain_post(compiled.gate, delivery, max_body=max_body, verify=verify)
    if intake.event is None:
        return Explanation(intake, ())
    bus = (intake.event.source, LEDGER_BUS)
    return Explanation(intake, (of_event(compiled, intake.event, bus, intake.delivery_id, delivery.received, known),))


def of_event(
    compiled: Compiled,
    event: Event,
    bus: tuple[str, str],
    delivery_id: str,
    now: int,
    known: Known | None = None,
    *,
    filter: Verdict | None = None,
) -> EventExplanation:
    """What is done at ``now`` (nanoseconds since 1970) with an event that lies on ``bus``. Raises EvaluationError."""
    known = known or Known()
    if event.type == EVENT_TYPE and bus[1] == LEDGER_BUS:
        post = Post.from_json(event.data or b"")
        bindings = explain_bindings(compiled.bindings, event, post, delivery_id, compiled.templates)
        recorded = tuple(known.outcomes(event.id))
        return EventExplanation(event.id, *bus, delivery_id, event, recorded=recorded, bindings=bindings, post=post)
    sensors = []
    for sensor in compiled.sensors:
        kept = {trigger: state for (owner, trigger), state in known.joins.items() if owner == sensor.id}
        sensors.append(explain_sensor(sensor, event, bus, now=now, delivery_id=delivery_id, kept=kept))
    recorded = tuple(known.outcomes(event.id))
    return EventExplanation(event.id, *bus, delivery_id, event, filter, tuple(sensors), recorded)
