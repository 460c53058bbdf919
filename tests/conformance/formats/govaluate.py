"""``op: govaluate``: an expression and its variables; the value and its type, or the stage of the error."""

from __future__ import annotations

import math
from typing import Any

from events.errors import EvaluationError, ExpressionError
from events.expressions import govaluate

NAME = "govaluate"
RECORDED = ("want",)

_TYPES = {type(None): "null", bool: "bool", str: "string", float: "number", list: "list", dict: "object"}
_SPECIAL = {math.inf: "+Inf", -math.inf: "-Inf"}


def matches(case: dict[str, Any]) -> bool:
    return case.get("op") == "govaluate"


def want(case: dict[str, Any]) -> dict[str, Any]:
    recorded = case["want"]
    if "panic" in recorded:  # any error will do
        return {"wantError": True}
    if recorded["wantError"]:
        return {"wantError": True, "stage": recorded["stage"]}
    return {**recorded, "value": _doubles(recorded["value"])}


def _doubles(value: Any) -> Any:
    """All numbers as IEEE doubles."""
    if isinstance(value, list):
        return [_doubles(item) for item in value]
    if isinstance(value, dict):
        return {key: _doubles(item) for key, item in value.items()}
    return float(value) if type(value) is int else value


def run(case: dict[str, Any]) -> dict[str, Any]:
    try:
        program = govaluate.compile(case["expr"])
    except ExpressionError:
        return {"wantError": True, "stage": "parse"}
    try:
        value = program(case["vars"])
    except EvaluationError:
        return {"wantError": True, "stage": "eval"}
    got = {"type": _TYPES[type(value)], "value": _doubles(value), "wantError": False}
    if isinstance(value, float) and not math.isfinite(value):
        return {**got, "value": None, "special": _SPECIAL.get(value, "NaN")}
    return got


def same(case: dict[str, Any], want: dict[str, Any], got: dict[str, Any]) -> bool:
    return {**got, **want} == got
