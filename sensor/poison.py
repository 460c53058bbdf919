"""Step 5 · events that end the process (a crash in native code, say) are found out and put aside; their neighbours go on.

What was under way when a process ended is delivered again. It is then tried in small groups, and what was in a group that ended the process
alone; before each attempt the ledger gets a mark on disk, which goes when all has settled. So the third process that the same event ends is
the last: the next one makes it a dead letter without touching it. An event that is no suspect costs nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import structlog

from eventbus.interface import Message
from eventbus.ledger import Entry, Ledger
from eventbus.rounds import KeptRound, RoundState
from events.errors import EvaluationError
from events.models.event import Event
from sensor import kept
from sensor.naming import Origin, round_key
from sensor.plan import CompiledSensor
from sensor.settled import Settled

__all__ = ["POISON", "POISONED", "WATCHED", "Group", "Letter", "Marks", "Suspects"]

log = structlog.get_logger("sensor")

POISON = 2
"""Marks that make it poison: a group that ended the process, and an attempt of its own. (The first time nobody knew.)"""

POISONED = "each time when this was under way the sensor's process ended"

WATCHED = 1.0
"""Seconds after which a suspect that still waits for something, such as its target, is none any more."""

_FEW = 20
"""So many suspects are tried one by one at once."""

_GROUP = 50


class Marked(Protocol):
    """What may be marked in the ledger, and under what."""

    mark: str


Suspect = TypeVar("Suspect", bound=Marked)


@dataclass(frozen=True, slots=True)
class Group(Generic[Suspect]):
    """Messages that are tried together, or are dead letters."""

    works: Sequence[Suspect]
    poisonous: bool = False


class Letter:
    """A message (``eventbus.interface.Message``) made of a dead letter: an event that was poison and is offered again."""

    deliveries = 1
    data = b""
    subject = ""
    timestamp = 0

    def __init__(self, one: KeptRound, event: Event, delivery_id: str) -> None:
        self.sequence = 0
        self.round = one
        self.key = one.key
        self.event = event
        self.delivery_id = delivery_id

    async def ack(self) -> None:
        """The bus knows nothing of it."""

    async def nak(self, delay: float = 0.0) -> None:
        """It stays where it is."""

    async def in_progress(self) -> None:
        """Nobody waits."""


class Marks:
    """How often a sensor has begun with what is not settled."""

    def __init__(self, sensor: str, ledger: Ledger) -> None:
        self._name = sensor
        self._ledger = ledger

    def groups(self, works: Sequence[Suspect]) -> Iterator[Group[Suspect]]:
        """In which order and company to try them: what was never in a bad group first, then what was, each alone."""
        marks = self._ledger.marks(self._name)
        unmarked = [work for work in works if marks.get(work.mark, 0) == 0]
        size = 1 if len(unmarked) <= _FEW else _GROUP
        for start in range(0, len(unmarked), size):
            yield Group(unmarked[start : start + size])
        for work in works:
            if marks.get(work.mark, 0) > 0:
                yield Group([work], poisonous=marks[work.mark] >= POISON)

    def is_poisonous(self, mark: str) -> bool:
        """Whether this was tried alone and ended the process."""
        return self._ledger.marks(self._name).get(mark, 0) >= POISON


class Suspects(Marks):
    """What a sensor was at when a process ended."""

    def __init__(self, sensor: CompiledSensor, ledger: Ledger) -> None:
        super().__init__(sensor.id, ledger)
        self._sensor = sensor

    def bury(self, event: Event, message: Message, reason: str, detail: str) -> Settled:
        """A dead letter for all triggers that the event might have set off: nobody dares to ask the filters."""
        sensor, now = self._sensor, time.time()
        key = round_key(Origin(sensor.namespace, sensor.name, ""), {"": event})
        log.error(
            "dead letter",
            sensor=sensor.id,
            event_id=event.id,
            source=f"{sensor.namespace}/{event.source}",
            reason=reason,
            detail=detail,
            letter=key,
        )
        matches = kept.write_round({"": event}, {"": message.delivery_id})
        attempts = message.deliveries
        letter = KeptRound(
            key, sensor.id, "", RoundState.DEAD, 0.0, reason, detail, "", attempts, 0, now, now, event.id, message.delivery_id, matches
        )  # fmt: skip
        entries = [
            Entry(event.id, sensor.id, trigger.name, dependency, "refused", "", detail, message.sequence)
            for dependency in sensor.interested(event)
            for trigger in sensor.listeners[dependency]
        ]
        return Settled(entries, [letter])

    def letters(self) -> Iterator[Letter]:
        """Dead letters of ``bury`` that somebody wants to be offered again."""
        for one in self._ledger.due(self._sensor.id, "", RoundState.AGAIN, float("inf"), _GROUP):
            try:
                events, deliveries = kept.read_round(one.matches)
                yield Letter(one, events[""], deliveries[""])
            except (EvaluationError, KeyError) as error:
                log.error("kept event cannot be read", sensor=self._sensor.id, key=one.key, error=str(error))
