"""``op: join``: a sensor's dependencies, the condition of one trigger and the events in order; the rounds that come out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from events.expressions import conditions
from sensor.join import JoinState, Match, offer

NAME = "join"
RECORDED = ("want",)

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def matches(case: dict[str, Any]) -> bool:
    return case.get("op") == "join"


def want(case: dict[str, Any]) -> list[dict[str, Any]]:
    rounds: list[dict[str, Any]] = case["want"]
    return rounds


def run(case: dict[str, Any]) -> list[dict[str, Any]]:
    dependencies = {d["name"]: (d["eventSourceName"], d["eventName"]) for d in case["dependencies"]}
    condition = conditions.compile(case["conditions"], list(dependencies))
    state: JoinState[int] = JoinState()
    rounds = []
    for at, event in enumerate(case["events"]):
        for name in condition.names:
            if dependencies[name] == (event["source"], event["subject"]):
                state, complete = offer(condition, state, Match(name, str(at), at, _NOW))
                if complete is not None:
                    rounds.append({"at": at, "events": complete.events})
    return rounds


def same(case: dict[str, Any], want: list[dict[str, Any]], got: list[dict[str, Any]]) -> bool:
    return want == got
