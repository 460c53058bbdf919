"""Steps 5–10 · one sensor on one bus: consume, filter, join, render, submit, settle. Shell.

A message is acknowledged only when every trigger has settled it and the ledger has that on disk. What needs no
waiting is settled in the batch; any other round becomes a task of its own, so that a slow target holds back nothing else.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from eventbus import subjects
from eventbus.interface import Bus, Message
from eventbus.ledger import Entry, EventRecord, Ledger
from events.backoff import full_jitter
from events.errors import EvaluationError, PointsmanError, Refused, Unavailable
from events.models.event import Event
from events.models.values import Outcome, OutcomeKind, VerdictKind
from sensor import metrics
from sensor.dependencies import Decision
from sensor.joining import Joining
from sensor.plan import CompiledSensor, CompiledTrigger
from sensor.ratelimit import RateLimit
from sensor.target import RoundContext, Tools

__all__ = ["SensorRunner"]

log = structlog.get_logger("sensor")

MAX_UNSETTLED = 1_500
"""Messages held at the same time; below MaxAckPending of the consumer, so that the bus never stops on its own."""

MAX_SUBMITTING = 128
"""Submissions under way at the same time; one that waits for its next attempt does not count."""

HEARTBEAT = 10.0
"""Seconds between two "still working" for messages that are not settled; a third of the bus's acknowledgement deadline."""

DRAIN = 4.0
"""Seconds for what is under way when the runner is told to stop."""

GIVE_UP_AFTER = 24 * 3600.0
"""Seconds for which a transient failure is retried."""


Done = set[tuple[str, str, str]]
"""What was submitted already: (event, trigger, dependency)."""


@dataclass(slots=True, eq=False)
class Work:
    """A message on its way through the triggers."""

    message: Message
    event: Event
    open_parts: int = 0
    entries: list[Entry] = field(default_factory=list)


class SensorRunner:
    """Runs one compiled sensor. ``start`` creates the consumer; ``run`` works until cancelled; ``drain`` settles what is held."""

    def __init__(self, sensor: CompiledSensor, bus: Bus, ledger: Ledger, tools: Tools) -> None:
        self.sensor = sensor
        self._bus = bus
        self._ledger = ledger
        self._tools = tools
        self._limits = {t.name: RateLimit.of(t.spec.rate_limit) for t in sensor.triggers}
        self._joins = {
            t.name: Joining(t, sensor, bus, self._submit_round, self._join_settled) for t in sensor.triggers if t.joins
        }
        self._held: set[Work] = set()
        self._room = asyncio.Event()
        self._room.set()
        self._slots = asyncio.Semaphore(MAX_SUBMITTING)
        self._tasks: asyncio.TaskGroup | None = None
        self._rounds: set[asyncio.Task[None]] = set()
        self._metrics = metrics.of_sensor(sensor.name, [t.name for t in sensor.triggers])

    async def start(self) -> None:
        """Create the durable consumer, so that no event published from now on is missed; read back the joins' state."""
        wanted = [subjects.subject(source, event) for source, event in self.sensor.events]
        durable = subjects.durable(self.sensor.namespace, self.sensor.name)
        for join in self._joins.values():
            await join.load()
        self._subscription = await self._bus.subscribe(durable, wanted)

    async def run(self) -> None:
        """Consume until ``drain`` is called."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            heart = tasks.create_task(self._heartbeat())
            for join in self._joins.values():
                tasks.create_task(join.run())
            async for batch in self._subscription.batches():
                await self._take(batch)
                await self._room.wait()
            for join in self._joins.values():
                join.stop(DRAIN)
            if self._rounds:
                await asyncio.wait(self._rounds, timeout=DRAIN)
            for task in [heart, *self._rounds]:
                task.cancel()  # what waits for its next attempt is not acknowledged: the bus delivers it again

    async def drain(self) -> None:
        """Pull no more; ``run`` returns when everything that is under way has settled or been given back to the bus."""
        await self._subscription.close()

    # -- steps 5 and 6 -----------------------------------------------------------------------------------------------

    async def _take(self, batch: Sequence[Message]) -> None:
        decoded: list[Work] = []
        for message in batch:
            try:
                decoded.append(Work(message, Event.from_json(message.data)))
            except EvaluationError as error:
                log.error("message is no event", sensor=self.sensor.id, sequence=message.sequence, error=str(error))
                await message.ack()
        if not decoded:
            return
        done = self._ledger.submitted(self.sensor.id, {work.event.id for work in decoded})
        settled: list[Work] = []
        for work in decoded:
            self._offer(work, done)
            if work.open_parts == 0:
                settled.append(work)
            else:
                self._held.add(work)
        if len(self._held) >= MAX_UNSETTLED:
            self._room.clear()
        if settled:
            await self._settle(settled)

    def _offer(self, work: Work, done: Done) -> None:
        """Ask the dependencies, and hand what passed to the triggers."""
        passed: dict[str, Decision] = {}
        for decision in self.sensor.decide(work.event):
            self._metrics.verdicts[decision.verdict.kind] += 1
            if decision.verdict.passed:
                passed[decision.dependency] = decision
                self._submit_at_once(decision, work, done)
            else:
                self._drop(decision, work)
        if not passed:
            return
        for trigger in self.sensor.one_by_one:
            for name in trigger.condition.names:
                if name in passed and not self._is_duplicate(trigger, passed[name], work, done):
                    self._offer_to(trigger, passed[name], work)

    def _drop(self, decision: Decision, work: Work) -> None:
        """Write down for each trigger that a filter said no, and why."""
        verdict = decision.verdict
        outcome = "filtered"
        if verdict.kind is VerdictKind.ERROR:
            outcome = "error"
            log.warning(
                "filter error",
                sensor=self.sensor.id,
                dependency=decision.dependency,
                event_id=work.event.id,
                clause=verdict.clause,
                reason=verdict.reason,
            )
        seen = "" if verdict.seen is None else f" (seen: {verdict.seen!r:.200})"
        detail = f"{verdict.clause}: {verdict.reason}{seen}"
        listeners = self.sensor.listeners[decision.dependency]
        work.entries += self._entries(listeners, decision.dependency, work.event, outcome, detail=detail)

    def _is_duplicate(self, trigger: CompiledTrigger, decision: Decision, work: Work, done: Done) -> bool:
        """Whether the ledger says that this was submitted before."""
        if (work.event.id, trigger.name, decision.dependency) not in done:
            return False
        log.info("duplicate", sensor=self.sensor.id, trigger=trigger.name, event_id=work.event.id)
        self._metrics.triggers[trigger.name].settled(OutcomeKind.DUPLICATE)
        return True

    def _offer_to(self, trigger: CompiledTrigger, decision: Decision, work: Work) -> None:
        work.open_parts += 1
        if trigger.joins:
            self._joins[trigger.name].put(work, decision)
        else:
            assert self._tasks is not None
            deliveries = {decision.dependency: work.message.delivery_id}
            context = RoundContext(trigger.origin, {decision.dependency: decision.event}, time.time_ns(), deliveries)
            task = self._tasks.create_task(self._fire(trigger, context, work))
            self._rounds.add(task)
            task.add_done_callback(self._rounds.discard)

    # -- steps 8 to 10 -----------------------------------------------------------------------------------------------

    def _submit_at_once(self, decision: Decision, work: Work, done: Done) -> None:
        """Submit the triggers that need no waiting: there may be many of them, and this is all that each of them costs."""
        name = decision.dependency
        for group in self.sensor.at_once[name]:
            triggers = group.triggers
            if done:
                triggers = [t for t in triggers if not self._is_duplicate(t, decision, work, done)]
            if not triggers:
                continue
            began = time.perf_counter()
            try:
                outcome = group.kind.submit_at_once({name: decision.event}, [t.origin for t in triggers])
            except Exception as error:
                outcome = self._fault(error, triggers[0], work.event.id)
            seconds = (time.perf_counter() - began) / len(triggers)
            for trigger in triggers:
                numbers = self._metrics.triggers[trigger.name]
                numbers.attempted(seconds, failed=outcome.kind is OutcomeKind.REFUSED)
                numbers.settled(outcome.kind)
            work.entries += self._entries(
                triggers, name, work.event, outcome.kind.value, outcome.target, outcome.detail
            )

    async def _fire(self, trigger: CompiledTrigger, context: RoundContext, work: Work) -> None:
        """Submit the round of an event that satisfies its trigger alone."""
        work.entries.extend(await self._submit_round(trigger, context))
        await self.part_done(work)

    async def part_done(self, work: Work) -> None:
        """One trigger has settled its part of the message; after the last one it is recorded and acknowledged."""
        work.open_parts -= 1
        if work.open_parts == 0:
            await self._settle([work])

    async def _join_settled(self, work: Work | None, entries: list[Entry]) -> None:
        """A join has taken a message over into its state, or (without a message) settled a round."""
        if work is None:
            await self._write([], entries)
        else:
            work.entries.extend(entries)
            await self.part_done(work)

    async def _submit_round(self, trigger: CompiledTrigger, context: RoundContext) -> list[Entry]:
        outcome = await self._submit(trigger, context)
        self._metrics.triggers[trigger.name].settled(outcome.kind)
        logged = log.info if outcome.kind is not OutcomeKind.REFUSED else log.error
        logged(
            outcome.kind.value,
            sensor=self.sensor.id,
            trigger=trigger.name,
            event_id=context.event_ids,
            target=outcome.target,
            detail=outcome.detail,
        )
        kept = "submitted" if outcome.kind is OutcomeKind.DUPLICATE else outcome.kind.value
        entries: list[Entry] = []
        for dependency, event in context.events.items():
            entries += self._entries([trigger], dependency, event, kept, outcome.target, outcome.detail)
        return entries

    async def _submit(self, trigger: CompiledTrigger, context: RoundContext) -> Outcome:
        """Render and submit; transient failures are retried, everything else is an answer."""
        pauses = full_jitter(random.random)
        deadline = time.monotonic() + GIVE_UP_AFTER
        while True:
            try:
                return await self._attempt(trigger, context)
            except Unavailable as error:
                if time.monotonic() > deadline:
                    return Outcome(OutcomeKind.REFUSED, detail=f"given up after 24 h: {error}")
                pause = error.retry_after or next(pauses)
                log.warning(
                    "trigger will be retried",
                    sensor=self.sensor.id,
                    trigger=trigger.name,
                    event_id=context.event_ids,
                    error=str(error),
                    seconds=round(pause, 2),
                )
                await asyncio.sleep(pause)
            except (EvaluationError, Refused) as error:
                return Outcome(OutcomeKind.REFUSED, detail=str(error))
            except PointsmanError as error:
                return Outcome(OutcomeKind.REFUSED, detail=f"{error.reason}: {error}")
            except Exception as error:
                return self._fault(error, trigger, context.event_ids)

    async def _attempt(self, trigger: CompiledTrigger, context: RoundContext) -> Outcome:
        """One attempt, when the rate limit and the other submissions let it through. Raises what ``submit`` raises."""
        limit = self._limits[trigger.name]
        if limit is not None:
            await asyncio.sleep(limit.take(time.monotonic()))
        async with self._slots:
            began = time.perf_counter()
            failed = False
            try:
                rendered = trigger.render(context)
                return await rendered.kind.submit(rendered.submission, self._tools)
            except Exception:
                failed = True
                raise
            finally:
                self._metrics.triggers[trigger.name].attempted(time.perf_counter() - began, failed=failed)

    def _fault(self, error: Exception, trigger: CompiledTrigger, event_ids: str) -> Outcome:
        """A fault of ours must neither end the process nor come back for ever: it is told and kept as refused."""
        log.exception("internal error", sensor=self.sensor.id, trigger=trigger.name, event_id=event_ids)
        return Outcome(OutcomeKind.REFUSED, detail=f"internal error: {type(error).__name__}: {error}")

    async def _settle(self, works: list[Work]) -> None:
        """Record, then acknowledge. When the ledger cannot be written the messages stay with the bus and come again."""
        await self._write([self._record(work) for work in works], [e for work in works for e in work.entries])
        for work in works:
            await work.message.ack()
            self._held.discard(work)
        if len(self._held) < MAX_UNSETTLED:
            self._room.set()

    async def _write(self, events: list[EventRecord], entries: list[Entry]) -> None:
        pauses = full_jitter(random.random, cap=5.0)
        while True:
            try:
                await self._ledger.record(events, entries)
                return
            except Unavailable as error:
                log.error("ledger cannot be written", sensor=self.sensor.id, error=str(error))
                await asyncio.sleep(next(pauses))

    def _record(self, work: Work) -> EventRecord:
        event = work.event
        return EventRecord(
            event.id,
            self.sensor.namespace,
            self.sensor.bus,
            event.source,
            event.subject,
            event.type,
            event.time,
            work.message.delivery_id,
            work.message.sequence,
        )

    def _entries(
        self,
        triggers: Sequence[CompiledTrigger],
        dependency: str,
        event: Event,
        outcome: str,
        target: str = "",
        detail: str = "",
    ) -> list[Entry]:
        identity, sensor = event.id, self.sensor.id
        return [Entry(identity, sensor, t.name, dependency, outcome, target, detail) for t in triggers]

    async def _heartbeat(self) -> None:
        """Tell the bus that what is held is being worked on."""
        while True:
            await asyncio.sleep(HEARTBEAT)
            for work in list(self._held):
                try:
                    await work.message.in_progress()
                except Unavailable:
                    break  # the bus is away; it delivers again when it is back
