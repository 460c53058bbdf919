"""Steps 8 to 10 · submit a round: one attempt, and what follows from its end. Shell.

============================  ==================================================================================
the target                    the round
============================  ==================================================================================
took it, or had it already    is submitted
is away (no connection,       waits on disk, with growing pauses (full jitter, or as long as ``Retry-After`` says) for up to
timeout, 429, 5xx)            24 hours; then it is a dead letter
says no (4xx, a policy)       is tried as often as ``retryStrategy`` says (once without one); then it is a dead letter
============================  ==================================================================================

A round whose parameters cannot be resolved is a dead letter at once: the same events give the same error again. A new dead letter sets off
the trigger's ``dlqTrigger`` with the same events (spec §1.6).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from eventbus.ledger import Entry
from eventbus.rounds import KeptRound, RoundState
from events import tracing
from events.backoff import exponential, jittered
from events.crashpoints import crash_at
from events.errors import EvaluationError, PointsmanError, Refused, Unavailable
from events.models.event import Event
from events.models.values import Outcome, OutcomeKind
from sensor import kept, metrics
from sensor.breaker import Busy
from sensor.plan import CompiledSensor, CompiledTrigger, Rendered
from sensor.ratelimit import RateLimit
from sensor.settled import Settled
from sensor.target import RoundContext, Tools

__all__ = ["GIVE_UP_AFTER", "UNTRIED", "Case", "Submitting"]

log = structlog.get_logger("sensor")

GIVE_UP_AFTER = 24 * 3600.0
"""Seconds for which a target that is away is asked again."""

DEFAULT_STEPS = 5
"""Attempts of a retryStrategy that does not say how many."""

SHORT = 0.25
"""Seconds that a round waits for its rate limit in memory; longer ones wait on disk, where they hold nothing back."""

UNTRIED = "RateLimited"
"""The reason of a round that was put aside before anything was done with it."""

MAX_PAUSE = 30.0
"""Seconds between two attempts of a round, at most, where the target does not say otherwise."""


@dataclass(slots=True)
class Case:
    """A round on its way: what it is for, and how it was kept before, if it was."""

    trigger: CompiledTrigger
    context: RoundContext
    before: KeptRound | None = None

    def kept(
        self,
        sensor: str,
        state: RoundState,
        due: float,
        problem: tuple[str, str],
        target: str,
        tried: int,
        said_no: int,
    ) -> KeptRound:
        """As it is kept from now on; ``problem`` is the reason and the other side's words."""
        now, context, before = time.time(), self.context, self.before
        return KeptRound(
            context.key,
            sensor,
            self.trigger.name,
            state,
            due,
            *problem,
            target,
            (before.attempts if before else 0) + tried,
            (before.refusals if before else 0) + said_no,
            before.first if before else now,
            now,
            context.event_ids,
            context.delivery_ids,
            before.matches if before else kept.write_round(context.events, context.deliveries),
        )


def _about(case: Case) -> tuple[str, Iterable[Event]]:
    """The trigger and the events of a round, for its trace."""
    return case.trigger.name, case.context.events.values()


class Submitting:
    """Submits the rounds of one sensor."""

    def __init__(self, sensor: CompiledSensor, tools: Tools, numbers: metrics.SensorMetrics) -> None:
        self._sensor = sensor.id
        self._tools = tools
        self._metrics = numbers
        self._attempt = tracing.around_attempt(self._attempt_once, sensor.id, _about)
        self._limits = {t.name: RateLimit.of(t.spec.rate_limit) for t in sensor.triggers}
        self.queued: dict[str, int] = {}
        """How many rounds of each trigger wait on disk; kept by ``parking``."""
        self.has_letters = False
        """Whether there may be dead letters of these triggers."""

    async def first(self, trigger: CompiledTrigger, context: RoundContext) -> Settled:
        """The first attempt of a round. One that cannot be made now is put aside."""
        case = Case(trigger, context)
        limit = self._limits.get(trigger.name)
        if limit is not None:
            wait = limit.wait(time.monotonic())
            if wait > SHORT or (wait > 0 and self.queued.get(trigger.name)):  # those that came before go first
                return self._aside(case, (UNTRIED, "waits for its rate limit"), pause=0.0)
            await asyncio.sleep(limit.take(time.monotonic()))
        try:
            return await self._attempt(case)
        except Busy as error:
            return self._aside(case, (error.reason, str(error)), 0.0, error.target)

    async def again(self, trigger: CompiledTrigger, context: RoundContext, before: KeptRound) -> Settled:
        """Another attempt of a round that is kept; its rate limit is up to the caller. Raises Busy when none can be made now."""
        return await self._attempt(Case(trigger, context, before))

    def limit(self, trigger: str) -> RateLimit | None:
        """The rate limit of a trigger."""
        return self._limits.get(trigger)

    def bury(self, case: Case, reason: str, detail: str) -> Settled:
        """A round that is not attempted any more: a dead letter."""
        return self._dead(case, (reason, detail), "", tried=0)

    # -- one attempt -------------------------------------------------------------------------------------------------

    async def _attempt_once(self, case: Case) -> Settled:
        trigger, context = case.trigger, case.context
        target = case.before.target if case.before is not None else ""
        try:
            crash_at("render.before", context.event_ids)
            rendered = trigger.render(context)
            crash_at("render.after", context.event_ids)
            target = rendered.kind.target(rendered.submission)
            outcome = await self._tools.targets[target].attempt(lambda: self._timed(trigger, rendered))
        except Busy:
            raise
        except Unavailable as error:
            return await self._away(case, error, target)
        except EvaluationError as error:
            self._metrics.triggers[trigger.name].attempted(0.0, failed=True)
            return await self._refused(case, (error.reason, str(error)), target)
        except PointsmanError as error:
            text = str(error) if isinstance(error, Refused) else f"{error.reason}: {error}"
            pause = self._pause(case)
            if pause is not None:
                return self._aside(case, (error.reason, text), pause, target, tried=1, said_no=1)
            return await self._refused(case, (error.reason, text), target)
        except Exception as error:
            # A fault of ours must neither end the process nor come back for ever.
            log.exception(
                "internal error",
                sensor=self._sensor,
                trigger=trigger.name,
                event_id=context.event_ids,
                source=context.sources,
            )
            return await self._refused(
                case, ("InternalError", f"internal error: {type(error).__name__}: {error}"), target
            )
        return self._done(case, outcome)

    async def _timed(self, trigger: CompiledTrigger, rendered: Rendered) -> Outcome:
        began = time.perf_counter()
        failed = True
        crash_at("submit.before", trigger.name)
        try:
            outcome = await rendered.kind.submit(rendered.submission, self._tools)
            failed = False
            crash_at("submit.after", trigger.name)
            return outcome
        finally:
            self._metrics.triggers[trigger.name].attempted(time.perf_counter() - began, failed=failed)

    def _pause(self, case: Case) -> float | None:
        """Seconds until a round that was refused is tried again; None when it is not (spec §0.3)."""
        strategy = case.trigger.spec.retry_strategy
        if strategy is None:
            return None
        refusals = 1 + (case.before.refusals if case.before else 0)
        if refusals >= (strategy.steps if strategy.steps > 0 else DEFAULT_STEPS):
            return None
        factor, jitter = float(strategy.factor), float(strategy.jitter)  # judged at start
        return exponential(strategy.duration / 1e9, factor, jitter, refusals, random.random)

    # -- what follows ------------------------------------------------------------------------------------------------

    def _done(self, case: Case, outcome: Outcome) -> Settled:
        name = case.trigger.name
        numbers = self._metrics.triggers[name]
        numbers.settled(outcome.kind)
        if outcome.kind is OutcomeKind.SUBMITTED:
            numbers.submitted(case.context.events.values(), time.time())
        log.info(
            outcome.kind.value,
            **{word: text for word, text in (("target", outcome.target), ("detail", outcome.detail)) if text},
            sensor=self._sensor,
            trigger=name,
            event_id=case.context.event_ids,
            source=case.context.sources,
        )
        entries = self._entries(case, "submitted", outcome.target, outcome.detail)
        return Settled(entries, gone=[case.context.key] if case.before is not None or self.has_letters else [])

    async def _away(self, case: Case, error: Unavailable, target: str) -> Settled:
        context, before = case.context, case.before
        crash_at("submit.unavailable", context.event_ids)
        if before is not None and time.time() - before.first > GIVE_UP_AFTER:
            return await self._refused(case, ("GaveUp", f"given up after 24 h: {error}"), target)
        pause = error.retry_after
        if not pause:
            pause = jittered(before.attempts if before else 0, random.random, cap=MAX_PAUSE)
        pause = min(pause, GIVE_UP_AFTER)  # it may say any number
        log.warning(
            "trigger will be retried",
            sensor=self._sensor,
            trigger=case.trigger.name,
            event_id=context.event_ids,
            source=context.sources,
            error=str(error),
            seconds=round(pause, 2),
        )
        return self._aside(case, (error.reason, str(error)), pause, target, tried=1)

    async def _refused(self, case: Case, problem: tuple[str, str], target: str) -> Settled:
        crash_at("refused.before", case.context.event_ids)
        settled = self._dead(case, problem, target)
        substitute = case.trigger.dead_letter_trigger
        if substitute is not None and (case.before is None or case.before.state is RoundState.PARKED):
            crash_at("dlq.before", case.context.event_ids)
            context = RoundContext(substitute.origin, case.context.events, time.time_ns(), case.context.deliveries)
            settled.add(await self.first(substitute, context))
            crash_at("dlq.after", case.context.event_ids)
        return settled

    def _aside(
        self, case: Case, problem: tuple[str, str], pause: float, target: str = "", *, tried: int = 0, said_no: int = 0
    ) -> Settled:
        crash_at("park.before", case.context.event_ids)
        kept = case.kept(self._sensor, RoundState.PARKED, time.time() + pause, problem, target, tried, said_no)
        if not tried:
            return Settled(self._entries(case, "pending", "", problem[1]), [kept])
        self._metrics.triggers[case.trigger.name].settled(OutcomeKind.RETRY)
        return Settled(self._entries(case, "pending", "", f"retry: {problem[1]}"), [kept])

    def _dead(self, case: Case, problem: tuple[str, str], target: str, tried: int = 1) -> Settled:
        context = case.context
        self.has_letters = True
        self._metrics.triggers[case.trigger.name].settled(OutcomeKind.REFUSED)
        log.error(
            "dead letter",
            sensor=self._sensor,
            trigger=case.trigger.name,
            event_id=context.event_ids,
            source=context.sources,
            reason=problem[0],
            detail=problem[1],
            letter=context.key,
        )
        kept = case.kept(self._sensor, RoundState.DEAD, 0.0, problem, target, tried, 0)
        return Settled(self._entries(case, "refused", "", problem[1]), [kept])

    def _entries(self, case: Case, outcome: str, target: str, detail: str) -> list[Entry]:
        name, sequence = case.trigger.name, case.context.sequence
        return [
            Entry(event.id, self._sensor, name, dependency, outcome, target, detail, sequence)
            for dependency, event in case.context.events.items()
        ]
