"""Everything that can be said about manifests without running them: ``lint``, and what ``up`` says before it starts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from eventbus.validation import JETSTREAM, advise_event_bus, decode_event_bus, validate_event_bus
from events.expressions.scripts import Scripts
from events.manifests import Bundle, Located, Manifest
from events.models.base import Finding, Json
from events.models.eventbus import EventBus
from events.models.eventsource import EventSource
from events.models.sensor import Sensor
from events.registry import did_you_mean
from eventsource.validation import advise_event_source, decode_event_source, event_names, validate_event_source
from sensor.advice import advise_sensor
from sensor.validation import decode_sensor, validate_sensor

__all__ = ["judge"]

Name = tuple[str, str]
"""Namespace and name."""


def judge(bundle: Bundle, scripts: Scripts | None = None) -> list[Located]:
    """All findings about the objects of ``bundle``, and those of reading it, by file and line.

    ``scripts`` compiles Lua and jq programs; without it they are not looked at.
    """
    findings = list(bundle.findings)

    def decoded(kind: str, decode: Callable[[Json], tuple[Any, list[Finding]]]) -> list[tuple[Manifest, Any]]:
        objects = []
        for manifest in bundle.of(kind):
            value, wrong = decode(manifest.body)
            findings.extend(Located.of(manifest, f) for f in wrong)
            if value is not None:
                objects.append((manifest, value))
        return objects

    buses: list[tuple[Manifest, EventBus]] = decoded("EventBus", decode_event_bus)
    sources: list[tuple[Manifest, EventSource]] = decoded("EventSource", decode_event_source)
    sensors: list[tuple[Manifest, Sensor]] = decoded("Sensor", decode_sensor)
    for manifest, bus in buses:
        told = [*validate_event_bus(bus), *advise_event_bus(bus)]
        findings += [Located.of(manifest, f) for f in told]
    for manifest, source in sources:
        told = [*validate_event_source(source), *advise_event_source(source)]
        findings += [Located.of(manifest, f) for f in told]
    bus_of = {(m.namespace, m.name): bus for m, bus in buses}
    events = {(m.namespace, m.name): event_names(source) for m, source in sources}
    for manifest, sensor in sensors:
        bus = bus_of.get((manifest.namespace, sensor.bus), JETSTREAM)
        told = [*validate_sensor(sensor, bus), *advise_sensor(sensor, scripts)]
        told += _check_names(sensor, manifest.namespace, events)
        findings += [Located.of(manifest, f) for f in told]
    return sorted(findings, key=lambda f: (f.file, f.line, f.column))


def _check_names(sensor: Sensor, namespace: str, events: Mapping[Name, list[str]]) -> list[Finding]:
    """Dependencies on events that nobody sends. Says nothing where no EventSource of the namespace is among the files."""
    here = [name for space, name in events if space == namespace]
    findings = []
    for index, dependency in enumerate(sensor.spec.dependencies if here else ()):
        path = f"spec.dependencies[{index}]"
        source, event = dependency.event_source_name, dependency.event_name
        known = events.get((namespace, source))
        if known is None and source:
            text = f"no EventSource '{source}' among these files"
            findings.append(Finding("warning", f"{path}.eventSourceName", text, did_you_mean(source, here)))
        elif known is not None and event and event not in known:
            text = f"EventSource '{source}' has no event '{event}'"
            findings.append(Finding("warning", f"{path}.eventName", text, did_you_mean(event, known)))
    return findings
