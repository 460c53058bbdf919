"""Posted events on their way to the bindings: consume, hand over, acknowledge what has settled. Shell.

An event that is retried (the API server is away) holds back no other; unsettled events come again after a restart.
"""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from eventbus import subjects
from eventbus.interface import Bus, Message
from eventbus.ledger import Ledger
from events.errors import EvaluationError, Unavailable
from events.models.dispatching import Post
from events.models.event import Event
from sensor.bindings.dispatching import Dispatching, Surroundings
from sensor.bindings.sources import BindingSource
from sensor.breaker import MAX_SUBMITTING
from sensor.runner import DRAIN
from sensor.settling import HEARTBEAT, MAX_UNSETTLED
from sensor.target import Tools

__all__ = ["BindingRunner"]

MAX_DELIVERIES = 5
RETRY_SECONDS = 5.0
"""An event that meets a fault of ours is tried so often, with such pauses."""

log = structlog.get_logger("bindings")


class BindingRunner:
    """Runs all bindings. ``start`` creates the consumer; ``run`` works until ``drain``.

    ``notices``: failures are told as Kubernetes Events. Results are kept for ``max_age`` seconds.
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
    ) -> None:
        self._bus = bus
        self._max_age = max_age
        self._surroundings = Surroundings(
            bindings, bus, ledger, tools, instance_id, notices, asyncio.Semaphore(MAX_SUBMITTING)
        )
        self._work: dict[asyncio.Task[None], Message] = {}

    async def start(self) -> None:
        """Create the durable consumer, so that no event posted from now on is missed."""
        self._surroundings.kept = await self._bus.state(subjects.BINDING_RESULTS, max_age=self._max_age)
        self._subscription = await self._bus.subscribe(subjects.BINDINGS, [subjects.BINDING_SUBJECTS])

    async def run(self) -> None:
        """Consume until ``drain`` is called."""
        async with asyncio.TaskGroup() as tasks:
            heart = tasks.create_task(self._heartbeat())
            async for batch in self._subscription.batches():
                for message in batch:
                    task = tasks.create_task(self._settle(message))
                    self._work[task] = message
                    task.add_done_callback(self._work.pop)
                while len(self._work) >= MAX_UNSETTLED:
                    await asyncio.wait(self._work, return_when=asyncio.FIRST_COMPLETED)
            if self._work:
                await asyncio.wait(self._work, timeout=DRAIN)
            heart.cancel()
            for task, message in list(self._work.items()):
                task.cancel()  # it waits for its next attempt: given back, so that another process takes it up at once
                with contextlib.suppress(Unavailable):
                    await message.nak()

    async def drain(self) -> None:
        """Pull no more; ``run`` returns when everything that is under way has settled or been given back to the bus."""
        await self._subscription.close()

    async def _settle(self, message: Message) -> None:
        try:
            event = Event.from_json(message.data)
            dispatching = Dispatching(self._surroundings, event, Post.from_json(event.data or b""), message)
        except EvaluationError as error:
            log.error("message is no posted event", sequence=message.sequence, error=str(error))
        else:
            try:
                await dispatching.run()
            except Exception:
                # A fault of ours must neither end the process nor come back for ever.
                log.exception("internal error", event_id=event.id, deliveries=message.deliveries)
                if message.deliveries < MAX_DELIVERIES:
                    with contextlib.suppress(Unavailable):
                        await message.nak(RETRY_SECONDS)
                    return
        with contextlib.suppress(Unavailable):  # then it comes again, and finds its results
            await message.ack()

    async def _heartbeat(self) -> None:
        """Tell the bus that what is held is being worked on."""
        while True:
            await asyncio.sleep(HEARTBEAT)
            for message in list(self._work.values()):
                with contextlib.suppress(Unavailable):
                    await message.in_progress()
