"""Step 4 when the bus is away: a bus whose ``publish`` always keeps the event, on the bus or in the spool.

An event goes to the bus when the connection stands and the spool is empty; otherwise it goes to the spool, behind what is there. So the
spool itself is the breaker: one event that the bus did not take sends all that follow to the local disk, at the cost of one sync for all
that gather, while the forwarder tries the bus once a second. And events keep their order, at the price that the first ones after an outage
arrive when those before them have been forwarded. As long as events come in there is always one in the spool; therefore the last few steps
of catching up are waited for, for a moment, and then the bus is used again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from eventbus import subjects
from eventbus.api import NoStream
from eventbus.connection import Connection, open_connection
from eventbus.forwarder import Forwarder
from eventbus.interface import SPOOLED, Address, Stored
from eventbus.jetstream import JetStreamBus, outgoing
from eventbus.records import Record
from eventbus.rejects import Rejects
from eventbus.spool import DEFAULT_LIMIT, Spool, SpoolFailed, SpoolFull
from eventbus.stream import OURS, StreamSettings
from events.crashpoints import crash_at
from events.errors import Refused, Unavailable

if TYPE_CHECKING:
    from events.models.event import Event

__all__ = ["SpoolingBus", "connect"]

log = logging.getLogger(__name__)

_REQUEST_SECONDS = 2.0
_CONNECT_SECONDS = 1.0
_LOOK_SECONDS = 0.2
_STALL_LOOKS = 4
"""A bus that answered nothing in so many looks, though it was asked, hangs: after 0.6 to 0.8 s."""
_CATCH_UP_RECORDS = 256
_CATCH_UP_SECONDS = 0.25
_KEEP_SECONDS = 1.0
_FLUSH_SECONDS = 1.5
_FULL = "the bus is away and the spool is full"
_REFUSED_SECONDS = 5.0
"""After a delivery could not be kept nothing is ready for so long, or until one is: a process that stays unready gets none to try it with."""


class SpoolingBus(JetStreamBus):
    """See ``eventbus.interface.Bus``; made by ``connect``."""

    def __init__(self, connection: Connection, settings: StreamSettings, timeout: float, spool: Spool) -> None:
        super().__init__(connection, settings, timeout)
        self.spool = spool
        self.rejects = Rejects(spool.root, spool.disk)
        self.forwarder = Forwarder(spool, self.rejects, self._forward, self._wait_up)
        self._released = asyncio.Event()
        self._released.set()
        self._refused: tuple[float, str] | None = None
        """When a delivery could be kept neither here nor there, and why; None once another could."""
        self._silent_at = -1
        """How many answers had come when the bus was last found to hang: until there is another it still does."""

    def hold(self) -> None:
        """Keep all events in the spool until ``release``: on the bus nobody would read them yet."""
        self._released.clear()

    def release(self) -> None:
        """Bring them to the bus."""
        self._released.set()

    async def _wait_up(self) -> None:
        await self._released.wait()
        await self._connection.wait_up()

    async def publish(self, event: Event, *, delivery_id: str = "", subject: str = "") -> Stored:
        """Keep an event: ``spooled`` says where. Raises SpecError, Refused for one that is too large, SpoolFull and SpoolFailed."""
        spool = self.spool
        subject, headers, data = outgoing(event, delivery_id, subject)
        if spool.records and self.forwarder.is_flowing and spool.records <= _CATCH_UP_RECORDS:
            await self._catch_up()
        if not spool.records and self._connection.is_up and self._released.is_set():
            crash_at("publish.before", data)
            try:
                stored = await self._api.store(self._settings.name, subject, data, headers)
            except Unavailable as error:
                log.debug("the event goes to the spool: %s", error)
            else:
                crash_at("publish.after", data)
                self._refused = None
                return Stored(*stored)
        else:
            self._api.check_size(data, headers)
        crash_at("spool.before", data)
        try:
            await spool.append(Record(time.time_ns(), subject, headers, data))
        except (SpoolFull, SpoolFailed) as error:
            self._refused = (time.monotonic(), _FULL if isinstance(error, SpoolFull) else str(error))
            raise
        self._refused = None
        return SPOOLED

    def unready(self) -> str:
        """Why deliveries would be refused now; empty when they can be kept, here or there."""
        if self._refused is not None and time.monotonic() - self._refused[0] < _REFUSED_SECONDS:
            return self._refused[1]
        if self.is_up and self.spool.is_empty:
            return ""
        if self.spool.is_full:
            return _FULL
        return self.spool.problem

    def warning(self) -> str:
        """What keeps events from the bus, whether or not they can be kept here meanwhile; empty when nothing does."""
        waiting = f"{self.spool.records} event{'s wait' if self.spool.records != 1 else ' waits'} in the spool"
        if not self.is_up:
            return f"the bus is away; {waiting}"
        if self.spool.is_empty:
            return ""
        return f"the bus gives no answer; {waiting}" if self._connection.replies == self._silent_at else waiting

    async def flush(self, seconds: float) -> None:
        """Wait a moment for the spool to become empty, if the bus is there."""
        if self.is_up:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.spool.wait_empty()

    async def _catch_up(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CATCH_UP_SECONDS):
                await self.spool.wait_empty()

    async def _forward(self, subject: str, headers: dict[str, str], data: bytes) -> None:
        try:
            await self._api.store(self._settings.name, subject, data, headers)
        except NoStream:
            await self._mend_stream(subject)
            await self._api.store(self._settings.name, subject, data, headers)
        self._refused = None

    async def _mend_stream(self, subject: str) -> None:
        """Make a stream that is missing. Raises Refused when there is one that is not meant to take this subject."""
        try:
            await self.ensure_stream()
            info = await self.stream_info()
        except Refused as error:  # it concerns all events, so they wait until somebody has repaired it
            raise Unavailable(f"there is no stream, and none can be made: {error}") from error
        taken = info["config"].get("subjects", []) if info is not None else [subject]
        if not any(subjects.matches(pattern, subject) for pattern in taken):
            raise Refused(f"the stream '{self._settings.name}' of the bus does not take {subject}")

    async def watch(self) -> None:
        """Notice a bus that is connected and answers nothing: who waits for it need not wait for the whole time limit."""
        connection = self._connection
        looks, seen = 0, ("", 0)
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = (connection.waiting, connection.replies)
            looks = looks + 1 if now == seen and now[0] and connection.is_up else 0
            seen = now
            if looks == _STALL_LOOKS - 1:
                self._silent_at = connection.replies
                log.warning("the bus hangs: it gives no answer")
                connection.give_up("the bus hangs")

    async def keep(self) -> None:
        """Look after the spool: what a process left that has ended meanwhile, and a disk that could not be written."""
        while True:
            await asyncio.sleep(_KEEP_SECONDS)
            try:
                await self.spool.adopt()
                if self.spool.problem:
                    await self.spool.check()
            except (OSError, SpoolFailed) as error:
                log.debug("the spool is not well: %s", error)
            except Exception:  # a bug; without this task nobody would look after the spool any more
                log.exception("looking after the spool failed")


@asynccontextmanager
async def connect(
    address: Address,
    *,
    name: str,
    folder: Path,
    limit: int = DEFAULT_LIMIT,
    stream: StreamSettings = OURS,
    forgiving: bool = False,
) -> AsyncIterator[SpoolingBus]:
    """A bus with a spool in ``folder``, until the end of the ``async with``. It need not be there yet.

    ``limit`` bounds the bytes of the spool. Raises Refused for wrong credentials unless ``forgiving``, SpoolFailed when the folder cannot
    be read.
    """
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(
            open_connection(
                address,
                name=name,
                request_timeout=_REQUEST_SECONDS,
                connect_timeout=_CONNECT_SECONDS,
                patient=True,
                forgiving=forgiving,
            )
        )
        spool = await stack.enter_async_context(Spool(folder, limit=limit))
        bus = SpoolingBus(connection, stream, _REQUEST_SECONDS, spool)
        stack.push_async_callback(bus.close)
        tasks = [asyncio.create_task(each()) for each in (bus.forwarder.run, bus.watch, bus.keep)]
        try:
            yield bus
            await bus.flush(_FLUSH_SECONDS)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
