"""What ``lint`` would say of an object in a cluster, for the controller, which knows no kinds. Pure.

Errors keep an object from running, as in the reference's controller, or as our own processes would refuse it; what only some of it suffers
from, such as a filter that does not compile, is told, and the rest runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eventbus.validation import JETSTREAM, advise_event_bus, decode_event_bus, validate_event_bus
from events.cli.any_secrets import AnySecrets
from events.controller import names
from events.controller.judging import Judge, Judgement
from events.controller.references import references
from events.controller.workload import PORT
from events.errors import SpecError
from events.models.base import Finding, Spec, decode, walk
from events.models.eventsource import EventSource
from events.models.sensor import Sensor
from eventsource import kinds
from eventsource.sources import Sources
from eventsource.validation import advise_event_source, decode_event_source, validate_event_source
from eventsource.webhooks import WebhookContext
from sensor.advice import advise_sensor
from sensor.plan import CompiledSensor
from sensor.scripts import ScriptWorker
from sensor.validation import all_triggers, decode_sensor, targets, validate_sensor

__all__ = ["JUDGES"]

Json = dict[str, Any]


def _bus(obj: Json, _: Json | None) -> Judgement:
    bus, errors = decode_event_bus(obj)
    if bus is None:
        return Judgement(tuple(errors))
    theirs = bus.spec.jetstream_exotic
    named = tuple(references([(theirs, "spec.jetstreamExotic")])) if theirs is not None else ()
    return Judgement((*errors, *validate_event_bus(bus)), *_advice(advise_event_bus(bus)), named)


def _event_source(obj: Json, _: Json | None) -> Judgement:
    source, errors = decode_event_source(obj)
    if source is None:
        return Judgement(tuple(errors))
    errors += validate_event_source(source)
    found = [kind for name, _ in kinds.entries(source.spec) if (kind := kinds.find(name)) is not None]
    models = list(_source_models(source))
    return Judgement(
        _once(errors),
        *_advice([] if errors else [*_unserved(source, models), *advise_event_source(source)]),
        tuple(references(models)),
        needs_token=any(kind.kind == "resource" for kind in found),
        low_ports=any(_is_low(part.port) for part in _contexts(models)),
        deletes_hooks=any(getattr(config, "delete_hook_on_finish", False) for config, _ in models),
        alone=any(kind.exclusive for kind in found),
    )


def _unserved(source: EventSource, models: list[tuple[Spec, str]]) -> Iterator[Finding]:
    """What its pods would leave out, although the reference's controller has nothing against it."""
    for error in Sources([source], AnySecrets({})).errors:
        if error.reason != "UnknownKind":
            yield Finding("error", error.path.partition(": ")[2], error.message, error.hint)
    for model, path in models:
        for part, where in walk(model, path):
            if isinstance(part, WebhookContext) and part.port == str(PORT):
                yield Finding("error", f"{where}.port", f"port {PORT} is that of /metrics", "choose another one")


def _contexts(models: list[tuple[Spec, str]]) -> Iterator[WebhookContext]:
    for model, path in models:
        yield from (part for part, _ in walk(model, path) if isinstance(part, WebhookContext))


def _is_low(port: str) -> bool:
    return port.isascii() and port.isdigit() and int(port[:6]) < 1024


def _source_models(source: EventSource) -> Iterator[tuple[Spec, str]]:
    for name, events in kinds.entries(source.spec):
        kind = kinds.find(name)
        if kind is not None and isinstance(events, dict):
            for event, raw in events.items():
                config, _ = decode(kind.config_model, raw, f"spec.{name}.{event}")
                if config is not None:
                    yield config, f"spec.{name}.{event}"


def _sensor(obj: Json, bus: Json | None) -> Judgement:
    sensor, errors = decode_sensor(obj)
    if sensor is None:
        return Judgement(tuple(errors))
    event_bus = decode_event_bus(bus)[0] if bus is not None else None
    # Without its bus, which is told elsewhere, it is judged as if that were a JetStream.
    errors += validate_sensor(sensor, event_bus or JETSTREAM)
    advice = _advice([] if errors else advise_sensor(sensor, None))
    if not errors:
        try:
            with ScriptWorker() as scripts:
                CompiledSensor(sensor, obj["metadata"]["namespace"], scripts)
        except SpecError as error:
            errors = [Finding("error", error.path, error.message, error.hint)]
    return Judgement(_once(errors), *advice, tuple(references(_sensor_models(sensor))), needs_token=True)


def _sensor_models(sensor: Sensor) -> Iterator[tuple[Spec, str]]:
    for index, dependency in enumerate(sensor.spec.dependencies):
        yield dependency, f"spec.dependencies[{index}]"
    for trigger, path in all_triggers(sensor):
        if trigger.template is not None:
            for target in targets(trigger.template, f"{path}.template"):
                config, _ = decode(target.kind.Config, target.raw, target.path)
                if config is not None:
                    yield config, target.path


def _advice(findings: list[Finding]) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """What does not work, and what is only worth a word."""
    wrong = [finding for finding in findings if finding.severity == "error"]
    return _once(wrong), _once([finding for finding in findings if finding.severity == "warning"])


def _once(findings: list[Finding]) -> tuple[Finding, ...]:
    return tuple({str(finding): finding for finding in findings}.values())


JUDGES: dict[str, Judge] = {names.EVENT_BUS: _bus, names.EVENT_SOURCE: _event_source, names.SENSOR: _sensor}
