"""The words of ``demo``: what became of a delivery, step by step, as the tables of events and outcomes have it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from events.cli.deliveries import Request
from events.cli.posting import Answer
from events.expressions import gjson
from events.models.sensor import Dependency, Sensor

__all__ = ["accepted", "redelivered", "refused"]

Step = tuple[str, str]
"""The name of a step of the flow, and what happened in it."""


def accepted(
    request: Request,
    answer: Answer,
    event: Mapping[str, Any],
    outcome: Mapping[str, Any],
    sensor: Sensor,
    workflow: Mapping[str, Any],
) -> Iterator[Step]:
    """A delivery that started a Workflow, through all ten steps. ``event`` and ``outcome`` are rows of the ledger."""
    payload = request.body
    who, where = gjson.get(payload, "sender.login").string(), gjson.get(payload, "repository.full_name").string()
    dependency = next(d for d in sensor.spec.dependencies if d.name == outcome["dependency"])
    parameters = workflow["spec"]["arguments"]["parameters"]
    yield "receive", f"{request.method} of {len(payload):,} bytes: {event['name']} by {who} to {where}"
    yield "verify", "X-Hub-Signature-256 matches the secret"
    yield "convert", f"event {event['id']} (type {event['type']}, name {event['name']})"
    yield "publish", f"stored on the bus as message {event['sequence']}, then answered {answer.status}"
    yield "consume", f"taken up by sensor {outcome['sensor']}"
    yield "filter", f"dependency {dependency.name} passed: {'; '.join(_filters(dependency, payload)) or 'no filters'}"
    yield "join", f"condition '{outcome['dependency']}' of trigger {outcome['trigger']} is true"
    yield "parameters", ", ".join(f"{p['name']}={p['value']}" for p in parameters)
    yield "submit", f"created {outcome['target']}"
    yield "settle", f"recorded as {outcome['outcome']}, acknowledged to the bus"


def _filters(dependency: Dependency, payload: bytes) -> Iterator[str]:
    """The filters that an event passed, with the values that they saw."""
    filters = dependency.filters
    if filters is None:
        return
    for index, data in enumerate(filters.data or ()):
        seen = gjson.get(payload, data.path.removeprefix("body.")).string()
        yield f"data[{index}] {data.path} is {seen}"
    for index, expression in enumerate(filters.exprs or ()):
        yield f"exprs[{index}] {expression.expr}"


def refused(request: Request, answer: Answer) -> Iterator[Step]:
    """A delivery that was turned away."""
    yield "receive", f"{request.method} of {len(request.body):,} bytes"
    yield "verify", f"{answer.status} {answer.phrase}: {_words(answer)}; nothing was stored, nothing started"


def redelivered(request: Request, answer: Answer) -> Iterator[Step]:
    """A delivery that had come before."""
    yield "receive", f"{request.method} of {len(request.body):,} bytes, delivery {request.identity} again"
    yield "publish", f"{answer.status}, known already ({answer.value['status']}); still one Workflow"


def _words(answer: Answer) -> str:
    value = answer.value
    return str(value["error"]) if isinstance(value, dict) and "error" in value else answer.text
