"""Step 7 · the join of one trigger with its state in the bus's KV. Shell; what it decides is in ``join``.

The state is one value: the matches that are kept, and the rounds that are complete but not yet settled. It is written before a
message is settled, so that a crash at any moment finds either the message on the bus or its match in the state; a round that
was under way is submitted again after a restart, under the same name.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from eventbus import subjects
from eventbus.interface import Bus
from eventbus.ledger import Entry
from eventbus.sole import SoleValue
from events.backoff import full_jitter
from events.crashpoints import crash_at
from events.errors import Refused, Unavailable
from events.expressions import cron
from sensor import join, kept
from sensor.dependencies import Decision
from sensor.kept import Arrived, JoinState, Match, Matches
from sensor.plan import CompiledSensor, CompiledTrigger
from sensor.settled import Settled
from sensor.target import RoundContext

if TYPE_CHECKING:
    from sensor.settling import Work

__all__ = ["Joining"]

log = structlog.get_logger("sensor")

Submit = Callable[[CompiledTrigger, RoundContext, bool], Awaitable[Settled]]
"""Submits a round; the flag says that it was under way when a process ended."""
Over = Callable[["Work", str], bool]
"""Whether the ledger says that an event came to its end by this dependency."""
Bury = Callable[["Work", str, str], Settled]
"""Makes an event a dead letter, for a reason and in words."""
Write = Callable[["Work | None", str, Settled], Awaitable[None]]
"""Adds to what is written about a message when all have settled it, by its dependency; or (without a message) writes at once."""


class Joining:
    """Takes matches one after the other, in the order of the stream."""

    def __init__(
        self,
        trigger: CompiledTrigger,
        sensor: CompiledSensor,
        bus: Bus,
        submit: Submit,
        settled: Write,
        is_over: Over,
        bury: Bury,
    ) -> None:
        self._trigger = trigger
        self._sensor = sensor
        self._bus = bus
        self._submit = submit
        self._settled = settled
        self._is_over = is_over
        self._bury = bury
        self._queue: asyncio.Queue[tuple[Work, Decision] | None] = asyncio.Queue()
        self._state: JoinState = join.JoinState()
        self._rounds: dict[str, Matches] = {}
        self._store: SoleValue | None = None
        self._saving = asyncio.Lock()
        self._version = self._saved = 0
        """Of the state here, and of that on the bus."""
        self._grace = 0.0
        self.forgotten: list[Entry] = []
        """What ``load`` has dropped: a time of conditionsReset came before the start."""
        self.was_kept = False
        """Whether ``load`` has found a state."""
        self.resets = [
            cron.compile(r.by_time.cron, r.by_time.timezone)
            for r in (trigger.spec.template.conditions_reset if trigger.spec.template else [])
            if r.by_time is not None
        ]

    async def load(self) -> None:
        """Take the state over; matches from before the last reset time are forgotten."""
        state = await self._bus.state(subjects.bucket(self._sensor.namespace, self._sensor.name))
        self._store = SoleValue(state, subjects.key(self._trigger.name))
        text = await self._store.take(kept.write(self._state, self._rounds))
        self.was_kept = text is not None
        if text is not None:
            found = kept.read(text, {d.name for d in self._sensor.dependencies})
            self._state, self._rounds = found.state, dict(found.rounds)
        if self.resets:
            now = datetime.now(UTC)
            fired = [moment for reset in self.resets if (moment := reset.previous_fire(now)) is not None]
            if fired:
                before, self._state = self._state, join.reset_before(self._state, max(fired))
                self.forgotten = [
                    self._entry(m, "reset", "a time of conditionsReset came")
                    for d, m in before.matches.items()
                    if d not in self._state.matches
                ]

    def put(self, work: Work, decision: Decision) -> None:
        """A dependency was satisfied; the part of ``work`` is settled when the match is safe."""
        self._queue.put_nowait((work, decision))

    def stop(self, grace: float) -> None:
        """End ``run`` after what is queued; rounds get ``grace`` seconds, then they are left to the next start."""
        self._grace = grace
        self._queue.put_nowait(None)

    async def run(self) -> None:
        """Work through the queue; submit rounds beside it."""
        async with asyncio.TaskGroup() as tasks:
            timer = tasks.create_task(self._reset_by_time())
            under_way = {tasks.create_task(self._fire(k, m, True)) for k, m in list(self._rounds.items())}
            while (entry := await self._queue.get()) is not None:
                fired = await self._take(*entry)
                if fired is not None:
                    task = tasks.create_task(self._fire(*fired))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
            if under_way:
                await asyncio.wait(under_way, timeout=self._grace)
            for task in [timer, *under_way]:
                task.cancel()

    async def _take(self, work: Work, decision: Decision) -> tuple[str, Matches] | None:
        crash_at("join.before", work.event.id)
        sequence = work.message.sequence
        arrived = Arrived(decision.event, work.message.delivery_id)
        match = join.Match(decision.dependency, work.event.id, arrived, datetime.now(UTC))
        if self._waits(
            match.event_id, match.dependency
        ):  # delivered again: the process may have ended before it was written down
            await self._settled(
                work, match.dependency, Settled([self._entry(match, "waiting", self._missing(), sequence)])
            )
            return None
        # Delivered again while its round is under way; or that has ended since the ledger was asked.
        if self.holds(match.event_id, match.dependency) or self._is_over(work, match.dependency):
            await self._settled(work, match.dependency, Settled([self._entry(match, "duplicate", sequence=sequence)]))
            return None
        before, replaced = self._state, self._state.matches.get(decision.dependency)
        offered, complete = join.offer(self._trigger.condition, self._state, match)
        self._state = offered
        crash_at("join.offered", work.event.id)
        fired: tuple[str, Matches] | None = None
        detail = self._missing()
        if complete is not None:
            matches = dict(complete.matches)
            fired = (self._context(matches).key, matches)
            self._rounds[fired[0]] = matches
            detail = "its round is complete"
        try:
            await self._save(beside=0 if fired is None else 1)
        except Refused as error:
            if self._state is offered:
                self._state = before
            if fired is not None:
                del self._rounds[fired[0]]
            await self._settled(work, match.dependency, self._refused(work, match, error))
            return None
        crash_at("join.saved", work.event.id)
        entries = [self._entry(match, "waiting", detail, sequence)]
        if replaced is not None:
            entries.append(self._entry(replaced, "replaced", f"by event {match.event_id}, which took its place"))
        await self._settled(work, match.dependency, Settled(entries))
        crash_at("join.settled", work.event.id)
        return fired

    def _refused(self, work: Work, match: Match, error: Refused) -> Settled:
        """An event that the bus does not take beside what it waits for, or at all: it is kept here, and the others go on waiting."""
        detail = f"what trigger '{self._trigger.name}' waits with cannot be kept: {error}"
        letter = self._bury(work, "CannotWait", detail)
        return Settled([self._entry(match, "refused", detail, work.message.sequence)], letter.kept)

    def asks_for(self, dependency: str) -> bool:
        """Whether the condition names a dependency."""
        return dependency in self._trigger.condition.names

    def holds(self, event_id: str, dependency: str) -> bool:
        """Whether an event is kept for a dependency, or in a round that is under way."""
        in_round = (r[dependency].event_id == event_id for r in self._rounds.values() if dependency in r)
        return self._waits(event_id, dependency) or any(in_round)

    def _waits(self, event_id: str, dependency: str) -> bool:
        match = self._state.matches.get(dependency)
        return match is not None and match.event_id == event_id

    def _missing(self) -> str:
        missing = join.missing(self._trigger.condition, self._state)
        return f"waits for {', '.join(missing)}" if missing else "waits"

    def _entry(self, match: Match, outcome: str, detail: str = "", sequence: int = 0) -> Entry:
        return Entry(
            match.event_id, self._sensor.id, self._trigger.name, match.dependency, outcome, "", detail, sequence
        )

    def _context(self, matches: Matches) -> RoundContext:
        events = {d: m.event.event for d, m in matches.items()}
        deliveries = {d: m.event.delivery_id for d, m in matches.items()}
        return RoundContext(self._trigger.origin, events, time.time_ns(), deliveries)

    async def _fire(self, key: str, matches: Matches, resumed: bool = False) -> None:
        settled = await self._submit(self._trigger, self._context(matches), resumed)
        crash_at("join.submitted", key)
        await self._settled(None, "", settled)
        crash_at("join.recorded", key)
        del self._rounds[key]
        await self._save()
        crash_at("join.forgotten", key)

    async def _reset_by_time(self) -> None:
        while self.resets:
            now = datetime.now(UTC)
            coming = [moment for reset in self.resets if (moment := reset.next_fire(now)) is not None]
            if not coming:  # a date that never comes, such as 30 February
                return
            await asyncio.sleep((min(coming) - now).total_seconds())
            if self._state.matches:
                log.info("conditions reset", sensor=self._sensor.id, trigger=self._trigger.name)
                entries = [
                    self._entry(m, "reset", "a time of conditionsReset came") for m in self._state.matches.values()
                ]
                self._state = join.JoinState()
                await self._save()
                await self._settled(None, "", Settled(entries))

    async def _save(self, beside: int | None = None) -> None:
        """Write the state; while the bus is away nothing can be settled, so it waits here. Who waits for another's write shares the next.

        What is too large waits for the rounds that are under way, since they end. Who has added to it says how many of them are its own:
        raises Refused when there is no other. (For everybody else it becomes smaller then.)
        """
        assert self._store is not None, "loaded before"
        self._version += 1
        wanted = self._version
        pauses = full_jitter(random.random, cap=5.0)
        while self._saved < wanted:
            async with self._saving:
                if self._saved >= wanted:
                    return
                version = self._version
                try:
                    await self._store.put(kept.write(self._state, self._rounds))
                    self._saved = version
                    return
                except Refused as error:
                    if beside is not None and len(self._rounds) <= beside:
                        raise
                    log.warning("state cannot be written", sensor=self._sensor.id, error=str(error))
                except Unavailable as error:
                    log.warning("state cannot be written", sensor=self._sensor.id, error=str(error))
                    await asyncio.sleep(next(pauses))
                    continue
            await asyncio.sleep(next(pauses))
