"""Cases ``op: sjson``: a value or raw text written at a path. Texts must be equal, or equal as JSON."""

from __future__ import annotations

import json
from typing import Any

from events.errors import EvaluationError
from events.expressions import sjson

NAME = "sjson"
RECORDED = ("want",)


def matches(case: dict[str, Any]) -> bool:
    return case.get("op") == "sjson"


def want(case: dict[str, Any]) -> str | None:
    recorded = case["want"]
    return None if recorded.get("wantError") or "panic" in recorded else recorded["json"]


def run(case: dict[str, Any]) -> str | None:
    try:
        if "raw" in case:
            return sjson.set_raw(case["json"], case["path"], case["raw"])
        return sjson.set_value(case["json"], case["path"], case["value"])
    except EvaluationError:
        return None


def same(case: dict[str, Any], want: str | None, got: str | None) -> bool:
    if want == got or want is None or got is None:
        return want == got
    try:
        return bool(json.loads(want) == json.loads(got))
    except ValueError:
        return False
