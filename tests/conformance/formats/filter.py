"""``filter``: whether a dependency's filters accept an event, and whether they fail."""

from __future__ import annotations

from typing import Any

from events.models.base import parse
from events.models.sensor import Filters
from events.models.values import VerdictKind
from sensor.filters import compile_filters
from tests.conformance.events import event_of
from tests.conformance.scripts import scripts

NAME = "filter"
RECORDED = ("want",)


def matches(case: dict[str, Any]) -> bool:
    return case.get("op") == "filter"


def want(case: dict[str, Any]) -> dict[str, bool]:
    recorded = case["want"]
    if "panic" in recorded:  # the reference crashes here: an error is what we owe
        return {"pass": False, "error": True}
    return {"pass": recorded["pass"], "error": recorded["wantError"]}


def run(case: dict[str, Any]) -> dict[str, bool]:
    filters = parse(Filters, case["filter"]) if case.get("filter") is not None else None
    check = compile_filters(filters, case.get("logicalOp") or "", scripts())
    verdict = check(event_of(case["event"]))
    return {"pass": verdict.passed, "error": verdict.kind is VerdictKind.ERROR}


def same(case: dict[str, Any], want: Any, got: Any) -> bool:
    return bool(want == got)
