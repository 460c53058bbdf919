"""Cases of ``bindings/expr.jsonl``: an expression and its environment → value with its type, or an error with its stage."""

from __future__ import annotations

import base64
import copy
import math
from datetime import UTC, datetime
from typing import Any

from events.errors import EvaluationError, ExpressionError
from events.expressions import expr
from events.expressions.expr.values import AnyMap, Bytes
from events.expressions.golang.durations import Duration
from events.expressions.golang.times import Time
from events.expressions.golang.values import SizedInt, as_bytes, kind_of

NAME = "expr"
RECORDED = ("want", "wantError")

_TYPES = {
    "invalid": "nil",
    "slice": "list",
    "array": "list",
    "float64": "float",
    "int64": "int",
    "uint8": "int",
    "uint64": "int",
}


def matches(case: dict[str, Any]) -> bool:
    return {"expression", "env"} <= case.keys()


def want(case: dict[str, Any]) -> Any:
    recorded = case["want"]
    if case["wantError"]:
        return {"stage": recorded["stage"]}
    return {"type": recorded["type"], "value": _canonical(recorded["value"])}


def run(case: dict[str, Any]) -> Any:
    functions = expr.HELPERS if case.get("functions") == "metadata" else expr.PLAIN
    env = copy.deepcopy(case["env"])
    try:
        selector = expr.prepare(case["expression"], functions=functions)
        selector.program(env)
    except ExpressionError:
        return {"stage": "compile"}
    try:
        value = selector(env, now=datetime(2024, 1, 2, tzinfo=UTC))
    except EvaluationError:
        return {"stage": "run"}
    return {"type": _type(value), "value": _canonical(_plain(value))}


def same(case: dict[str, Any], wanted: Any, got: Any) -> bool:
    return bool(wanted == got)


def _type(value: Any) -> str:
    if isinstance(value, Time):
        return "time"
    if isinstance(value, Duration):
        return "duration"
    if isinstance(value, Bytes):
        return "bytes"
    kind = kind_of(value)
    return _TYPES.get(kind, kind)


def _plain(value: Any) -> Any:
    """A value in the notation of the recordings."""
    match value:
        case None | bool():
            return value
        case str():
            return as_bytes(value).decode("utf-8", "replace")
        case Time():
            return {"$time": value.json_text()}
        case Duration():
            return {"$duration": str(value), "ns": int(value)}
        case Bytes():
            return {"$bytes": base64.b64encode(value.data).decode()}
        case AnyMap():
            if all(isinstance(key, str) for key, _ in value.items()):
                return {key: _plain(item) for key, item in value.items()}
            return {"$pairs": [[_plain(key), _plain(item)] for key, item in value.items()]}
        case SizedInt():
            return int(value)
        case int() | float():
            number = float(value)
            if not math.isfinite(number):
                return {"$float": "NaN" if number != number else "+Inf" if number > 0 else "-Inf"}
            return number
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case _:
            return {"$other": True}


def _canonical(value: Any) -> Any:
    """A form in which equal values are equal: 1 and true differ, pairs have no order, 1 and 1.0 are alike."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if isinstance(value, dict):
        if "$other" in value:
            return "$other"
        if "$pairs" in value:
            return sorted(repr(_canonical(pair)) for pair in value["$pairs"])
        return {key: _canonical(item) for key, item in sorted(value.items())}
    return value
