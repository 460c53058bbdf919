"""An explanation as an object, for ``-o json`` and ``-o yaml``. Pure. Keys may be added later; none goes or changes its meaning."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from typing import Any

import orjson

from events.cli.explaining import EventExplanation, Explanation
from events.models.dispatching import EVENT_TYPE
from events.models.event import Event, rfc3339
from events.models.values import Submission, Verdict
from eventsource.delivery import Delivery
from eventsource.endpoint.explain import PostIntake
from eventsource.explain import Intake, Step
from sensor.bindings.explain import BindingExplanation, BindingParameterExplanation
from sensor.bindings.records import ledger_name
from sensor.explain import (
    DependencyExplanation,
    ParameterExplanation,
    RoundExplanation,
    SensorExplanation,
    TriggerExplanation,
)
from sensor.kept import Match

__all__ = ["as_object", "submitted"]

Object = dict[str, Any]

_MAX_DEPTH = 150
"""Values within values that are shown as such; YAML and JSON libraries take no more than some hundreds."""


def as_object(explanation: Explanation) -> Object:
    """``{"delivery": …, "events": […], "notes": […], "fires": n}``; ``delivery`` is null for an event that was on the bus already."""
    return {
        "delivery": _arrival(explanation.intake),
        "events": [_event(event) for event in explanation.events],
        "notes": list(explanation.notes),
        "fires": explanation.fires,
    }


def _arrival(intake: Intake | PostIntake | None) -> Object | None:
    if intake is None:
        return None
    return _intake(intake) if isinstance(intake, Intake) else _post_intake(intake)


def _intake(intake: Intake) -> Object:
    listener = intake.route.listener
    return {
        **_request(intake.delivery),
        "port": intake.route.port,
        "namespace": listener.namespace,
        "eventSource": listener.source,
        "event": listener.name,
        "kind": listener.kind,
        "discriminator": None,
        "client": None,
        "deliveryId": _text(intake.delivery_id),
        "steps": _steps(intake.steps),
    }


def _post_intake(intake: PostIntake) -> Object:
    target, client = intake.target, intake.client
    return {
        **_request(intake.delivery),
        "port": None,
        "namespace": None if target is None else _text(target.namespace),
        "eventSource": None,
        "event": None,
        "kind": EVENT_TYPE,
        "discriminator": None if target is None else _text(target.discriminator),
        "client": None if client is None else {"name": _text(client.name), "type": client.type},
        "deliveryId": _text(intake.delivery_id),
        "steps": _steps(intake.steps),
    }


def _request(delivery: Delivery) -> Object:
    return {
        "method": delivery.method,
        "path": _text(delivery.path),
        "bytes": len(delivery.body),
        "received": rfc3339(delivery.received),
    }


def _steps(steps: Iterable[Step]) -> list[Object]:
    return [
        {"step": step.name, "outcome": step.outcome.value, "reason": _text(step.reason), "status": step.status}
        for step in steps
    ]


def _event(explanation: EventExplanation) -> Object:
    event = explanation.event
    return {
        "id": explanation.id,
        "namespace": explanation.namespace,
        "eventBus": explanation.bus,
        "deliveryId": _text(explanation.delivery_id),
        "source": event.source if event else None,
        "subject": event.subject if event else None,
        "type": event.type if event else None,
        "time": event.time if event else None,
        "filter": _verdict(explanation.filter) if explanation.filter is not None else None,
        "sensors": [_sensor(sensor, explanation) for sensor in explanation.sensors],
        "bindings": [_binding(binding, explanation) for binding in explanation.bindings],
    }


def _binding(binding: BindingExplanation, explanation: EventExplanation) -> Object:
    wants = binding.template
    return {
        "namespace": binding.namespace,
        "name": binding.name,
        "status": binding.status,
        "reason": _text(binding.reason),
        "selector": _verdict(binding.verdict) if binding.verdict is not None else None,
        "template": {"kind": wants.kind, "name": wants.name, "assumed": binding.assumed} if wants is not None else None,
        "parameters": [_binding_parameter(parameter) for parameter in binding.parameters],
        "problem": _text(binding.problem),
        "submission": submitted(binding.submission) if binding.submission is not None else None,
        "recorded": _recorded(explanation, ledger_name(binding.namespace), binding.name),
    }


def _binding_parameter(parameter: BindingParameterExplanation) -> Object:
    return {
        "name": _text(parameter.name),
        "expression": parameter.expression,
        "seen": _plain(dict(parameter.seen)),
        "value": None if parameter.value is None else _text(parameter.value),
        "problem": _text(parameter.problem),
    }


def _recorded(explanation: EventExplanation, owner: str, trigger: str) -> list[Object]:
    """What the ledger has of a trigger of a sensor, or of a binding."""
    return [
        {key: _text(row[key]) for key in ("dependency", "outcome", "target", "detail")}
        for row in explanation.recorded
        if (row["sensor"], row["trigger"]) == (owner, trigger)
    ]


def _sensor(sensor: SensorExplanation, explanation: EventExplanation) -> Object:
    namespace, _, name = sensor.id.partition("/")
    return {
        "namespace": namespace,
        "name": name,
        "dependencies": [_dependency(dependency) for dependency in sensor.dependencies],
        "triggers": [
            {**_trigger(trigger), "recorded": _recorded(explanation, sensor.id, trigger.name)}
            for trigger in sensor.triggers
        ],
    }


def _dependency(dependency: DependencyExplanation) -> Object:
    transform = None
    if dependency.transform and dependency.event is not None:
        transform = {"language": dependency.transform, "data": _data(dependency.event)}
    return {
        "name": dependency.name,
        "interested": dependency.verdict is not None,
        "reason": _text(dependency.reason),
        "transform": transform,
        "verdict": _verdict(dependency.verdict) if dependency.verdict is not None else None,
        "clauses": [_verdict(clause) for clause in dependency.clauses],
    }


def _verdict(verdict: Verdict) -> Object:
    return {
        "verdict": verdict.kind.value,
        "clause": _text(verdict.clause),
        "reason": _text(verdict.reason),
        "seen": _plain(verdict.seen),
    }


def _trigger(trigger: TriggerExplanation) -> Object:
    return {
        "name": trigger.name,
        "kind": trigger.kind,
        "condition": trigger.condition,
        "status": trigger.status.value,
        "kept": [_match(match) for match in trigger.kept],
        "missing": list(trigger.missing),
        "rounds": [_round(one) for one in trigger.rounds],
    }


def _match(match: Match) -> Object:
    return {"dependency": match.dependency, "eventId": match.event_id, "time": match.time.isoformat()}


def _round(one: RoundExplanation) -> Object:
    return {
        "events": {dependency: match.event_id for dependency, match in one.matches.items()},
        "parameters": [_parameter(parameter) for parameter in one.parameters],
        "problem": _text(one.problem),
        "submission": submitted(one.submission) if one.submission is not None else None,
    }


def _parameter(one: ParameterExplanation) -> Object:
    parameter = one.parameter
    return {
        "field": one.field,
        "source": parameter.src.model_dump(by_alias=True, exclude_unset=True, mode="json"),
        "operation": parameter.operation or "overwrite",
        "destination": parameter.dest,
        "value": None if one.value is None else _text(one.value.text),
        "type": None if one.value is None else one.value.type,
        "problem": _text(one.problem),
    }


def submitted(submission: Submission) -> Object:
    """What would be sent. ``body`` is the object, or the JSON of a request's body, or its text. Values of Secrets are put in
    later, by the process that sends it: none is here.
    """
    meta = {key: value for key, value in submission.meta.items() if isinstance(value, str | int | float | dict | list)}
    return {
        "kind": submission.kind,
        "namespace": submission.namespace,
        "name": _text(submission.name),
        "meta": _plain(meta),
        "body": _plain(submission.body),
    }


def _data(event: Event) -> Any:
    return None if event.data is None else _plain(event.shown)


def _plain(value: Any) -> Any:
    """A value that JSON has: bytes as the JSON that they are, or as text, or in base64; nothing that is nested very deeply."""
    if isinstance(value, bytes):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return _decoded(value)
    return "(nested too deeply to be shown)" if _is_deep(value) else _cleaned(value)


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [
            v for one in level if isinstance(one, dict | list) for v in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True


def _cleaned(value: Any) -> Any:
    if isinstance(value, dict):
        return {_text(str(key)): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return _text(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    """Without lone surrogates, which stand for bytes that are no UTF-8 and which no output takes."""
    return text.encode("utf-8", "replace").decode()
