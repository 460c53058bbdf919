"""Cases of ``bindings/param.jsonl``: an expression and a payload → the text of the parameter, or an error."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from events.errors import EvaluationError, ExpressionError
from events.expressions import expr

NAME = "param"
RECORDED = ("want", "wantError")


def matches(case: dict[str, Any]) -> bool:
    return "expression" in case and "env" not in case


def want(case: dict[str, Any]) -> Any:
    return None if case["wantError"] else case["want"]["string"]


def run(case: dict[str, Any]) -> Any:
    env = {
        "namespace": case.get("namespace", "argo"),
        "discriminator": case.get("discriminator", ""),
        "metadata": case.get("metadata", {}),
        "payload": case.get("payload"),
    }
    try:
        return expr.to_parameter(expr.prepare(case["expression"])(env, now=datetime(2024, 1, 2, tzinfo=UTC)))
    except (ExpressionError, EvaluationError):
        return None


def same(case: dict[str, Any], wanted: Any, got: Any) -> bool:
    return bool(wanted == got)
