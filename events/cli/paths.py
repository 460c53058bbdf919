"""Paths into the data of events: the first step, and names of headers, where the kind of the source is known. Pure.

A path that leads nowhere is no error: the filter never passes, and a parameter gets its default.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from events.models.base import Finding, decode, walk
from events.models.sensor import Dependency, Sensor, TriggerParameter
from events.registry import did_you_mean
from eventsource.delivery import canonical
from eventsource.listener import Listener
from sensor.validation import all_triggers, targets

__all__ = ["check_paths"]

_HEADERS = {
    "bitbucket": "headers",
    "bitbucketserver": "headers",
    "github": "headers",
    "gitlab": "headers",
    "webhook": "header",
}
"""Under which name each kind has the headers; the rest of its data is ``body``, and ``metadata`` where it is given."""

_PLAIN = re.compile(r"([\w-]+)(?:[.|]([\w-]+))?(?=[.|]|\Z)", re.ASCII)
"""One or two steps that are plain names, as most paths begin."""


def check_paths(sensor: Sensor, listeners: dict[tuple[str, str], Listener]) -> Iterator[Finding]:
    """What is odd in filters and parameters. ``listeners`` by EventSource and event: those that this sensor may read."""
    known: dict[str, Listener] = {}
    for index, dependency in enumerate(sensor.spec.dependencies):
        listener = listeners.get((dependency.event_source_name, dependency.event_name))
        if listener is None or listener.kind not in _HEADERS or dependency.transform is not None:
            continue
        known[dependency.name] = listener
        for path, where in _filter_paths(dependency, f"spec.dependencies[{index}].filters"):
            yield from _check(path, listener, where)
    for parameter, where in _parameters(sensor):
        if parameter.src is not None and parameter.src.dependency_name in known:
            yield from _check(parameter.src.data_key, known[parameter.src.dependency_name], f"{where}.src.dataKey")


def _filter_paths(dependency: Dependency, path: str) -> Iterator[tuple[str, str]]:
    if dependency.filters is None:
        return
    for index, data in enumerate(dependency.filters.data or ()):
        yield data.path, f"{path}.data[{index}].path"
    for index, expr in enumerate(dependency.filters.exprs or ()):
        for at, field in enumerate(expr.fields):
            yield field.path, f"{path}.exprs[{index}].fields[{at}].path"


def _parameters(sensor: Sensor) -> Iterator[tuple[TriggerParameter, str]]:
    for model, path in walk(sensor):
        if isinstance(model, TriggerParameter):
            yield model, path
    for trigger, path in all_triggers(sensor):
        for target in targets(trigger.template, f"{path}.template") if trigger.template is not None else ():
            config, _ = decode(target.kind.Config, target.raw, target.path)
            for model, where in walk(config, target.path):
                if isinstance(model, TriggerParameter):
                    yield model, where


def _check(path: str, listener: Listener, where: str) -> Iterator[Finding]:
    found = _PLAIN.match(path)
    if found is None:
        return
    first, second = found.groups()
    headers = _HEADERS[listener.kind]
    members = ["body", headers, *(["metadata"] if listener.webhook.config.metadata else [])]
    if first not in members:
        hint = f"did you mean '{headers}'?" if first in ("header", "headers") else did_you_mean(first, members)
        text = f"an event of {listener.kind} has {', '.join(members[:-1])} and {members[-1]}, but no '{first}'"
        yield Finding("warning", where, text, hint or f"did you mean 'body.{path}'?")
    elif first == headers and second and second != canonical(second):
        text = f"there is no header '{second}': names of headers are written as Go does"
        yield Finding("warning", where, text, f"did you mean '{canonical(second)}'?")
