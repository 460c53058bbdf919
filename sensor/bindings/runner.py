"""Posted events on their way to the bindings: consume, hand over, acknowledge what has settled. Shell.

An event that is retried (the API server is away) holds back no other; unsettled events come again after a restart. Dead letters that
somebody wants to be retried take the same way.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from eventbus import subjects
from eventbus.interface import Bus, Message
from eventbus.ledger import Ledger
from eventbus.rounds import KeptRound
from events.errors import EvaluationError, PointsmanError, Unavailable
from events.models.dispatching import Post
from events.models.event import Event
from sensor import kept
from sensor.auditing import Auditing
from sensor.bindings.dispatching import Dispatching
from sensor.bindings.outcomes import Surroundings
from sensor.bindings.records import ALL
from sensor.bindings.sources import BindingSource
from sensor.parking import dead
from sensor.poison import POISONED, WATCHED, Letter, Marks
from sensor.runner import DRAIN, ORDERS
from sensor.settling import HEARTBEAT, MAX_UNSETTLED
from sensor.target import Tools

__all__ = ["BindingRunner"]

MAX_DELIVERIES = 5
RETRY_SECONDS = 5.0
"""An event that meets a fault of ours is tried so often, with such pauses."""

PAGE = 64
"""Dead letters that are looked up at once."""

log = structlog.get_logger("bindings")


@dataclass(slots=True, eq=False)
class _Posted:
    """A message at work; ``mark`` says under what it is marked in the ledger as a suspect."""

    message: Message
    mark: str = ""
    task: asyncio.Task[None] | None = None
    event_id: str = ""


class BindingRunner:
    """Runs all bindings. ``start`` creates the consumer; ``run`` works until ``drain``.

    ``notices``: failures are told as Kubernetes Events. Results are kept for ``max_age`` seconds. ``sole``: nobody else reads these
    events, so that the ledger must know each of them.
    """

    def __init__(
        self,
        bindings: BindingSource,
        bus: Bus,
        ledger: Ledger,
        tools: Tools,
        *,
        instance_id: str = "",
        notices: bool = False,
        max_age: float = 7 * 24 * 3600.0,
        sole: bool = True,
    ) -> None:
        self._bus = bus
        self._ledger = ledger
        self._max_age = max_age
        self._sole = sole
        self._surroundings = Surroundings(bindings, bus, ledger, tools, instance_id, notices)
        self._marks = Marks(ALL, ledger)
        self._at_work: set[_Posted] = set()
        self._settled = asyncio.Event()
        self._is_draining = False

    async def start(self) -> None:
        """Create the durable consumer, so that no event posted from now on is missed."""
        self._surroundings.kept = await self._bus.state(subjects.BINDING_RESULTS, max_age=self._max_age)
        self._subscription = await self._bus.subscribe(subjects.BINDINGS, [subjects.BINDING_SUBJECTS])

    async def run(self) -> None:
        """Consume until ``drain`` is called."""
        async with asyncio.TaskGroup() as tasks:
            audit = Auditing(
                ALL,
                lambda account: account.sensor.endswith(ALL),
                self._ledger,
                self._subscription if self._sole else None,
            )
            own = [tasks.create_task(job) for job in (self._heartbeat(), self._obey(tasks), audit.run())]
            async for batch in self._subscription.batches():
                for message in batch:
                    if message.deliveries <= 1:
                        self._begin(tasks, _Posted(message))
                await self._watch(tasks, [m for m in batch if m.deliveries > 1])
                while len(self._at_work) >= MAX_UNSETTLED and not self._is_draining:
                    await self._one_settled()
            left = [posted.task for posted in self._at_work if posted.task is not None]
            if left:
                await asyncio.wait(left, timeout=DRAIN)
            for task in own:
                task.cancel()
            for posted in list(self._at_work):
                assert posted.task is not None
                posted.task.cancel()  # it waits for its next attempt: given back, so that another process takes it up at once
                with contextlib.suppress(Unavailable):
                    await posted.message.nak()

    async def drain(self) -> None:
        """Pull no more; ``run`` returns when everything that is under way has settled or been given back to the bus."""
        self._is_draining = True
        self._settled.set()  # nobody waits for room
        await self._subscription.close()

    # -- messages ----------------------------------------------------------------------------------------------------

    def _begin(self, tasks: asyncio.TaskGroup, posted: _Posted) -> asyncio.Task[None]:
        posted.task = tasks.create_task(self._settle(posted))
        self._at_work.add(posted)
        posted.task.add_done_callback(partial(self._end, posted))
        return posted.task

    def _end(self, posted: _Posted, _: asyncio.Task[None]) -> None:
        self._at_work.discard(posted)
        self._settled.set()

    async def _one_settled(self) -> None:
        self._settled.clear()
        await self._settled.wait()

    async def _watch(self, tasks: asyncio.TaskGroup, messages: Sequence[Message]) -> None:
        """Messages that were under way when a process ended: few at a time, and marked, so that the one that ends it is found."""
        for group in self._marks.groups([_Posted(message, str(message.sequence)) for message in messages]):
            if group.poisonous:
                for posted in group.works:
                    await self._bury(posted, PointsmanError(POISONED, reason="Poison"))
                continue
            await self._ledger.begin(ALL, [posted.mark for posted in group.works])
            await asyncio.wait([self._begin(tasks, posted) for posted in group.works], timeout=WATCHED)
            await self._ledger.unmark(ALL, [posted.mark for posted in group.works if posted in self._at_work])

    async def _settle(self, posted: _Posted) -> None:
        message = posted.message
        try:
            event = message.event if isinstance(message, Letter) else Event.from_json(message.data)
            posted.event_id = event.id
            dispatching = self._dispatching(event, message, posted.mark)
        except EvaluationError as error:
            log.error("message is no posted event", sequence=message.sequence, error=str(error))
            await self._ledger.ignore(ALL, message.sequence)
        else:
            try:
                await dispatching.run()
            except Exception as error:
                # A fault of ours must neither end the process nor come back for ever.
                log.exception("internal error", event_id=event.id, deliveries=message.deliveries)
                await self._ledger.unmark(ALL, [posted.mark])  # it did not end the process
                if message.deliveries < MAX_DELIVERIES:
                    with contextlib.suppress(Unavailable):
                        await message.nak(RETRY_SECONDS)
                    return
                fault = PointsmanError(f"internal error: {type(error).__name__}: {error}", reason="InternalError")
                await self._bury(posted, fault)
        with contextlib.suppress(Unavailable):  # then it comes again, and finds its results
            await message.ack()

    async def _bury(self, posted: _Posted, error: PointsmanError) -> None:
        """A dead letter for all bindings of an event."""
        try:
            message = posted.message
            event = message.event if isinstance(message, Letter) else Event.from_json(message.data)
            await self._dispatching(event, message, posted.mark).bury(error)
        except EvaluationError as unreadable:
            log.error("message is no posted event", sequence=posted.message.sequence, error=str(unreadable))
        with contextlib.suppress(Unavailable):
            await posted.message.ack()

    async def _heartbeat(self) -> None:
        """Tell the bus that what is held is being worked on."""
        while True:
            await asyncio.sleep(HEARTBEAT)
            for posted in list(self._at_work):
                with contextlib.suppress(Unavailable):
                    await posted.message.in_progress()

    def _dispatching(self, event: Event, message: Message, mark: str) -> Dispatching:
        """Raises EvaluationError when it is no posted event."""
        post = Post.from_json(event.data or b"")
        before = message.round if isinstance(message, Letter) else None
        return Dispatching(self._surroundings, event, post, message, before=before, mark=mark)

    # -- dead letters ------------------------------------------------------------------------------------------------

    async def _obey(self, tasks: asyncio.TaskGroup) -> None:
        """Ask bindings again whose dead letters somebody wants to be retried."""
        while True:
            await asyncio.sleep(ORDERS)
            try:
                for one in self._ledger.ordered_rounds(ALL, PAGE):
                    # Two must not tell of one event at the same time; the other one's turn comes.
                    if all(posted.event_id != one.events for posted in self._at_work):
                        await self._retry(tasks, one)
            except Unavailable as error:
                log.error("orders cannot be carried out", error=str(error))

    async def _retry(self, tasks: asyncio.TaskGroup, one: KeptRound) -> None:
        try:
            events, deliveries = kept.read_round(one.matches)
            letter = Letter(one, events[""], deliveries[""])
        except (EvaluationError, KeyError) as error:
            log.error("kept event cannot be read", key=one.key, error=str(error))
            await self._ledger.record([], [], kept=[dead(one, "NotARound", str(error))])
            return
        if self._marks.is_poisonous(one.key):
            await self._ledger.record([], [], kept=[dead(one, "Poison", POISONED)], settled=[(ALL, one.key)])
            return
        if not one.trigger:
            letter.sequence = time.time_ns()  # so far it counted for no binding: now it counts as another message
        await self._ledger.begin(ALL, [one.key])
        self._begin(tasks, _Posted(letter, one.key, event_id=one.events))
