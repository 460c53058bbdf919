"""The bus of a pod: reached with the credentials that are mounted now, and its stream looked after by one of all pods. Shell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import structlog

from eventbus import jetstream, subjects
from eventbus.interface import Address
from eventbus.jetstream import JetStreamBus
from eventbus.keeper import StreamKeeper, open_keeper
from eventbus.lease import Lease, rested
from eventbus.stream import StreamSettings
from events.cli.incluster import BusFile
from events.cli.mounted import Mounts
from events.errors import Refused, SpecError, Unavailable

__all__ = ["PodBus", "either"]

log = structlog.get_logger("bus")

KEEPER = "keeper"
"""The lease of the one that looks after the stream."""
GONE_SECONDS = 30 * 24 * 3600.0
"""After so long without a pod a sensor's unread events are kept no longer than what others have read."""
_LOOK_SECONDS = 3600.0


class PodBus:
    """``connect`` to it as often as needed: all connections follow the mounted secrets. ``changed`` is set when those have changed."""

    def __init__(self, where: BusFile, stream: StreamSettings, mounts: Mounts, namespace: str) -> None:
        self.name = where.name
        self.changed = asyncio.Event()
        self._where = where
        self._stream = stream
        self._mounts = mounts
        self._namespace = namespace
        self._open: list[JetStreamBus] = []
        self._keeper: StreamKeeper | None = None
        self._gone: set[str] = set()
        mounts.listen(self._take_up)

    def address(self) -> Address:
        """Where it is reached, and how. Raises SpecError when the secrets do not say it."""
        return self._where.address(self._namespace, self._mounts.vault)

    @asynccontextmanager
    async def connect(self, name: str, *, forgiving: bool = False) -> AsyncIterator[JetStreamBus]:
        """A connection, see ``eventbus.jetstream.connect``."""
        async with jetstream.connect(self.address(), name=name, stream=self._stream, forgiving=forgiving) as bus:
            self._open.append(bus)
            try:
                yield bus
            finally:
                self._open.remove(bus)

    @property
    def is_up(self) -> bool:
        """Whether all connections stand."""
        return all(bus.is_up for bus in self._open)

    def troubles(self) -> list[str]:
        """What somebody should know of it, as far as we look after it."""
        keeper = self._keeper
        if keeper is None:
            return []
        return [
            *([keeper.alarm] if keeper.alarm else []),
            *(f"EventBus {self.name} can lose events: {risk}" for risk in keeper.risks),
        ]

    async def look_after(self, control: JetStreamBus, owner: str, retention: float) -> None:
        """Look after the stream, if no other pod does: read events of a bus of ours go after ``retention`` seconds. Until cancelled."""
        while True:
            self.changed.clear()
            try:
                lease = Lease(control, KEEPER, owner, patient=True, unique=True)
                async with lease, self._open_keeper(retention) as self._keeper:
                    await either(self.changed.wait(), lease.lost(), self._look_for_gone(control))
            except SpecError as error:
                log.warning("the EventBus is not looked after", error=str(error))
                await self.changed.wait()
            finally:
                self._keeper = None

    def _open_keeper(self, retention: float) -> AbstractAsyncContextManager[StreamKeeper]:
        return open_keeper(
            self.address(), self.name, self._stream, retention=retention, own=self._where.ours, gone=lambda: self._gone
        )

    async def _look_for_gone(self, control: JetStreamBus) -> None:
        """A sensor has a lease of the name of its consumer; one that nobody has held for long has no pods any more."""
        while True:
            try:
                self._gone = await rested(control.api, GONE_SECONDS, subjects.DURABLES)
            except (Unavailable, Refused) as error:
                log.info("it is not known which sensors are gone", error=str(error))
            await asyncio.sleep(_LOOK_SECONDS)

    async def _take_up(self) -> None:
        """The mounted secrets have changed: those of the bus may be among them."""
        self.changed.set()
        try:
            address = self.address()
        except SpecError as error:
            log.error("the bus's credentials cannot be used", error=str(error))
            return
        for bus in self._open:
            await bus.move(address)


async def either(*works: Coroutine[Any, Any, object]) -> None:
    """Until one of them is over, however."""
    tasks = [asyncio.create_task(one) for one in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
