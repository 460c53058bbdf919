"""What a trigger's shell side may use: handed in, so that tests and dry runs can hand in something else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import aiohttp

from events.kube import Kube
from events.models.event import Event
from events.secrets import Vault
from sensor.breaker import Targets
from sensor.naming import Origin, round_key

__all__ = ["RoundContext", "Tools"]


@dataclass(frozen=True)
class Tools:
    """Clients of one sensor process."""

    kube: Kube | None = None
    http: aiohttp.ClientSession | None = None
    vault: Vault = field(default_factory=Vault)
    targets: Targets = field(default_factory=Targets)


@dataclass(frozen=True)
class RoundContext:
    """A round on its way to a submission: which trigger, the events by dependency, the delivery they came with, and now
    (nanoseconds since 1970). ``sequence`` is the place of its message in the stream, for a round of one event that comes at once.
    """

    origin: Origin
    events: Mapping[str, Event]
    now: int
    deliveries: Mapping[str, str] = field(default_factory=dict)
    sequence: int = 0

    @cached_property
    def key(self) -> str:
        """The same for the same events and trigger, whenever it is asked."""
        return round_key(self.origin, self.events)

    @cached_property
    def event_ids(self) -> str:
        """The ids of the events, each once, comma-separated, in the order of their dependencies' names."""
        return ",".join(dict.fromkeys(event.id for _, event in sorted(self.events.items())))

    @property
    def delivery_ids(self) -> str:
        """The forge's ids of the deliveries, each once, comma-separated; empty when none is known."""
        return ",".join(dict.fromkeys(d for _, d in sorted(self.deliveries.items()) if d))

    @property
    def sources(self) -> str:
        """The EventSources of the events with their namespace, each once, comma-separated: for logs."""
        names = dict.fromkeys([event.source for event in self.events.values()])
        return ",".join([f"{self.origin.namespace}/{name}" for name in names])

    @property
    def traceparent(self) -> str:
        """The trace (W3C) of the newest event that has one; empty: none."""
        traced = [event for event in self.events.values() if event.traceparent]
        if not traced:
            return ""
        return max(traced, key=lambda event: event.time).traceparent
