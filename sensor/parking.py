"""Step 10 · rounds that wait on disk are submitted when their time has come, and dead letters when somebody wants it. Shell.

A target that is away, or slow, or a rate limit, must hold back neither the other triggers of a sensor nor the bus, which hands over only
so many messages at a time. So whatever cannot be submitted now is written to disk with its events, its message is acknowledged, and the
consumer goes on. What waits costs no memory; past ``MAX_PARKED`` rounds the consumer stops after all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from eventbus.ledger import Ledger
from eventbus.rounds import KeptRound, RoundState
from events.crashpoints import crash_at
from events.errors import EvaluationError
from sensor import kept
from sensor.breaker import Busy, Targets
from sensor.plan import CompiledSensor, CompiledTrigger
from sensor.poison import POISON, POISONED, WATCHED
from sensor.settled import Settled
from sensor.submitting import UNTRIED, Case, Submitting
from sensor.target import RoundContext

__all__ = ["MAX_PARKED", "Parking"]

log = structlog.get_logger("sensor")

MAX_PARKED = 100_000
"""Rounds of a sensor that wait on disk, before its consumer stops."""

PAGE = 64
"""Rounds of one trigger that are submitted at the same time."""

_IDLE = 60.0

Write = Callable[[Settled, list[str]], Awaitable[None]]
"""Writes down what is settled, and that these marks go."""


class Parking:
    """The rounds of one sensor that wait on disk. A trigger that has some has a worker."""

    def __init__(
        self, sensor: CompiledSensor, ledger: Ledger, submitting: Submitting, targets: Targets, write: Write
    ) -> None:
        self._sensor = sensor.id
        self._ledger = ledger
        self._submitting = submitting
        self._targets = targets
        self._write = write
        self._triggers: dict[str, CompiledTrigger] = {}
        for trigger in sensor.triggers:
            if trigger.dead_letter_trigger is not None:
                self._triggers[trigger.dead_letter_trigger.name] = trigger.dead_letter_trigger
        self._triggers |= {t.name: t for t in sensor.triggers}
        self._wake: dict[str, asyncio.Event] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._released = asyncio.Event()
        self._workers: set[asyncio.Task[None]] = set()
        self._submissions: set[asyncio.Task[None]] = set()
        self._stopped = False

    @property
    def count(self) -> int:
        """How many rounds wait."""
        return sum(self._submitting.queued.values())

    async def start(self, tasks: asyncio.TaskGroup) -> None:
        """Go on with what waits from before. What waits for a trigger that is no more becomes a dead letter."""
        self._tasks = tasks
        self._submitting.queued.update(self._ledger.parked(self._sensor))
        self._submitting.has_letters = self._ledger.letters(self._sensor) > 0
        for name in {*self._submitting.queued, *self._ledger.ordered(self._sensor)}:
            if name:
                await self.obey(name)

    async def obey(self, name: str) -> None:
        """A trigger has rounds that wait, or dead letters that somebody wants to be retried. Without the trigger they are dead letters."""
        if name in self._triggers:
            self.wake(name)
        else:
            await self._orphaned(name)

    def hold(self, held: bool) -> None:
        """Submit nothing more for now, or go on."""
        if held:
            self._released.clear()
        else:
            self._released.set()

    def wake(self, name: str) -> None:
        """A trigger has rounds that wait."""
        if name not in self._triggers or self._stopped:
            return
        wake = self._wake.get(name)
        if wake is not None:
            wake.set()
            return
        self._wake[name] = asyncio.Event()
        assert self._tasks is not None
        task = self._tasks.create_task(self._work(self._triggers[name]))
        self._workers.add(task)
        task.add_done_callback(self._workers.discard)

    def written(self, before: KeptRound | None, settled: Settled) -> None:
        """What is on disk now: rounds that came, went, or wait for another time."""
        crash_at("park.kept")
        queued = self._submitting.queued
        if before is not None and before.state is RoundState.PARKED:
            queued[before.trigger] -= 1
        for one in settled.kept:
            if one.state is RoundState.PARKED:
                queued[one.trigger] = queued.get(one.trigger, 0) + 1
                self.wake(one.trigger)

    def halt(self) -> None:
        """Begin with nothing more: what waits for its time, or for its target, stays on disk."""
        self._stopped = True
        for task in self._workers:
            task.cancel()

    async def stop(self, grace: float) -> None:
        """``halt``; what is under way gets ``grace`` seconds."""
        self.halt()
        if self._submissions:
            await asyncio.wait(self._submissions, timeout=grace)
        for task in self._submissions:
            task.cancel()

    # -- one trigger -------------------------------------------------------------------------------------------------

    async def _work(self, trigger: CompiledTrigger) -> None:
        under_way: set[str] = set()
        wake = self._wake[trigger.name]
        while True:
            await self._released.wait()
            wake.clear()
            for one in self._due(trigger, under_way):
                limit = self._submitting.limit(trigger.name)
                if limit is not None:
                    await asyncio.sleep(limit.take(time.monotonic()))
                    if not self._released.is_set():  # somebody holds the sensor meanwhile
                        break
                under_way.add(one.key)
                assert self._tasks is not None
                task = self._tasks.create_task(self._submit(trigger, one, under_way))
                self._submissions.add(task)
                task.add_done_callback(self._submissions.discard)
            pause = self._pause(trigger, under_way)
            if pause is None:
                del self._wake[trigger.name]
                return
            try:
                async with asyncio.timeout(pause):
                    await wake.wait()
            except TimeoutError:
                pass

    def _due(self, trigger: CompiledTrigger, under_way: set[str]) -> list[KeptRound]:
        room = PAGE - len(under_way)
        if room <= 0:
            return []
        now, blocked = time.time(), self._targets.blocked()
        found: list[KeptRound] = []
        for state in (RoundState.AGAIN, RoundState.PARKED):
            found += self._ledger.due(self._sensor, trigger.name, state, now, PAGE, blocked)
        return [one for one in found if one.key not in under_way][:room]

    def _pause(self, trigger: CompiledTrigger, under_way: set[str]) -> float | None:
        """Seconds until there is something to do, unless something happens before; None when nothing waits any more."""
        if len(under_way) >= PAGE:
            return _IDLE
        due = self._ledger.next_due(self._sensor, trigger.name)
        if due is None:
            return _IDLE if under_way else None
        pause = due - time.time()
        if pause > 0:
            return min(pause, _IDLE)
        # What is due is under way, or its target is blocked.
        return max(0.02, self._targets.soonest(0.5))

    async def _submit(self, trigger: CompiledTrigger, one: KeptRound, under_way: set[str]) -> None:
        try:
            settled = await self._settle(trigger, one)
            if settled is not None:
                crash_at("park.submitted" if one.state is RoundState.PARKED else "retry.submitted", one.key)
                await self._write(settled, [one.key] if _is_watched(one) else [])
                self.written(one, settled)
        finally:
            under_way.discard(one.key)
            wake = self._wake.get(trigger.name)
            if wake is not None:
                wake.set()

    async def _settle(self, trigger: CompiledTrigger, one: KeptRound) -> Settled | None:
        """One attempt; None when none could be made."""
        try:
            events, deliveries = kept.read_round(one.matches)
        except EvaluationError as error:
            log.error(
                "kept round cannot be read", sensor=self._sensor, trigger=trigger.name, key=one.key, error=str(error)
            )
            return Settled(kept=[dead(one, error.reason, str(error))])
        context = RoundContext(trigger.origin, events, time.time_ns(), deliveries)
        if one.state is RoundState.AGAIN:
            crash_at("retry.taken", one.key)
        if _is_watched(one):
            if self._ledger.marks(self._sensor).get(one.key, 0) >= _poisonous(one):
                return self._submitting.bury(Case(trigger, context, one), "Poison", POISONED)
            await self._ledger.begin(self._sensor, [one.key])
        try:
            return await self._attempt(trigger, context, one)
        except Busy as busy:
            if one.target != busy.target:  # so that it is not taken again before its time
                return Settled(kept=[replace(one, target=busy.target)])
            if _is_watched(one):
                await self._ledger.unmark(self._sensor, [one.key])
            return None

    async def _attempt(self, trigger: CompiledTrigger, context: RoundContext, one: KeptRound) -> Settled:
        """One attempt. A round whose first one takes long has not ended the process: it merely waits for its target."""
        attempt = asyncio.ensure_future(self._submitting.again(trigger, context, one))
        try:
            if _is_watched(one) and one.state is RoundState.PARKED:
                await asyncio.wait([attempt], timeout=WATCHED)
                if not attempt.done():
                    await self._ledger.unmark(self._sensor, [one.key])
            return await attempt
        finally:
            attempt.cancel()

    async def _orphaned(self, name: str) -> None:
        while found := [
            *self._ledger.due(self._sensor, name, RoundState.PARKED, float("inf"), PAGE),
            *self._ledger.due(self._sensor, name, RoundState.AGAIN, float("inf"), PAGE),
        ]:
            letters = [dead(one, "NoSuchTrigger", f"the sensor has no trigger '{name}' any more") for one in found]
            await self._write(Settled(kept=letters), [])
        self._submitting.queued.pop(name, None)


def _is_watched(one: KeptRound) -> bool:
    """Whether an attempt may end the process, as far as anybody knows: a dead letter, or what was put aside before its first attempt."""
    return one.state is RoundState.AGAIN or one.reason == UNTRIED


def _poisonous(one: KeptRound) -> int:
    """So many marks make it poison: a dead letter has been tried before, without a mark."""
    return POISON if one.state is RoundState.AGAIN else POISON + 1


def dead(one: KeptRound, reason: str, detail: str) -> KeptRound:
    """A kept round as a dead letter."""
    return replace(one, state=RoundState.DEAD, due=0.0, reason=reason, detail=detail, last=time.time())
