"""What came of one posted event at its bindings: written down, and told to the poster. Shell.

First the ledger, then the results that are kept for redeliveries, then the announcement to whoever waits for an answer.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog

from eventbus import subjects
from eventbus.interface import Bus, Message, State
from eventbus.ledger import Entry, EventRecord, Ledger
from eventbus.rounds import KeptRound
from events import tracing
from events.backoff import full_jitter
from events.errors import EvaluationError, PointsmanError, Unavailable
from events.models.dispatching import BindingResult, Post, Results, results_topic
from events.models.event import Event
from events.models.values import value_text
from sensor.bindings import metrics, records
from sensor.bindings.attempts import Attempts
from sensor.bindings.dispatch import BindingWarning, Result
from sensor.bindings.notices import tell
from sensor.bindings.records import Key
from sensor.bindings.sources import BindingSource
from sensor.settled import Settled
from sensor.target import Tools

__all__ = ["Outcomes", "Surroundings"]

log = structlog.get_logger("bindings")

T = TypeVar("T")


Attempt = Callable[[Attempts, Result, Event], Awaitable[tuple[Result, str]]]
"""``Attempts.attempt``, or something around it."""


@dataclass
class Surroundings:
    """What all events share."""

    bindings: BindingSource
    bus: Bus
    ledger: Ledger
    tools: Tools
    instance_id: str
    notices: bool
    attempt: Attempt = field(default_factory=lambda: tracing.around_binding(Attempts.attempt))
    kept: State = field(init=False)
    counted: set[str] = field(default_factory=set)
    """Ids of units that the ledger knows."""


class Outcomes:
    """Of one event. ``before`` is the dead letter that it comes from now: of one binding, or of all."""

    def __init__(
        self, around: Surroundings, event: Event, post: Post, message: Message, before: KeptRound | None, mark: str
    ) -> None:
        self._around = around
        self._event = event
        self._post = post
        self._message = message
        self._before = before
        self._mark = mark
        self.results: dict[Key, BindingResult] = {}
        """What the poster is told; a binding that has none is still to be asked."""
        self._settled = Settled()
        self._warnings: list[BindingWarning] = []
        self._writing = asyncio.Lock()

    @property
    def _is_one(self) -> bool:
        """Whether only one binding is asked, again."""
        return self._before is not None and bool(self._before.trigger)

    # -- one binding -------------------------------------------------------------------------------------------------

    def take_down(self, result: Result, workflow: str = "", attempts: int = 0) -> None:
        """What one binding did; a failure is told."""
        key, error = (result.namespace, result.name), result.error
        word, target, detail = records.outcome(result, workflow)
        _log(word, result, self._event.id, target, detail)
        if error is not None and word == "refused":
            self.fail(key, error, attempts)
            return
        self.results[key] = BindingResult(*key, result.matched, workflow, error.message if error else "")
        self.came(key, word, target, detail)
        if error is not None:
            self._warnings.append(BindingWarning(*key, f"failed to dispatch event: {error.message}"))

    def fail(self, key: Key, error: PointsmanError, attempts: int) -> None:
        """A dead letter."""
        delivery_id = self._message.delivery_id
        kept = records.letter(self._event, key, delivery_id, error, attempts, self._before)
        log.error("dead letter", binding="/".join(key), event_id=self._event.id, reason=kept.reason, letter=kept.key)
        self.results[key] = BindingResult(*key, True, "", error.message)
        self.came(key, "refused", "", str(error))
        self._settled.kept.append(kept)
        self._warnings.append(BindingWarning(*key, f"failed to dispatch event: {error.message}"))

    def came(self, key: Key, word: str, target: str = "", detail: str = "") -> None:
        """Another word for what became of the event at a binding."""
        if word not in ("duplicate", "pending"):
            metrics.outcome(*key, word)
        self._settled.entries.append(self._entry(key, word, target, detail))

    def _entry(self, key: Key, word: str, target: str = "", detail: str = "") -> Entry:
        return records.entry(self._event.id, key, word, target, detail, self._message.sequence)

    async def _write(self, written: list[EventRecord], entries: list[Entry], **rounds: Any) -> None:
        """Into the ledger; what counts in a way that it does not know yet is made known before."""
        around = self._around
        new = {r.units.id: r.units for r in written if r.units is not None and r.units.id not in around.counted}
        if new:
            await self.patiently(lambda: around.ledger.count_by(list(new.values())))
            around.counted |= new.keys()
        marks = [(records.ALL, self._mark)] if self._mark else []
        await self.patiently(lambda: around.ledger.record(written, entries, settled=marks, **rounds))

    async def bury(self, error: PointsmanError) -> None:
        """A dead letter for all bindings: none was asked, or nobody dares to."""
        key = (self._post.namespace, "")
        kept = records.letter(self._event, key, self._message.delivery_id, error, 0, self._before)
        log.error(
            "dead letter",
            namespace=key[0],
            event_id=self._event.id,
            reason=kept.reason,
            detail=kept.detail,
            letter=kept.key,
        )
        self.results[key] = BindingResult(*key, error=error.message)
        await self._write(*records.buried(self._event, key[0], self._message, kept), kept=[kept])
        await self._tell_poster()

    # -- writing -----------------------------------------------------------------------------------------------------

    async def keep(self, under_way: Sequence[Key] = ()) -> None:
        """Write down what is new, then announce where the event stands. What is ``under_way`` and not settled yet is said to be so."""
        async with self._writing:
            settled, self._settled = self._settled, Settled()
            unsettled = [key for key in under_way if key not in self.results]
            entries = [
                *settled.entries,
                *(self._entry(key, "submitting", "", "no answer yet") for key in unsettled),
            ]
            keys = [] if self._is_one else [*self.results, *unsettled]
            gone: list[str] = []
            if self._before is not None and not unsettled and not any(r.pending for r in self.results.values()):
                gone.append(self._before.key)
                if not self._is_one:
                    key = (self._post.namespace, "")
                    asked = "its bindings were asked after all"
                    entries.append(records.entry(self._event.id, key, "filtered", "", asked))
            written = records.records(self._event, self._post.namespace, self._message, keys)
            await self._write(written, entries, kept=settled.kept, gone=gone)
            await self._tell_poster(unsettled)
            warnings, self._warnings = self._warnings, []
        if self._around.notices:
            for warning in warnings:
                assert self._around.tools.kube is not None
                await tell(self._around.tools.kube, warning, self._event.id)

    async def _tell_poster(self, unsettled: Sequence[Key] = ()) -> None:
        """Keep the results for redeliveries, and announce them."""
        shown = {**{key: BindingResult(*key, pending=True) for key in unsettled}, **self.results}
        results = Results(tuple(shown[key] for key in sorted(shown, key=lambda k: (k[1], k[0]))))
        await self.patiently(lambda: self._around.kept.put(subjects.key(self._event.id), results.to_json()))
        await self._announce(results)

    async def again(self, prior: Results) -> None:
        """An event that has settled before came once more."""
        keys = [(r.namespace, r.name) for r in prior.bindings if r.name]
        written = records.records(self._event, self._post.namespace, self._message, keys)
        await self._write(written, [self._entry(key, "duplicate") for key in keys])
        await self._announce(prior)

    async def prior(self) -> Results | None:
        """What was written down of this event before."""
        text = await self._around.kept.get(subjects.key(self._event.id))
        try:
            return None if text is None else Results.from_json(text)
        except EvaluationError as error:
            log.error("results cannot be read", event_id=self._event.id, error=str(error))
            return None

    async def _announce(self, results: Results) -> None:
        try:
            await self._around.bus.announce(results_topic(self._event.id), results.to_json())
        except Unavailable as error:
            log.warning("results not announced", event_id=self._event.id, error=str(error))

    async def patiently(self, step: Callable[[], Awaitable[T]]) -> T:
        """A step that only fails while something is away."""
        pauses = full_jitter(random.random, first=0.1, cap=10.0)
        while True:
            try:
                return await step()
            except Unavailable as error:
                pause = error.retry_after or next(pauses)
                log.warning(
                    "event will be tried again", event_id=self._event.id, error=str(error), seconds=round(pause, 2)
                )
                await asyncio.sleep(pause)


def _log(word: str, result: Result, event_id: str, target: str, detail: str) -> None:
    """One line of what a binding did."""
    binding, verdict = f"{result.namespace}/{result.name}", result.verdict
    if result.error is not None:
        log.error(
            "binding failed",
            binding=binding,
            event_id=event_id,
            selector=verdict.clause,
            seen=verdict.seen,
            error=detail,
        )
    elif word == "submitted":
        log.info("submitted", target=target, binding=binding, event_id=event_id)
    elif not result.matched:
        seen = value_text(verdict.seen)
        log.info(
            "filtered", binding=binding, event_id=event_id, clause=verdict.clause, reason=verdict.reason, seen=seen
        )
