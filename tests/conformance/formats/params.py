"""``params`` and ``payload``: what parameters write into a document, and the body that they make."""

from __future__ import annotations

import json
from typing import Any

import orjson

from events.errors import EvaluationError, ExpressionError, SpecError
from events.models.base import Spec, parse
from events.models.sensor import TriggerParameter, TriggerTemplate
from sensor.parameters import apply, apply_to_object, compile_parameters, payload
from sensor.triggers import kinds, registry
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
    template = parse(TriggerTemplate, orjson.loads(text))
    known = {k: parse(registry[k].Config, raw) for k, raw in kinds(template).items() if k in registry}
    written = template.model_dump(by_alias=True, exclude_unset=True, include=set(TriggerTemplate.model_fields))
    for kind, config in known.items():
        written[kind] = _known_fields(config)
    return orjson.dumps(written).decode()


def _known_fields(value: Any) -> Any:
    if isinstance(value, Spec):
        fields = type(value).model_fields
        return {
            f.alias or n: _known_fields(getattr(value, n)) for n, f in fields.items() if n in value.model_fields_set
        }
    if isinstance(value, list):
        return [_known_fields(item) for item in value]
    return value


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
        return _same_struct(left, right)
    return bool(left == right)


_ZERO = (None, "", 0, False, [], {})


def _same_struct(want: Any, got: Any) -> bool:
    """Equal as Go structs: a field that is absent is its zero value."""
    if isinstance(want, dict) and isinstance(got, dict):
        return all(
            _same_struct(want[k], got[k]) if k in want and k in got else want.get(k, got.get(k)) in _ZERO
            for k in {*want, *got}
        )
    if isinstance(want, list) and isinstance(got, list):
        return len(want) == len(got) and all(map(_same_struct, want, got))
    return bool(want == got)
