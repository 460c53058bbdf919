"""Everything that can be said about manifests without running them: ``lint``, and what ``up`` says before it starts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from eventbus.validation import JETSTREAM, advise_event_bus, decode_event_bus, validate_event_bus
from events.expressions.scripts import Scripts
from events.manifests import Bundle, Located, Manifest
from events.models.base import Finding
from events.models.eventbus import EventBus
from events.models.sensor import Sensor
from events.registry import did_you_mean
from eventsource.validation import advise_event_source, decode_event_source, event_names, validate_event_source
from sensor.advice import advise_sensor
from sensor.bindings.dispatch import TemplateName
from sensor.bindings.validation import check_template, decode_binding, validate_binding
from sensor.validation import decode_sensor, validate_sensor

__all__ = ["judge"]

Name = tuple[str, str]
"""Namespace and name."""


def judge(bundle: Bundle, scripts: Scripts | None = None) -> list[Located]:
    """All findings about the objects of ``bundle``, and those of reading it, by file and line.

    ``scripts`` compiles Lua and jq programs; without it they are not looked at.
    """
    findings = list(bundle.findings)

    def tell(manifest: Manifest, told: Iterable[Finding]) -> None:
        # The same may be said twice: a field of the wrong type keeps its rules from being looked at, and fails them.
        findings.extend(Located.of(manifest, f) for f in dict.fromkeys(told))

    buses: dict[Name, EventBus] = {}
    for manifest in bundle.of("EventBus"):
        bus, told = decode_event_bus(manifest.body)
        if bus is not None:
            buses[manifest.namespace, manifest.name] = bus
            told = [*validate_event_bus(bus), *advise_event_bus(bus)]
        tell(manifest, told)
    events: dict[Name, list[str]] = {}
    for manifest in bundle.of("EventSource"):
        source, told = decode_event_source(manifest.body)
        if source is not None:
            events[manifest.namespace, manifest.name] = event_names(source)
            told += [*validate_event_source(source), *advise_event_source(source)]
        tell(manifest, told)
    for manifest in bundle.of("Sensor"):
        sensor, told = decode_sensor(manifest.body)
        if sensor is not None:
            told += validate_sensor(sensor, buses.get((manifest.namespace, sensor.bus), JETSTREAM))
            told += advise_sensor(sensor, scripts)
            told += _check_names(sensor, manifest.namespace, events)
        tell(manifest, told)
    templates = {
        TemplateName(m.kind, m.namespace, m.name): m.body
        for m in bundle.of("WorkflowTemplate", "ClusterWorkflowTemplate")
    }
    for manifest in bundle.of("WorkflowEventBinding"):
        binding, told = decode_binding(manifest.body)
        if binding is not None:
            told += validate_binding(binding)
            if templates:  # otherwise they are kept elsewhere
                told += check_template(binding, manifest.namespace, templates)
        tell(manifest, told)
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
