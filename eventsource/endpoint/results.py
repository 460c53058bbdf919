"""What the bindings did with an event, on its way back to the poster: announced by the dispatcher, and kept for redeliveries. Shell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import structlog

from eventbus import subjects
from eventbus.interface import Bus, State
from events.errors import EvaluationError, Unavailable
from events.models.dispatching import RESULTS_TOPIC, Results

__all__ = ["ResultsDesk"]

log = structlog.get_logger("bindings")

_RETRY_SECONDS = 1.0


class ResultsDesk:
    """Hands results to those who wait for them; made by ``opened``."""

    def __init__(self) -> None:
        self._kept: State | None = None
        """None until the bus was there for the first time: then nothing is known of any event."""
        self._waiting: dict[str, list[asyncio.Queue[Results]]] = {}

    @classmethod
    @asynccontextmanager
    async def opened(cls, bus: Bus, max_age: float) -> AsyncIterator[ResultsDesk]:
        """Listen, as soon as the bus is there; results are kept for ``max_age`` seconds."""
        desk = cls()
        listening: asyncio.Task[None] | None = None
        try:
            await desk._listen(bus, max_age)
        except Unavailable:
            listening = asyncio.create_task(desk._listen_later(bus, max_age))
        try:
            yield desk
        finally:
            if listening is not None:
                listening.cancel()

    async def _listen(self, bus: Bus, max_age: float) -> None:
        kept = await bus.state(subjects.BINDING_RESULTS, max_age=max_age)
        await bus.listen(RESULTS_TOPIC, self._announced)
        self._kept = kept

    async def _listen_later(self, bus: Bus, max_age: float) -> None:
        while self._kept is None:
            await asyncio.sleep(_RETRY_SECONDS)
            try:
                await self._listen(bus, max_age)
            except Unavailable:
                continue
            except Exception:  # whatever it is, without this task no poster would ever be told anything
                log.exception("results cannot be listened for")

    def expect(self, event_id: str) -> Expected:
        """To be entered before the event is stored, so that no announcement is missed."""
        return Expected(self, event_id)

    async def kept(self, event_id: str) -> Results | None:
        """What is kept; None when there is nothing, or the bus is away."""
        if self._kept is None:
            return None
        try:
            text = await self._kept.get(subjects.key(event_id))
            return None if text is None else Results.from_json(text)
        except (Unavailable, EvaluationError) as error:
            log.warning("results cannot be read", event_id=event_id, error=str(error))
            return None

    def _announced(self, topic: str, data: bytes) -> None:
        queues = self._waiting.get(topic.rpartition(".")[2])
        if not queues:
            return
        try:
            results = Results.from_json(data)
        except EvaluationError as error:
            log.error("announced results cannot be read", topic=topic, error=str(error))
            return
        for queue in queues:
            queue.put_nowait(results)


class Expected:
    """The results of one event, while somebody waits for them."""

    def __init__(self, desk: ResultsDesk, event_id: str) -> None:
        self._desk = desk
        self._event_id = event_id
        self._queue: asyncio.Queue[Results] = asyncio.Queue()

    def __enter__(self) -> Self:
        self._desk._waiting.setdefault(self._event_id, []).append(self._queue)
        return self

    def __exit__(self, *exc: object) -> None:
        queues = self._desk._waiting[self._event_id]
        queues.remove(self._queue)
        if not queues:
            del self._desk._waiting[self._event_id]

    async def wait(self, deadline: float, *, look_first: bool) -> Results | None:
        """The results when all are there, else the latest at ``deadline`` (the loop's time); None when there are none yet.

        ``look_first``: the event was stored before, so its results may be kept already.
        """
        latest = await self._desk.kept(self._event_id) if look_first else None
        try:
            async with asyncio.timeout_at(deadline):
                while latest is None or not latest.done:
                    latest = await self._queue.get()
        except TimeoutError:
            if latest is None:
                latest = await self._desk.kept(self._event_id)
        return latest
