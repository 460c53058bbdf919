"""Step 7, join: keep the matches of a trigger until its condition is true. Pure: the shell stores the state and acks.

Spec: argo-events §1.5. A condition without ``&&`` fires on each event with that event alone and keeps nothing. With ``&&`` the
latest match of each dependency is kept; when the condition becomes true all that were kept are handed over, also those that it
did not need, and forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Generic, TypeVar

import orjson

from events.errors import EvaluationError
from events.expressions.conditions import Condition

__all__ = ["JoinState", "Match", "Round", "missing", "offer", "reset", "reset_before"]

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Match(Generic[E]):
    """An event and the dependency that it satisfied. ``time`` is when the bus stored it, with a time zone."""

    dependency: str
    event_id: str
    event: E
    time: datetime


@dataclass(frozen=True, slots=True)
class Round(Generic[E]):
    """The matches, by dependency, that made a trigger's condition true."""

    matches: Mapping[str, Match[E]]

    @property
    def events(self) -> dict[str, E]:
        """Dependency name → event, as parameters see them."""
        return {name: match.event for name, match in self.matches.items()}


@dataclass(frozen=True, slots=True)
class JoinState(Generic[E]):
    """What one trigger waits with: the latest match of each dependency. A value; a change makes a new one."""

    matches: Mapping[str, Match[E]] = field(default_factory=lambda: MappingProxyType({}))

    def __bool__(self) -> bool:
        """Whether anything is kept."""
        return bool(self.matches)

    def to_json(self, dump: Callable[[E], bytes]) -> bytes:
        """The state as JSON; ``dump`` gives the UTF-8 text of an event, which is kept as it is."""
        return orjson.dumps(
            {
                name: {"eventId": match.event_id, "time": match.time.isoformat(), "event": dump(match.event).decode()}
                for name, match in self.matches.items()
            }
        )

    @classmethod
    def from_json(cls, text: bytes, load: Callable[[bytes], E]) -> JoinState[E]:
        """Read what ``to_json`` wrote; ``load`` reads one event. Raises EvaluationError when it is something else."""
        try:
            return cls(
                {
                    name: Match(name, str(kept["eventId"]), load(kept["event"].encode()), _moment(kept["time"]))
                    for name, kept in orjson.loads(text).items()
                }
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise EvaluationError(f"not the state of a join: {error}", reason="NotAJoinState") from error


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def offer(condition: Condition, state: JoinState[E], match: Match[E]) -> tuple[JoinState[E], Round[E] | None]:
    """The state after a match came, and the round when that completes one.

    A match of a dependency that the condition does not name changes nothing. Where one event matches two dependencies, offer
    its matches one after the other, in the order of ``condition.names``.
    """
    if match.dependency not in condition.names:
        return state, None
    if not condition.has_and:
        return JoinState(), Round({match.dependency: match})
    # What was kept for a dependency that an edited condition no longer names is dropped.
    matches = {name: kept for name, kept in state.matches.items() if name in condition.names}
    matches[match.dependency] = match
    if condition(matches):
        return JoinState(), Round(matches)
    return JoinState(matches), None


def missing(condition: Condition, state: JoinState[E]) -> list[str]:
    """The dependencies of a condition that nothing is kept of, in its order."""
    return [name for name in condition.names if name not in state.matches]


def reset(state: JoinState[E]) -> JoinState[E]:
    """Forget everything: a time of ``conditionsReset`` has come."""
    return JoinState() if state else state


def reset_before(state: JoinState[E], moment: datetime) -> JoinState[E]:
    """At start: forget what came before the last time of ``conditionsReset``, which passed while nobody was there."""
    kept = {name: match for name, match in state.matches.items() if match.time >= moment}
    return state if len(kept) == len(state.matches) else JoinState(kept)
