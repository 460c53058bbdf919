"""Cases of ``op: transform``: what a dependency's ``transform`` makes of an event's data."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from events.errors import EvaluationError, ExpressionError
from sensor.transform import transform
from tests.conformance.scripts import scripts

NAME = "transform"
RECORDED = ("want",)


def matches(case: dict[str, Any]) -> bool:
    return case.get("op") == "transform"


def want(case: dict[str, Any]) -> dict[str, Any]:
    recorded = case["want"]
    if recorded.get("wantError") or "panic" in recorded:
        return {"wantError": True}
    return {"data": recorded["data"], "datacontenttype": recorded["datacontenttype"]}


def run(case: dict[str, Any]) -> dict[str, Any]:
    event = case["event"]
    spec = SimpleNamespace(**{"jq": "", "script": "", **(case.get("transform") or {})})
    content_type = event["context"].get("datacontenttype") or "application/json"
    try:
        data, content_type = transform(event_data(event), content_type, spec, scripts())
    except (EvaluationError, ExpressionError):
        return {"wantError": True}
    return {"data": None if data is None else data.decode(), "datacontenttype": content_type}


def event_data(event: dict[str, Any]) -> bytes | None:
    if "dataText" in event:
        return event["dataText"].encode()
    if "data" in event:
        return json.dumps(event["data"], separators=(",", ":"), ensure_ascii=False).encode()
    return None


def same(case: dict[str, Any], want: dict[str, Any], got: dict[str, Any]) -> bool:
    if want == got:
        return True
    if want.get("wantError") or got.get("wantError") or want["data"] is None or got["data"] is None:
        return False
    return want["datacontenttype"] == got["datacontenttype"] and json_equal(want["data"], got["data"])


def json_equal(a: str, b: str) -> bool:
    try:
        return bool(json.loads(a, parse_int=float) == json.loads(b, parse_int=float))
    except ValueError:
        return False
