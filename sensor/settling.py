"""Step 10 · messages at work: each is recorded, then acknowledged, when every trigger has settled its part of it. Shell.

What takes long is told before: after ``SLOW`` seconds the message is written down with what has settled of it by then, and
what has not as ``submitting``. So an event whose target hangs can be seen, and a sibling of the trigger that waits goes on.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from eventbus.interface import Message
from eventbus.ledger import Entry, EventRecord, Ledger
from eventbus.rounds import RoundState
from eventbus.tally import Units
from events.backoff import full_jitter
from events.crashpoints import crash_at
from events.errors import Unavailable
from events.models.event import Event
from sensor import metrics
from sensor.breaker import Targets
from sensor.parking import MAX_PARKED, Parking
from sensor.plan import CompiledSensor
from sensor.settled import Settled
from sensor.submitting import Submitting

__all__ = ["HEARTBEAT", "MAX_UNSETTLED", "SLOW", "Part", "Settling", "Work"]

log = structlog.get_logger("sensor")

MAX_UNSETTLED = 1_500
"""Messages held at the same time; below MaxAckPending of the consumer, so that the bus never stops on its own."""

HEARTBEAT = 10.0
"""Seconds between two "still working" for messages that are not settled; a third of the bus's acknowledgement deadline."""

SLOW = 2.0
"""Seconds after which a message that is at work is written down before it has settled."""

Part = tuple[str, str]
"""What has to settle of a message: a trigger, by the dependency that the event came through."""


@dataclass(slots=True, eq=False)
class Work:
    """A message on its way through the triggers."""

    message: Message
    event: Event
    open: list[Part] = field(default_factory=list)
    settled: Settled = field(default_factory=Settled)
    """What is to be written down yet."""
    end: asyncio.Event | None = None
    """Set when it is settled, for those that are watched."""
    mark: str = ""
    """Under what it is marked in the ledger, when it was under way as a process ended."""
    began: float = 0.0
    told: asyncio.Task[None] | None = None
    """Writes it down before it has settled."""


class Settling:
    """The messages of one sensor that are at work, and its rounds that wait on disk (``parking``)."""

    def __init__(self, sensor: CompiledSensor, ledger: Ledger, submitting: Submitting, targets: Targets) -> None:
        self._sensor = sensor
        self._ledger = ledger
        self._metrics = metrics.of_sensor(sensor.namespace, sensor.name, [])
        self.parking = Parking(sensor, ledger, submitting, targets, self.write_settled)
        self.units = {subject: Units(counts) for subject, counts in sensor.units.items()}
        """How messages count, by the source and name of their events."""
        self.held: set[Work] = set()
        self._room = asyncio.Event()
        self._room.set()
        self._is_draining = False

    # -- room --------------------------------------------------------------------------------------------------------

    async def has_room(self) -> None:
        """Wait until more messages may be taken, depending on what is held in memory and on disk."""
        self.make_room()
        await self._room.wait()

    def make_room(self) -> None:
        """Look again whether there is room. When it drains nothing may wait for that."""
        if self._is_draining or (len(self.held) < MAX_UNSETTLED and self.parking.count < MAX_PARKED):
            self._room.set()
        else:
            self._room.clear()

    def drain(self) -> None:
        """Begin with nothing more that waits on disk; nobody waits for room."""
        self._is_draining = True
        self.parking.halt()
        self.make_room()

    def hold(self, works: Sequence[Work]) -> None:
        """These have parts that settle later."""
        now = time.monotonic()
        for work in works:
            work.began = now
        self.held.update(works)
        self.make_room()

    # -- settling ----------------------------------------------------------------------------------------------------

    async def part_done(self, work: Work, part: Part, settled: Settled) -> None:
        """One part of a message has settled; after the last one it is recorded and acknowledged."""
        work.settled.add(settled)
        work.open.remove(part)
        if not work.open:
            await self.settle([work])

    async def settle(self, works: Sequence[Work]) -> None:
        """Record, then acknowledge. When the ledger cannot be written the messages stay with the bus and come again."""
        for work in works:
            if work.told is not None:
                await work.told
        settled = self._taken(works)
        crash_at("settle.before")
        marks = [work.mark for work in works if work.mark]
        await self._write([self._record(work) for work in works], settled, marks)
        crash_at("settle.recorded")
        if settled.kept:
            crash_at("deadletter.kept")
        for work in works:
            crash_at("ack.before", work.event.data)
            await work.message.ack()
            crash_at("ack.after", work.event.data)
            self.held.discard(work)
            if work.end is not None:
                work.end.set()
        if settled.kept:
            self.parking.written(None, settled)
        self.make_room()

    async def write_settled(self, settled: Settled, marks: list[str]) -> None:
        """Write down what is settled apart from a message."""
        await self._write([], settled, marks)

    def _taken(self, works: Sequence[Work]) -> Settled:
        """What is to be written down of these, which is then up to the caller."""
        if len(works) == 1:
            settled, works[0].settled = works[0].settled, Settled()
            return settled
        settled = Settled()
        for work in works:
            settled.add(work.settled)
            work.settled = Settled()
        return settled

    async def _write(self, events: list[EventRecord], settled: Settled, marks: list[str]) -> None:
        pauses = full_jitter(random.random, cap=5.0)
        while True:
            try:
                await self._ledger.record(
                    events,
                    settled.entries,
                    kept=settled.kept,
                    gone=settled.gone,
                    settled=[(self._sensor.id, mark) for mark in marks],
                )
                for letter in settled.kept:
                    if letter.state is RoundState.DEAD:
                        self._metrics.letters[letter.trigger, letter.reason] += 1
                return
            except Unavailable as error:
                log.error("ledger cannot be written", sensor=self._sensor.id, error=str(error))
                await asyncio.sleep(next(pauses))

    def _record(self, work: Work) -> EventRecord:
        event, message = work.event, work.message
        return EventRecord(
            event.id,
            self._sensor.namespace,
            self._sensor.bus,
            event.source,
            event.subject,
            event.type,
            event.time,
            message.delivery_id,
            message.sequence,
            self._sensor.id,
            self.units.get((event.source, event.subject)) if message.sequence else None,
        )

    # -- beside ------------------------------------------------------------------------------------------------------

    async def heartbeat(self) -> None:
        """Tell the bus that what is held is being worked on."""
        while True:
            await asyncio.sleep(HEARTBEAT)
            for work in list(self.held):
                try:
                    await work.message.in_progress()
                except Unavailable:
                    break  # the bus is away; it delivers again when it is back

    async def tell_of_slow(self) -> None:
        """Write down what is at work for longer than a moment, once; what settles in time costs nothing."""
        while True:
            await asyncio.sleep(SLOW / 4)
            before = time.monotonic() - SLOW
            slow = [work for work in self.held if work.told is None and work.began < before and work.open]
            if not slow:
                continue
            telling = asyncio.create_task(self._tell(slow))
            for work in slow:
                work.told = telling
            await telling

    async def _tell(self, works: Sequence[Work]) -> None:
        """These count from now on, with all of their parts, so that the accounts add up at each moment.

        Kept rounds that are at their end go only when all has settled: until then a dead letter that is offered again is all there is of it.
        """
        gone = [work.settled.gone for work in works]
        settled = self._taken(works)
        for work, keys in zip(works, gone, strict=True):
            work.settled.gone = keys
        crash_at("tell.before")
        under_way = [
            Entry(work.event.id, self._sensor.id, *part, "submitting", "", "no answer yet", work.message.sequence)
            for work in works
            for part in work.open
        ]
        written = Settled([*settled.entries, *under_way], settled.kept)
        await self._write([self._record(work) for work in works], written, [])
        crash_at("tell.written")
        if settled.kept:
            self.parking.written(None, settled)
