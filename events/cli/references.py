"""Names in manifests that name other objects: EventBuses, and the events that a Sensor waits for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from events.manifests import Manifest
from events.models.base import Finding
from events.models.eventsource import EventSource
from events.models.sensor import Sensor
from events.registry import did_you_mean

__all__ = ["Names", "check_bus", "check_dependencies"]

DEFAULT_BUS = "default"


class _Source(NamedTuple):
    namespace: str
    name: str
    bus: str
    events: frozenset[str]


@dataclass(frozen=True)
class Names:
    """What there is among the manifests: EventSources with their events, and EventBuses by namespace and name."""

    sources: tuple[_Source, ...]
    buses: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, sources: Iterable[tuple[Manifest, EventSource]], buses: Iterable[tuple[str, str]]) -> Names:
        """Also events of kinds that nobody knows: that is told elsewhere."""
        return cls(
            tuple(
                _Source(m.namespace, m.name, s.bus, frozenset(event for _, event, _ in s.spec.events()))
                for m, s in sources
            ),
            frozenset(buses),
        )


def check_bus(bus: str, namespace: str, names: Names) -> Iterator[Finding]:
    """A bus that is not there. Says nothing where no EventBus is among the files: they are kept elsewhere then."""
    here = [name for space, name in sorted(names.buses) if space == namespace]
    if not names.buses or bus in here or (bus == DEFAULT_BUS and not here):
        return
    others = [space for space, name in sorted(names.buses) if name == bus]
    hint = did_you_mean(bus, here) or (f"there is one in namespace {others[0]}" if others else "")
    yield Finding("warning", "spec.eventBusName", f"no EventBus '{bus}' in namespace {namespace}", hint)


def check_dependencies(sensor: Sensor, namespace: str, names: Names, *, complete: bool) -> Iterator[Finding]:
    """Dependencies on events that nobody sends, and where they are sent instead.

    Not ``complete``: says nothing where no EventSource of the namespace is among the files, for they are kept elsewhere then.
    """
    here = [source for source in names.sources if source.namespace == namespace]
    for index, dependency in enumerate(sensor.spec.dependencies):
        path, wanted, event = f"spec.dependencies[{index}]", dependency.event_source_name, dependency.event_name
        if not wanted or not event:
            continue
        named = [source for source in here if source.name == wanted]
        if any(event in source.events and source.bus == sensor.bus for source in named):
            continue
        what = f"EventSource '{wanted}' with event '{event}'"
        for source in named:
            if event in source.events:
                text = f"{what} is on EventBus '{source.bus}'; this Sensor reads '{sensor.bus}'"
                yield Finding("warning", f"{path}.eventSourceName", text)
            else:
                hint = did_you_mean(event, sorted(source.events))
                text = f"EventSource '{wanted}' has no event '{event}'"
                yield Finding("warning", f"{path}.eventName", text, hint)
        if named:
            continue
        other = next((s for s in names.sources if s.name == wanted and event in s.events), None)
        if other is not None:
            text = f"{what} is in namespace {other.namespace}; this Sensor reads namespace {namespace}"
            yield Finding("warning", f"{path}.eventSourceName", text)
        elif here or complete:
            text = f"no EventSource '{wanted}' among these files"
            hint = did_you_mean(wanted, [source.name for source in here])
            yield Finding("warning", f"{path}.eventSourceName", text, hint)
