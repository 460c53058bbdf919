"""What can be wrong with an EventSource: the reference's rules, and what we would tell beyond them (spec §3, §5.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from events.errors import ExpressionError
from events.models.base import Finding, Json, Spec, decode, describe, join_path, unknown_fields, walk
from events.models.eventsource import EventSource, SourceFilter
from events.models.shared import Backoff, check_backoff, check_selector
from events.registry import did_you_mean
from eventsource import kinds
from eventsource.kinds import Kind

__all__ = ["advise_event_source", "decode_event_source", "event_names", "validate_event_source"]


class _Event(NamedTuple):
    """One event of a source: its kind, its name, where it stands and what stands there."""

    kind: Kind
    name: str
    path: str
    raw: Json


def _events(source: EventSource) -> Iterator[_Event]:
    for name, raw in kinds.entries(source.spec):
        kind = kinds.find(name)
        if kind is not None and isinstance(raw, dict):
            for event, config in raw.items():
                yield _Event(kind, event, join_path(f"spec.{name}", (event,)), config)


def event_names(source: EventSource) -> list[str]:
    """The names of all events of a source."""
    return [event.name for event in _events(source)]


def decode_event_source(raw: Json) -> tuple[EventSource | None, list[Finding]]:
    """The object, and an error for each field of the wrong type, also in the configurations of the kinds.

    None only when the fields around the kinds are wrong already.
    """
    source, findings = decode(EventSource, raw)
    if source is None:
        return None, findings
    for name, events in kinds.entries(source.spec):
        if not isinstance(events, dict) and kinds.find(name) is not None:
            text = f"must be a mapping of event names, not {describe(events)}"
            findings.append(Finding("error", f"spec.{name}", text))
    for event in _events(source):
        findings += decode(event.kind.config_model, event.raw, event.path)[1]
    return source, findings


def validate_event_source(source: EventSource) -> list[Finding]:
    """What the reference's controller finds wrong; empty when the source is valid."""
    findings: list[Finding] = []
    seen: dict[str, str] = {}
    for event in _events(source):
        if event.name in seen:
            text = f"there is an event '{event.name}' already, at {seen[event.name]}"
            findings.append(Finding("error", event.path, text, "names must differ over all kinds"))
        seen.setdefault(event.name, event.path)
        config, wrong = decode(event.kind.config_model, event.raw, event.path)
        findings += wrong if config is None else event.kind.validate(config, event.path)
    exclusive = {event.kind.kind for event in _events(source) if event.kind.exclusive}
    rolling = {event.kind.kind for event in _events(source) if not event.kind.exclusive}
    if exclusive and rolling:
        names = f"{', '.join(sorted(exclusive))} cannot stand beside {', '.join(sorted(rolling))}"
        findings.append(Finding("error", "spec", names, "write two EventSources"))
    return findings


def advise_event_source(source: EventSource) -> list[Finding]:
    """What the reference lets pass in silence: unknown fields and kinds, filters that do not compile, what cannot work."""
    findings = list(unknown_fields(source))
    for name, raw in kinds.entries(source.spec):
        kind = kinds.find(name)
        if kind is None:
            known = [*kinds.KINDS, *type(source.spec).wire_names()]
            text = "unknown field, ignored as in the reference"
            if isinstance(raw, dict) and raw:  # most likely a misspelt kind with its events
                text += "; `up` refuses it"
            findings.append(Finding("warning", f"spec.{name}", text, did_you_mean(name, known)))
        elif name != kind.kind:
            findings.append(Finding("warning", f"spec.{name}", f"is written '{kind.kind}'"))
        elif raw == {}:
            findings.append(Finding("warning", f"spec.{name}", "has no events"))
    for model, path in walk(source):
        findings += check_selector(model, path)
    if not findings and not any(_events(source)):
        findings.append(Finding("warning", "spec", "names no event: nothing is served"))
    for event in _events(source):
        if not event.kind.built:
            text = f"event source '{event.kind.kind}' is not built yet: `up` refuses it"
            findings.append(Finding("warning", event.path, text))
        config, _ = decode(event.kind.config_model, event.raw, event.path)
        if config is not None:
            findings += event.kind.advise(config, event.path)
            findings += unknown_fields(config, event.path)
            for model, path in walk(config, event.path):
                if isinstance(model, Backoff):
                    findings += check_backoff(model, path)
                findings += check_selector(model, path)
            findings += _check_filter(config, event.path, getattr(event.kind, "names", None))
    return findings


def _check_filter(config: Spec, path: str, names: frozenset[str] | None) -> list[Finding]:
    wanted = getattr(config, "filter", None)
    if not isinstance(wanted, SourceFilter):
        return []
    from eventsource import filtering  # needs a large module, and few sources do

    try:
        filtering.prepare(wanted.expression, names)
    except ExpressionError as error:
        return [Finding("error", f"{path}.filter.expression", error.message, error.hint)]
    return []
