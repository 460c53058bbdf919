"""The hooks of the EventSource of a pod, looked after while it serves: of all its pods, the one with a lease on the bus does it. Shell.

With the bus away nobody has the lease, and hooks stay as they are. When the pod ends its hooks stay, too.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import structlog

from eventbus import subjects
from eventbus.interface import State
from eventbus.jetstream import JetStreamBus
from eventbus.lease import Lease
from events.cli.hook_fence import Fence, Turn
from events.errors import PointsmanError, Superseded
from events.models.eventsource import EventSource
from events.secrets import Vault
from eventsource.hooks.running import SPREAD, run_hooks
from eventsource.recent import Recents

__all__ = ["BusStore", "looking_after_hooks"]

log = structlog.get_logger("hooks")

BUCKET = "pointsman_hooks"
_PAUSE = 60.0

Report = Callable[[list[dict[str, Any]]], None]


class BusStore:
    """The KV bucket in which hooks are remembered, opened when the bus is there."""

    def __init__(self, bus: JetStreamBus) -> None:
        self._bus = bus
        self._state: State | None = None

    async def _opened(self) -> State:
        if self._state is None:
            self._state = await self._bus.state(BUCKET)
        return self._state

    async def get(self, key: str) -> bytes | None:
        """The value, or None. Raises Unavailable."""
        return await (await self._opened()).get(key)

    async def put(self, key: str, value: bytes) -> None:
        """Set the value. Raises Unavailable."""
        await (await self._opened()).put(key, value)


@contextlib.asynccontextmanager
async def looking_after_hooks(
    source: EventSource,
    namespace: str,
    vault: Vault,
    bus: JetStreamBus,
    *,
    owner: str,
    recents: Recents,
    report: Report,
    read: Callable[[], EventSource],
) -> AsyncIterator[None]:
    """For as long as this is entered. ``owner`` names the pod, ``read`` gives the EventSource as it is mounted now; see ``run_hooks``
    for the others.
    """
    name = source.metadata.name
    lease = Lease(bus, subjects.key("hooks", namespace, name), owner)
    store = BusStore(bus)
    turn, fence = Turn(lease), Fence(store, subjects.key("generation", namespace, name), source, read)
    work = run_hooks(
        [source],
        vault,
        store,
        namespace=namespace,
        lease=turn,
        report=report,
        has=recents.has,
        spread=SPREAD,
    )
    tasks = [asyncio.create_task(_guarded(one)) for one in (_hold(lease, turn, fence, report), work)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await lease.release()


async def _hold(lease: Lease, turn: Turn, fence: Fence, report: Report) -> None:
    """Have the lease, or wait for it; a bus that does not let us have it is told, and asked again."""
    while True:
        try:
            await lease.acquire()
            turn.passed = await fence.passes()
            if turn.passed:
                await lease.keep()
            log.info("a pod of a later generation looks after the hooks")
        except Superseded as error:
            log.info("another pod looks after the hooks", error=str(error))
            continue
        except PointsmanError as error:
            text = f"the bus lets nobody have the lease: {error}"
            log.warning("hooks are not looked after", error=text)
            report([{"event": "", "target": "", "url": "", "state": "failing", "message": text}])
        finally:
            turn.passed = False
        with contextlib.suppress(PointsmanError):  # then it expires
            await lease.release()
        await asyncio.sleep(_PAUSE)


async def _guarded(work: Any) -> None:
    """Deliveries are taken, whatever becomes of the hooks."""
    try:
        await work
    except Exception:
        log.exception("hooks are not looked after any more")
