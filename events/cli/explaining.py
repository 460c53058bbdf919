"""An explanation put together: a delivery through the sources, then each of its events through all sensors. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from events.cli.plan import Plan
from events.expressions.scripts import Scripts
from events.models.base import parse
from events.models.event import Event
from events.models.eventsource import EventSource
from events.models.sensor import Sensor
from events.models.values import Verdict
from events.secrets import Vault
from eventsource.delivery import Delivery
from eventsource.explain import Intake, Route
from eventsource.explain import explain as explain_delivery
from eventsource.sources import Sources
from sensor.explain import SensorExplanation, TriggerStatus
from sensor.explain import explain as explain_sensor
from sensor.kept import JoinState
from sensor.plan import CompiledSensor

__all__ = ["Compiled", "EventExplanation", "Explanation", "Known", "of_delivery", "of_event"]

Joins = Mapping[tuple[str, str], JoinState]
"""What joins keep, by sensor (``namespace/name``) and trigger."""


@dataclass(frozen=True)
class Compiled:
    """The manifests, ready for events."""

    sources: Sources
    sensors: Sequence[CompiledSensor]

    @classmethod
    def of(cls, plan: Plan, scripts: Scripts) -> Compiled:
        """A plan without errors, compiled as the processes of ``up`` do it."""
        sources = Sources([parse(EventSource, body) for body in plan.sources], Vault(plan.vault))
        sensors = [CompiledSensor(parse(Sensor, body), namespace, scripts) for namespace, body in plan.sensors]
        return cls(sources, sensors)


@dataclass(frozen=True)
class Known:
    """What a state folder knows: what joins keep, and what became of an event (rows of the ledger by its id). Nothing without
    one.
    """

    joins: Joins = field(default_factory=dict)
    outcomes: Callable[[str], Iterable[Mapping[str, Any]]] = lambda event_id: ()


@dataclass(frozen=True)
class EventExplanation:
    """An event, and what all sensors say of it.

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


@dataclass(frozen=True)
class Explanation:
    """The whole tree. ``intake`` is None when the event was on the bus already; ``notes`` say what could not be looked at."""

    intake: Intake | None
    events: tuple[EventExplanation, ...]
    notes: tuple[str, ...] = ()

    @property
    def fires(self) -> int:
        """How many triggers would submit something."""
        triggers = [t for event in self.events for sensor in event.sensors for t in sensor.triggers]
        return sum(trigger.status is TriggerStatus.FIRES for trigger in triggers)


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
    """What all sensors do at ``now`` (nanoseconds since 1970) with an event that lies on ``bus``."""
    known = known or Known()
    sensors = []
    for sensor in compiled.sensors:
        kept = {trigger: state for (owner, trigger), state in known.joins.items() if owner == sensor.id}
        sensors.append(explain_sensor(sensor, event, bus, now=now, delivery_id=delivery_id, kept=kept))
    recorded = tuple(known.outcomes(event.id))
    return EventExplanation(event.id, *bus, delivery_id, event, filter, tuple(sensors), recorded)
