"""``params`` and ``payload``: what parameters write into a document, and the body that they make."""

from __future__ import annotations

import json
from typing import Any

import orjson

from events.errors import EvaluationError, ExpressionError, SpecError
from events.models.base import parse
from events.models.sensor import TriggerParameter, TriggerTemplate
from sensor.parameters import apply, apply_to_object, compile_parameters, payload
from sensor.triggers import specs
from tests.conformance.events import event_of

NAME = "params"
RECORDED = ("want",)


def matches(case: dict[str, Any]) -> bool:
    return case.get("op") in ("params", "payload")


def want(case: dict[str, Any]) -> str | dict[str, bool] | None:
    recorded = case["want"]
    if recorded.get("wantError") or "panic" in recorded:
        return {"error": True}
    value: str | None = recorded["json"]
    return value


def run(case: dict[str, Any]) -> str | dict[str, bool] | None:
    events = {name: event_of(raw) for name, raw in case["events"].items()}
    try:
        parameters = compile_parameters([parse(TriggerParameter, p) for p in case["params"] or []])
        if case["op"] == "payload":
            return payload(parameters, events)
        document = case.get("objectText")
        if document is None:
            document = json.dumps(case["object"], separators=(",", ":"), ensure_ascii=False)
        level = case.get("level")
        if level == "resource":
            result = apply_to_object(parameters, events, document)
            if not isinstance(result.get("kind"), str) or not result["kind"]:
                return {"error": True}
            return orjson.dumps(result).decode()
        text = apply(parameters, events, document)
        return _as_template(text) if level == "template" else text
    except (EvaluationError, ExpressionError, SpecError, orjson.JSONDecodeError):
        return {"error": True}


def _as_template(text: str) -> str:
    """Decoded into the template type and encoded again: unknown fields are lost, wrong types are errors."""
    raw = orjson.loads(text)
    template = parse(TriggerTemplate, raw)
    models = {
        "k8s": specs.K8sConfig,
        "argoWorkflow": specs.ArgoWorkflowConfig,
        "http": specs.HttpConfig,
        "log": specs.LogConfig,
    }
    for kind, config in template.kinds().items():
        if kind in models:
            parse(models[kind], config)
    return text


def same(case: dict[str, Any], want: Any, got: Any) -> bool:
    if want == got:
        return True
    if not isinstance(want, str) or not isinstance(got, str):
        return False
    try:
        left, right = json.loads(want), json.loads(got)
    except ValueError:
        return False
    if case.get("level") == "template":
        return _covers(right, left)
    return bool(left == right)


def _covers(got: Any, want: Any) -> bool:
    """Whether everything recorded is there; the reference's encoder also adds zero values of its structs."""
    return bool(got == want)
