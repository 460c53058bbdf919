"""Validation of EventBus, EventSource and Sensor (``sensor/validate.jsonl``): valid or not, and whether decoding failed already.

In ``eventsource/validation.jsonl`` each case is the spec of an EventSource with one event, and refused.
"""

from __future__ import annotations

from typing import Any

from eventbus.validation import JETSTREAM, decode_event_bus, validate_event_bus
from events.models.base import Finding, parse
from events.models.eventbus import EventBus
from eventsource.validation import decode_event_source, validate_event_source
from sensor.validation import decode_sensor, validate_sensor

NAME = "validate"
RECORDED = ("want", "error")


def matches(case: dict[str, Any]) -> bool:
    return case.get("op") == "validate" or {"kind", "spec", "event_name", "error"} <= case.keys()


def want(case: dict[str, Any]) -> Any:
    if "want" not in case or "panic" in case["want"]:
        return False, ""
    return case["want"]["valid"], case["want"].get("stage", "")


def run(case: dict[str, Any]) -> Any:
    if "manifest" not in case:
        case = {"kind": "EventSource", "manifest": {"spec": case["spec"]}}
    raw = case["manifest"]
    findings: list[Finding] = []
    if case["kind"] == "EventBus":
        eventbus, wrong = decode_event_bus(raw)
        findings = validate_event_bus(eventbus) if eventbus else []
    elif case["kind"] == "EventSource":
        source, wrong = decode_event_source(raw)
        findings = validate_event_source(source) if source else []
    else:
        sensor, wrong = decode_sensor(raw)
        bus = parse(EventBus, case["eventbus"]) if case.get("eventbus") is not None else None
        findings = validate_sensor(sensor, bus if "eventbus" in case else JETSTREAM) if sensor else []
    if wrong:
        return False, "decode"
    return not any(f.severity == "error" for f in findings), ""


def same(case: dict[str, Any], want: Any, got: Any) -> bool:
    return bool(want == got)
