"""Step 7 · what a join keeps between events, as the JSON that lies in the bus's KV: the matches that wait, and the rounds that
are complete but not yet settled. Pure; ``joining`` writes it, ``explain`` reads it.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from events.errors import EvaluationError
from events.models.event import Event
from sensor import join

__all__ = ["Arrived", "JoinState", "Kept", "Match", "Matches", "read", "read_round", "write", "write_round"]


@dataclass(frozen=True, slots=True)
class Arrived:
    """An event with the forge's id of the delivery that brought it."""

    event: Event
    delivery_id: str


Match = join.Match[Arrived]
Matches = dict[str, Match]
"""Matches by dependency."""
JoinState = join.JoinState[Arrived]


@dataclass(frozen=True, slots=True)
class Kept:
    """What waits, and the rounds under way by their keys."""

    state: JoinState = field(default_factory=join.JoinState)
    rounds: Mapping[str, Matches] = field(default_factory=dict)


def write(state: JoinState, rounds: Mapping[str, Matches]) -> bytes:
    """The JSON text."""
    return orjson.dumps(
        {
            "saved": [_raw(m) for m in state.matches.values()],
            "rounds": {k: [_raw(m) for m in r.values()] for k, r in rounds.items()},
        }
    )


def write_round(events: Mapping[str, Event], deliveries: Mapping[str, str]) -> bytes:
    """One round: its events and the deliveries that brought them, by dependency."""
    return orjson.dumps(
        [
            {"dependency": d, "delivery": deliveries.get(d, ""), "event": orjson.Fragment(e.to_json())}
            for d, e in events.items()
        ]
    )


def read_round(text: bytes) -> tuple[dict[str, Event], dict[str, str]]:
    """What ``write_round`` wrote. Raises EvaluationError."""
    try:
        raw = orjson.loads(text)
        events = {m["dependency"]: Event.from_json(orjson.dumps(m["event"])) for m in raw}
        return events, {m["dependency"]: m["delivery"] for m in raw}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise EvaluationError(f"not the events of a round: {error}", reason="NotARound") from error


def read(text: bytes, known: Container[str]) -> Kept:
    """What ``write`` wrote; what waits for a dependency that is not ``known`` any more is dropped. Raises EvaluationError."""
    try:
        raw = orjson.loads(text)
        saved = [_match(m) for m in raw["saved"] if m["dependency"] in known]
        rounds = {k: {m["dependency"]: _match(m) for m in r} for k, r in raw["rounds"].items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise EvaluationError(f"not the state of a join: {error}", reason="NotAJoinState") from error
    return Kept(join.JoinState({m.dependency: m for m in saved}), rounds)


def _raw(match: Match) -> dict[str, Any]:
    return {
        "dependency": match.dependency,
        "time": match.time.isoformat(),
        "delivery": match.event.delivery_id,
        "event": orjson.Fragment(match.event.event.to_json()),
    }


def _match(raw: dict[str, Any]) -> Match:
    event = Event.from_json(orjson.dumps(raw["event"]))
    return join.Match(raw["dependency"], event.id, Arrived(event, raw["delivery"]), datetime.fromisoformat(raw["time"]))
