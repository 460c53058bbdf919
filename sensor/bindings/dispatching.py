"""One posted event and its bindings: decide, submit, try again. Shell; what came of it is in ``outcomes``.

Each binding stands alone: one that fails, or waits for the API server to come back, holds back no other, and none is run twice. What
settled is written down before it is told, and the event is acknowledged when every binding has settled. So what waits lies on the bus,
where any process of ours finds it; what fails for good is a dead letter.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from eventbus.interface import Message
from eventbus.rounds import KeptRound
from events.backoff import full_jitter
from events.errors import PointsmanError, Refused, Unavailable
from events.models.dispatching import BindingResult, Grants, Post
from events.models.event import Event
from sensor import settling
from sensor.bindings.attempts import Attempts
from sensor.bindings.compiled import CompiledBinding
from sensor.bindings.dispatch import Result, decide
from sensor.bindings.environment import Environment
from sensor.bindings.outcomes import Outcomes, Surroundings
from sensor.bindings.records import Key
from sensor.bindings.submission import Claims
from sensor.breaker import Busy
from sensor.submitting import GIVE_UP_AFTER, MAX_PAUSE

__all__ = ["Dispatching"]

log = structlog.get_logger("bindings")


@dataclass(slots=True)
class _Waiting:
    """A match whose Workflow could not be created yet."""

    result: Result
    error: Unavailable
    attempts: int = 0


class Dispatching:
    """One event. ``before`` is the dead letter that this is for: of one binding, which alone is asked again, or of all. ``mark`` is
    forgotten with what is written first.
    """

    def __init__(
        self,
        around: Surroundings,
        event: Event,
        post: Post,
        message: Message,
        *,
        before: KeptRound | None = None,
        mark: str = "",
    ) -> None:
        self._around = around
        self._event = event
        self._post = post
        self._message = message
        self._is_retry = before is not None
        self._only: Key | None = None
        if before is not None and before.trigger:
            self._only = (before.sensor.partition("/")[0], before.trigger)
        self._attempts = Attempts(around.tools, around.instance_id, Claims.of(post.claims), post.grants or Grants())
        self._environment = Environment.of(event, post, message.delivery_id)
        self._outcomes = Outcomes(around, event, post, message, before, mark)
        self._began = time.time()

    async def run(self) -> None:
        """Until every binding has settled and that is written down."""
        prior = await self._outcomes.patiently(self._outcomes.prior)
        if prior is not None and prior.done and not self._is_retry:
            await self._outcomes.again(prior)
            return
        known = {} if prior is None else {(r.namespace, r.name): r for r in prior.bindings if r.name}
        try:
            bindings = await self._outcomes.patiently(lambda: self._around.bindings.of(self._post.namespace))
        except Refused as error:
            await self.bury(PointsmanError(f"the bindings cannot be read: {error}", reason="BindingsUnreadable"))
            return
        async with asyncio.TaskGroup() as tasks:
            asked = self._asked(list(bindings), known)
            late = asyncio.get_running_loop().call_later(
                settling.SLOW, lambda: tasks.create_task(self._outcomes.keep([(b.namespace, b.name) for b in asked]))
            )
            waiting = await self._first_round(asked, known)
            late.cancel()
            await self._outcomes.keep()
            for one in waiting:
                tasks.create_task(self._retried(one))

    async def bury(self, error: PointsmanError) -> None:
        """A dead letter for all bindings: none was asked, or nobody dares to."""
        await self._outcomes.bury(error)

    def _asked(self, bindings: list[CompiledBinding], known: Mapping[Key, BindingResult]) -> list[CompiledBinding]:
        """Those that the poster could see; of an event that was begun before those of that time; of a dead letter its own."""
        if self._only is not None:
            return [b for b in bindings if (b.namespace, b.name) == self._only]
        if known:
            return [b for b in bindings if (b.namespace, b.name) in known]
        if self._post.grants is None:
            return bindings
        seen = set(self._post.grants.bindings)
        return [b for b in bindings if f"{b.namespace}/{b.name}" in seen]

    async def _first_round(self, bindings: list[CompiledBinding], known: Mapping[Key, BindingResult]) -> list[_Waiting]:
        """Try each binding once, in order; returns those that are to be tried again."""
        outcomes = self._outcomes
        open_ones = {key for key, result in known.items() if result.pending} if self._only is None else {self._only}
        for key, told in known.items():
            if key not in open_ones:
                outcomes.results[key] = told
                if self._only is None:
                    outcomes.came(key, "duplicate")
        waiting = []
        for result in decide(bindings, self._environment):
            key = (result.namespace, result.name)
            if key in outcomes.results:
                continue
            if result.wants is None:
                outcomes.take_down(result)
                continue
            one = _Waiting(result, Unavailable(""))
            if not await self._try(one):
                outcomes.results[key] = BindingResult(*key, pending=True)
                outcomes.came(key, "pending", "", f"retry: {one.error}")
                waiting.append(one)
        for key in open_ones - outcomes.results.keys():
            outcomes.fail(key, PointsmanError("there is no such binding any more", reason="NoSuchBinding"), attempts=0)
        return waiting

    async def _try(self, one: _Waiting) -> bool:
        """One attempt; False when it is to be tried again."""
        try:
            done, workflow = await self._around.attempt(self._attempts, one.result, self._event)
        except Unavailable as error:
            one.error = error
            one.attempts += 0 if isinstance(error, Busy) else 1
            return False
        self._outcomes.take_down(done, workflow, one.attempts + 1)
        return True

    async def _retried(self, one: _Waiting) -> None:
        """Attempts with growing pauses, until it is settled and written down."""
        pauses = full_jitter(random.random, cap=MAX_PAUSE)
        since = self._message.timestamp / 1e9 or self._began
        while True:
            pause = one.error.retry_after or next(pauses)
            log.warning(
                "binding will be retried",
                binding=f"{one.result.namespace}/{one.result.name}",
                event_id=self._event.id,
                error=str(one.error),
                seconds=round(pause, 2),
            )
            await asyncio.sleep(pause)
            if await self._try(one):
                break
            if time.time() - since > GIVE_UP_AFTER:
                given_up = PointsmanError(f"given up after 24 h: {one.error}", reason="GaveUp")
                self._outcomes.take_down(one.result._replace(error=given_up), "", one.attempts)
                break
        await self._outcomes.keep()
