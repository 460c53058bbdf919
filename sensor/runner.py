"""Steps 5–10 · one sensor on one bus: consume, filter, join, hand to the triggers. Shell.

A message is acknowledged only when every trigger has settled it and the ledger has that on disk (``settling``). What needs no
waiting is settled in the batch; any other round becomes a task of its own, and what cannot be submitted now waits on disk
(``parking``), so that a slow target holds back nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial

import structlog

from eventbus import subjects
from eventbus.interface import Bus, Message
from eventbus.ledger import Entry, Ledger
from eventbus.tally import Account
from events import tracing
from events.crashpoints import crash_at
from events.errors import EvaluationError, Unavailable
from events.models.event import Event
from events.models.values import Outcome, OutcomeKind, VerdictKind, value_text
from sensor import gauges, metrics
from sensor.auditing import Auditing
from sensor.dependencies import Decision
from sensor.joining import Joining
from sensor.parking import dead
from sensor.plan import CompiledSensor, CompiledTrigger
from sensor.poison import POISONED, WATCHED, Letter, Suspects
from sensor.settled import Settled
from sensor.settling import Settling, Work
from sensor.strays import find_strays
from sensor.submitting import Case, Submitting
from sensor.target import RoundContext, Tools

__all__ = ["SensorRunner"]

log = structlog.get_logger("sensor")

DRAIN = 4.0
"""Seconds for what is under way when the runner is told to stop."""

LONG = 0.05
"""Seconds for which filters of one batch may keep all else waiting: a lease that is not renewed, say, goes to another process."""

ORDERS = 0.5
"""Seconds between two looks for what a person wants: a sensor held or released, a dead letter retried."""

Done = Mapping[tuple[str, str, str], str]
"""What needs no submission any more: the outcome by (event, trigger, dependency)."""


class SensorRunner:
    """Runs one compiled sensor. ``start`` creates the consumer; ``run`` works until cancelled; ``drain`` settles what is held."""

    def __init__(self, sensor: CompiledSensor, bus: Bus, ledger: Ledger, tools: Tools) -> None:
        self.sensor = sensor
        self._bus = bus
        self._ledger = ledger
        self._metrics = metrics.of_sensor(sensor.namespace, sensor.name, [t.name for t in sensor.all_triggers])
        self._decide = tracing.around_decide(sensor.decide, sensor.id)
        self._submitting = Submitting(sensor, tools, self._metrics)
        self._settling = Settling(sensor, ledger, self._submitting, tools.targets)
        self._parking = self._settling.parking
        self._joins = {
            t.name: Joining(
                t,
                sensor,
                bus,
                self._submit_round,
                partial(self._join_settled, t.name),
                partial(self._is_over, t),
                lambda work, *why: self._suspects.bury(work.event, work.message, *why),
            )
            for t in sensor.triggers
            if t.joins
        }
        self._suspects = Suspects(sensor, ledger)
        self._on_hold = False
        self._since = 0.0
        """Of the hold that is obeyed; 0: of none."""
        self._confirmed = -1.0
        """What of that is written down."""
        self._is_offering = False
        self._tasks: asyncio.TaskGroup | None = None
        self._rounds: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Create the durable consumer, so that no event published from now on is missed; read back the joins' state."""
        wanted = [subjects.subject(source, event) for source, event in self.sensor.events]
        durable = subjects.durable(self.sensor.namespace, self.sensor.name)
        for join in self._joins.values():
            await join.load()
        await self._ledger.count_by(list(self._settling.units.values()))
        self._since = self._ledger.held_since(self.sensor.id)
        self._on_hold = self._since > 0
        self._subscription = await self._bus.subscribe(durable, wanted, paused=self._on_hold, sole=True)
        self._parking.hold(self._on_hold)
        await self._confirm()
        gauges.lag(self.sensor.id, lambda: self._subscription.lag)
        gauges.state(self.sensor.id, lambda: (self._on_hold, len(self._settling.held)), self._submitting.queued)

    async def run(self) -> None:
        """Consume until ``drain`` is called."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            audit = Auditing(self.sensor.id, self._is_mine, self._ledger, self._subscription)
            await self._tell_of_strays()
            await self._parking.start(tasks)
            beside = (self._settling.heartbeat(), self._settling.tell_of_slow(), self._obey(), audit.run())
            own = [tasks.create_task(job) for job in beside]
            for join in self._joins.values():
                tasks.create_task(join.run())
            async for batch in self._subscription.batches():
                self._is_offering = True
                await self._take(batch)
                self._is_offering = False
                await self._settling.has_room()
            for join in self._joins.values():
                join.stop(DRAIN)
            stopping = tasks.create_task(self._parking.stop(DRAIN))
            if self._rounds:
                await asyncio.wait(self._rounds, timeout=DRAIN)
            await stopping
            for task in [*own, *self._rounds]:
                task.cancel()  # what is not acknowledged is delivered again by the bus

    async def _tell_of_strays(self) -> None:
        """Before anything is offered: what comes again may wait again."""
        strays = find_strays(self.sensor.id, self._ledger.waiting(self.sensor.id), self._joins)
        if strays:
            log.info("events wait no more", sensor=self.sensor.id, count=len(strays))
            await self._settling.write_settled(Settled(strays), [])

    async def drain(self) -> None:
        """Pull no more; ``run`` returns when everything that is under way has settled or been given back to the bus."""
        self._settling.drain()
        await self._subscription.close()

    def _is_mine(self, account: Account) -> bool:
        return account.sensor == self.sensor.id and any(t.name == account.trigger for t in self.sensor.triggers)

    # -- steps 5 and 6 -----------------------------------------------------------------------------------------------

    async def _take(self, batch: Sequence[Message]) -> None:
        crash_at("consume.pulled")
        decoded: list[Work] = []
        for message in batch:
            try:
                decoded.append(Work(message, Event.from_json(message.data)))
            except EvaluationError as error:
                log.error("message is no event", sensor=self.sensor.id, sequence=message.sequence, error=str(error))
                await self._ledger.ignore(self.sensor.id, message.sequence)
                await message.ack()
        if not decoded:
            return
        suspects = [work for work in decoded if work.message.deliveries > 1]
        if suspects:
            decoded = [work for work in decoded if work.message.deliveries <= 1]
        if decoded:
            await self._offer_all(decoded)
        if suspects:
            await self._offer_suspects(suspects)

    async def _offer_all(self, works: Sequence[Work]) -> None:
        crash_at("consume.decoded")
        done = self._ledger.known(self.sensor.id, {work.event.id for work in works})
        crash_at("consume.known")
        settled: list[Work] = []
        held: list[Work] = []
        began = time.monotonic()
        for work in works:
            if time.monotonic() - began > LONG:
                self._settling.hold(held)
                held = []
                await asyncio.sleep(0)
                began = time.monotonic()
            try:
                self._offer(work, done)
            except Exception as error:
                log.exception("internal error", sensor=self.sensor.id, **self._about(work.event))
                detail = f"internal error: {type(error).__name__}: {error}"
                work.settled.add(self._suspects.bury(work.event, work.message, "InternalError", detail))
            (held if work.open else settled).append(work)
        self._settling.hold(held)
        if settled:
            await self._settling.settle(settled)

    async def _offer_suspects(self, works: Sequence[Work]) -> None:
        """Messages that were under way when a process ended: few at a time, and marked, so that the one that ends it is found."""
        for work in works:
            work.mark = str(work.message.sequence)
        for group in self._suspects.groups(works):
            if group.poisonous:
                for work in group.works:
                    work.settled.add(self._suspects.bury(work.event, work.message, "Poison", POISONED))
                await self._settling.settle(group.works)
            else:
                await self._watched(group.works)

    async def _watched(self, works: Sequence[Work]) -> None:
        """Offer what is suspected, and go on when it has settled, or has not ended the process for a while."""
        marks = [work.mark for work in works]
        for work in works:
            work.end = asyncio.Event()
        await self._ledger.begin(self.sensor.id, marks)
        await self._offer_all(works)
        try:
            async with asyncio.timeout(WATCHED):
                for work in works:
                    assert work.end is not None
                    await work.end.wait()
        except TimeoutError:
            await self._ledger.unmark(self.sensor.id, [w.mark for w in works if w in self._settling.held])

    def _offer(self, work: Work, done: Done) -> None:
        """Ask the dependencies, and hand what passed to the triggers."""
        crash_at("filter.before", work.event.data)
        passed: dict[str, Decision] = {}
        for decision in self._decide(work.event):
            self._metrics.verdicts[decision.verdict.kind] += 1
            if decision.verdict.passed:
                passed[decision.dependency] = decision
                self._submit_at_once(decision, work, done)
            else:
                self._drop(decision, work)
        crash_at("filter.after", work.event.data)
        if not passed:
            return
        for trigger in self.sensor.one_by_one:
            for name in trigger.condition.names:
                if name in passed and not self._is_duplicate(trigger, passed[name], work, done):
                    self._offer_to(trigger, passed[name], work)

    def _drop(self, decision: Decision, work: Work) -> None:
        """Write down for each trigger that a filter said no, and why."""
        verdict = decision.verdict
        failed = verdict.kind is VerdictKind.ERROR
        outcome = "error" if failed else "filtered"
        text = "" if verdict.seen is None else value_text(verdict.seen)
        tell = log.warning if failed else log.info
        tell(
            "filter error" if failed else "filtered",
            sensor=self.sensor.id,
            dependency=decision.dependency,
            **self._about(work.event),
            clause=verdict.clause,
            reason=verdict.reason,
            **({"seen": text} if text else {}),
        )
        seen = f" (seen: {text})" if text else ""
        detail = f"{verdict.clause}: {verdict.reason}{seen}"
        listeners = self.sensor.listeners[decision.dependency]
        work.settled.entries += self._entries(listeners, decision.dependency, work, outcome, detail=detail)

    def _about(self, event: Event) -> dict[str, str]:
        """What a log line says of an event."""
        return {"event_id": event.id, "source": f"{self.sensor.namespace}/{event.source}"}

    def _is_duplicate(self, trigger: CompiledTrigger, decision: Decision, work: Work, done: Done) -> bool:
        """Whether the ledger says that this was submitted before, or waits for its target."""
        before = done.get((work.event.id, trigger.name, decision.dependency))
        if before is None or (before == "refused" and not self._was_joined(trigger, work)):
            return False
        words = "already waits for its target" if before == "pending" else f"already settled as {before}"
        log.info(words, sensor=self.sensor.id, trigger=trigger.name, **self._about(work.event))
        self._metrics.triggers[trigger.name].settled(OutcomeKind.DUPLICATE)
        work.settled.entries += self._entries([trigger], decision.dependency, work, "duplicate")
        return True

    def _is_over(self, trigger: CompiledTrigger, work: Work, dependency: str) -> bool:
        """Whether the ledger says by now that a round with this event has ended."""
        done = self._ledger.known(self.sensor.id, [work.event.id])
        before = done.get((work.event.id, trigger.name, dependency))
        return before is not None and (before != "refused" or self._was_joined(trigger, work))

    def _was_joined(self, trigger: CompiledTrigger, work: Work) -> bool:
        """Whether the same message was in a round before: that it was refused makes it part of no other."""
        if not trigger.joins:
            return False
        if isinstance(work.message, Letter):
            # It may have become poison after its match was kept: then the round is a letter of its own.
            return self._ledger.has_round(self.sensor.id, trigger.name, work.event.id)
        return work.message.deliveries > 1

    def _offer_to(self, trigger: CompiledTrigger, decision: Decision, work: Work) -> None:
        work.open.append((trigger.name, decision.dependency))
        if trigger.joins:
            self._joins[trigger.name].put(work, decision)
        else:
            assert self._tasks is not None
            message = work.message
            context = RoundContext(
                trigger.origin,
                {decision.dependency: decision.event},
                time.time_ns(),
                {decision.dependency: message.delivery_id},
                message.sequence,
            )
            task = self._tasks.create_task(self._fire(trigger, context, work, decision.dependency))
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
                outcome = self._fault(error, triggers, decision, work)
            crash_at("submit.at_once", work.event.data)
            seconds = (time.perf_counter() - began) / len(triggers)
            for trigger in triggers:
                numbers = self._metrics.triggers[trigger.name]
                numbers.attempted(seconds, failed=outcome.kind is OutcomeKind.REFUSED)
                numbers.settled(outcome.kind)
            work.settled.entries += self._entries(
                triggers, name, work, outcome.kind.value, outcome.target, outcome.detail
            )

    def _fault(self, error: Exception, triggers: Sequence[CompiledTrigger], decision: Decision, work: Work) -> Outcome:
        """A fault of ours must neither end the process nor come back for ever: it is told and kept as dead letters."""
        log.exception("internal error", sensor=self.sensor.id, trigger=triggers[0].name, **self._about(work.event))
        detail = f"internal error: {type(error).__name__}: {error}"
        events, deliveries = {decision.dependency: decision.event}, {decision.dependency: work.message.delivery_id}
        for trigger in triggers:
            context = RoundContext(trigger.origin, events, time.time_ns(), deliveries)
            work.settled.kept += self._submitting.bury(Case(trigger, context), "InternalError", detail).kept
        return Outcome(OutcomeKind.REFUSED, detail=detail)

    async def _fire(self, trigger: CompiledTrigger, context: RoundContext, work: Work, dependency: str) -> None:
        """Submit the round of an event that satisfies its trigger alone."""
        settled = await self._submitting.first(trigger, context)
        await self._settling.part_done(work, (trigger.name, dependency), settled)

    async def _join_settled(self, trigger: str, work: Work | None, dependency: str, settled: Settled) -> None:
        """A join has taken a message over into its state, or (without a message) settled a round."""
        if work is None:
            # A dead letter is retried without the marks that its round had.
            await self._settling.write_settled(settled, [one.key for one in settled.kept])
            self._parking.written(None, settled)
        else:
            await self._settling.part_done(work, (trigger, dependency), settled)

    async def _submit_round(self, trigger: CompiledTrigger, context: RoundContext, resumed: bool) -> Settled:
        """Submit the round of a join; one that was under way when a process ended is suspected of having ended it."""
        if not resumed:
            return await self._submitting.first(trigger, context)
        if self._suspects.is_poisonous(context.key):
            return self._submitting.bury(Case(trigger, context), "Poison", POISONED)
        await self._ledger.begin(self.sensor.id, [context.key])
        settled = await self._submitting.first(trigger, context)
        await self._ledger.unmark(self.sensor.id, [context.key])
        return settled

    def _entries(
        self,
        triggers: Sequence[CompiledTrigger],
        dependency: str,
        work: Work,
        outcome: str,
        target: str = "",
        detail: str = "",
    ) -> list[Entry]:
        identity, sensor, sequence = work.event.id, self.sensor.id, work.message.sequence
        return [Entry(identity, sensor, t.name, dependency, outcome, target, detail, sequence) for t in triggers]

    # -- beside ------------------------------------------------------------------------------------------------------

    async def _obey(self) -> None:
        """Do what a person has written into the ledger: hold, release, retry."""
        while True:
            try:
                await self._hold(self._ledger.held_since(self.sensor.id))
                await self._confirm()
                for name in self._ledger.ordered(self.sensor.id) if not self._on_hold else ():
                    if name:
                        await self._parking.obey(name)
                    else:
                        await self._offer_letters()
                self._settling.make_room()
            except Unavailable as error:
                log.error("orders cannot be carried out", sensor=self.sensor.id, error=str(error))
            await asyncio.sleep(ORDERS)

    async def _confirm(self) -> None:
        """Write down that a person is obeyed, once that is so: on hold no event is begun any more, also none that was pulled before."""
        if self._since == self._confirmed or (self._on_hold and self._is_offering):
            return
        try:
            await self._ledger.confirm(self.sensor.id, self._since)
        except Unavailable as error:
            log.debug("nobody is told what is obeyed", sensor=self.sensor.id, error=str(error))
        else:
            self._confirmed = self._since

    async def _hold(self, since: float) -> None:
        self._since, held = since, since > 0
        if held == self._on_hold:
            return
        crash_at("hold.kept", self.sensor.id)
        log.info("held" if held else "released", sensor=self.sensor.id)
        self._on_hold = held
        self._parking.hold(held)
        await (self._subscription.pause() if held else self._subscription.resume())

    async def _offer_letters(self) -> None:
        """Offer events again that were poison to the whole sensor."""
        at_work = {work.mark for work in self._settling.held}
        for letter in list(self._suspects.letters()):
            if letter.key in at_work:
                continue
            if self._suspects.is_poisonous(letter.key):
                await self._settling.write_settled(Settled(kept=[dead(letter.round, "Poison", POISONED)]), [letter.key])
                continue
            work = Work(letter, letter.event, settled=Settled(gone=[letter.key]), mark=letter.key)
            await self._watched([work])
