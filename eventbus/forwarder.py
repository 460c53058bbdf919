"""Brings what was spooled to the bus, in order, under the ids that the messages had at the start.

Records are sent in batches, all of a batch at once over one connection, which keeps their order. When one is not taken, it and all after
it are sent again: what the bus has already it recognises by its id. After a failure a single record is sent, at most one each second,
until the bus takes it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from eventbus.rejects import Rejects
from eventbus.segments import Batch
from eventbus.spool import Spool
from events.crashpoints import crash_at
from events.errors import Refused, SpecError, Unavailable

__all__ = ["PROBE_SECONDS", "Forwarder"]

log = logging.getLogger(__name__)

PROBE_SECONDS = 1.0
_BATCH = 256

Send = Callable[[str, dict[str, str], bytes], Awaitable[object]]
"""``(subject, headers, data)`` to the bus. Raises Unavailable, and Refused or SpecError for what will never be taken."""


class Forwarder:
    """``run`` forwards until it is cancelled; ``wait_up`` returns when the bus can be tried."""

    def __init__(self, spool: Spool, rejects: Rejects, send: Send, wait_up: Callable[[], Awaitable[None]]) -> None:
        self.forwarded = 0
        """Records that the bus has taken since the start."""
        self.is_flowing = False
        """Whether the bus took the last one, and more are to come."""
        self._spool = spool
        self._rejects = rejects
        self._send = send
        self._wait_up = wait_up
        self._told = False

    async def run(self) -> None:
        """Forward for ever."""
        while True:
            await self._spool.wait()
            await self._wait_up()
            try:
                batch = await self._spool.read(_BATCH if self.is_flowing else 1)
                failure = await self._forward(batch) if batch is not None else None
            except OSError as error:
                failure = error
            except Exception as error:  # a bug; without this task nothing would be forwarded any more
                log.exception("forwarding failed")
                failure = error
            self.is_flowing = failure is None and not self._spool.is_empty
            if failure is not None:
                if not self._told:
                    log.warning("spooled events cannot be forwarded now: %s", failure)
                self._told = True
                await asyncio.sleep(PROBE_SECONDS)
            elif self._told and self._spool.is_empty:
                log.info("the bus has all events that were spooled")
                self._told = False

    async def _forward(self, batch: Batch) -> BaseException | None:
        """Send a batch; what came of it up to the first failure, which is returned, counts."""
        crash_at("forward.before")
        sending = (self._send(record.subject, record.headers, record.data) for record in batch.records)
        results = await asyncio.gather(*sending, return_exceptions=True)
        crash_at("forward.sent")
        done = 0
        failure: BaseException | None = None
        for record, result in zip(batch.records, results, strict=True):
            if isinstance(result, (Refused, SpecError)):
                try:
                    await asyncio.to_thread(self._rejects.keep, record, result)
                except OSError as error:
                    failure = error
                    break
            elif isinstance(result, BaseException):
                if not isinstance(result, Unavailable):
                    log.error("a spooled event could not be sent", exc_info=result)
                failure = result
                break
            else:
                self.forwarded += 1
            done += 1
        if done:
            await self._spool.done(batch, done)
            crash_at("forward.done")
        return failure
