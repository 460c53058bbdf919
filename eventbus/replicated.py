"""A ledger whose pod may be lost with its disk: each group commit is a record on the bus first (``ledgerlog``), and then in the local copy.

A write is answered when both have it. One record is on its way at a time, and what comes meanwhile goes into the next: the number of
writes follows the bus, as in ``events.groupcommit`` it follows the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

from eventbus import changes, ledgercopy
from eventbus.carryover import Dump, Marker
from eventbus.changes import Changes, Write
from eventbus.ledger import Ledger
from eventbus.ledgercopy import LedgerCopy
from eventbus.ledgerlog import LedgerLog
from events.errors import PointsmanError, Unavailable
from events.groupcommit import GroupCommit

__all__ = ["LogCommits", "ReplicatedLedger", "open_replicated"]

log = logging.getLogger(__name__)

HOUSEKEEPING = 3600.0
"""Seconds between two looks for what is too old."""
_TRIMMED_HOURS = 24
"""So many hours of the log must be too old before they are dropped, which takes a carry-over."""
_MARGIN = 2 * 24 * 3600.0
"""Seconds that the log is kept for longer than what its records wrote."""

_MAX_GROUP = 1_000
_GATHER_SECONDS = 0.002
_CLOSING_SECONDS = 5.0


class _Logged(NamedTuple):
    before: int
    sequence: int
    changes: Changes


class LogCommits:
    """See ``eventbus.ledger.Commits``. ``run`` writes until it is cancelled; it raises Superseded when another process has begun to write."""

    def __init__(self, ledger: LedgerLog, local: GroupCommit[_Logged, None], end: int) -> None:
        self._log = ledger
        self._local = local
        self._end = end
        self._waiting: list[tuple[Write, asyncio.Future[None]]] = []
        self._some = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._failed: PointsmanError | None = None
        self._loop = asyncio.get_running_loop()
        self.records = 0
        """Records that were written since the start."""

    def submit(self, item: Write) -> asyncio.Future[None]:
        """Queue a write; the future is done when it is on the bus and in the copy."""
        future: asyncio.Future[None] = self._loop.create_future()
        if self._failed is not None:
            future.set_exception(self._failed)
            return future
        self._waiting.append((item, future))
        self._idle.clear()
        self._some.set()
        return future

    async def run(self) -> None:
        """Write what is submitted."""
        company = False
        try:
            while True:
                await self._some.wait()
                if self._failed is not None:
                    raise self._failed
                if company:
                    await asyncio.sleep(_GATHER_SECONDS)
                group, self._waiting = self._waiting[:_MAX_GROUP], self._waiting[_MAX_GROUP:]
                if not self._waiting:
                    self._some.clear()
                company = len(group) > 1
                await self._write(group)
                if not self._waiting:
                    self._idle.set()
        except PointsmanError as error:
            self._failed = error
            raise
        finally:
            problem = self._failed or Unavailable("the ledger is closed")
            self._failed = problem
            waiting, self._waiting = self._waiting, []
            _answer([future for _, future in waiting], problem)
            self._idle.set()

    async def _write(self, group: Sequence[tuple[Write, asyncio.Future[None]]]) -> None:
        record = changes.changes_of([write for write, _ in group], time.time())
        futures = [future for _, future in group]
        try:
            before, self._end = self._end, await self._log.append(changes.encode(record), self._end)
        except PointsmanError as error:
            _answer(futures, error)
            raise
        except asyncio.CancelledError:
            _answer(futures, Unavailable("the ledger is closed"))
            raise
        self.records += 1
        self._local.submit(_Logged(before, self._end, record)).add_done_callback(partial(self._applied, futures))

    def _applied(self, futures: list[asyncio.Future[None]], done: asyncio.Future[None]) -> None:
        error = None if done.cancelled() else done.exception()
        if isinstance(error, PointsmanError) and self._failed is None:
            self._failed = error  # the copy has a gap from here on
            self._some.set()
        _answer(futures, error if isinstance(error, PointsmanError) else None)

    async def flush(self, seconds: float) -> None:
        """Wait until all is written, but no longer than this: the bus may be away."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()


class ReplicatedLedger(Ledger):
    """A ledger that this process writes. ``run`` must run beside; it raises Superseded when another process writes it now."""

    def __init__(self, copy: LedgerCopy, commits: LogCommits, retention: float) -> None:
        super().__init__(copy.path, commits)
        self._copy = copy
        self._writes = commits
        self._retention = retention

    async def run(self) -> None:
        """Write, and drop what is too old, until cancelled. Raises Superseded, Unavailable (the copy cannot be written)."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._writes.run())
            tasks.create_task(self._keep_house())

    async def obey(self, place: int, *, held: Sequence[tuple[str, bool]] = (), again: Sequence[str] = ()) -> None:
        """Carry out an order, and remember its place."""
        await self._writes.submit(Write(held=held, again=again, orders=place))

    async def flush(self) -> None:
        """Wait for what is under way, as long as that makes sense."""
        await self._writes.flush(_CLOSING_SECONDS)

    async def trim(self, now: float) -> int:
        """Forget what is too old; write a carry-over and drop the log before it when there is enough of that. Returns the messages dropped."""
        await self._writes.submit(Write(forget=int(now - self._retention)))
        path = self._copy.path
        hours, place = await asyncio.to_thread(ledgercopy.trail_before, path, now - self._retention - _MARGIN)
        if self._copy.orphaned:
            await self.carry_over()
            self._copy.orphaned = False
        if hours < _TRIMMED_HOURS:
            return 0
        marker = await self.carry_over()
        return await self._copy.log.purge(min(place or marker.upto, marker.upto, marker.after + 1))

    async def carry_over(self) -> Marker:
        """Write what must outlive the log."""
        ledger, id = self._copy.log, secrets.token_hex(8)
        rows = await asyncio.to_thread(Dump, self._copy.path, id)
        try:
            after, count = 0, 0
            while (data := await asyncio.to_thread(rows.next)) is not None:
                first, _ = await ledger.add(ledger.base, data)
                after, count = after or first - 1, count + 1
        finally:
            rows.close()
        marker = Marker(id, rows.upto, after, count, rows.orders)
        place, _ = await ledger.add(ledger.based, marker.to_json())
        return marker if count else marker._replace(after=place - 1)

    async def _keep_house(self) -> None:
        while True:
            try:
                await self.trim(time.time())
            except PointsmanError as error:
                log.warning("old records of the ledger are not dropped: %s", error)
            except sqlite3.Error:
                log.exception("old records of the ledger are not dropped")
            await asyncio.sleep(HOUSEKEEPING)


@asynccontextmanager
async def open_replicated(copy: LedgerCopy, owner: str, *, retention: float) -> AsyncIterator[ReplicatedLedger]:
    """Catch up, claim the log for ``owner``, and write it within this; let ``run`` run. ``retention`` in seconds."""
    end = await copy.claim(owner)
    try:
        async with GroupCommit[_Logged, None](copy.path, ledgercopy.SCHEMA, _apply) as local:
            ledger = ReplicatedLedger(copy, LogCommits(copy.log, local, end), retention)
            try:
                yield ledger
            finally:
                ledger.close()
    finally:
        copy.look()


def _apply(connection: sqlite3.Connection, logged: list[_Logged]) -> list[None]:
    for one in logged:
        [place] = connection.execute("SELECT sequence FROM replica").fetchone()
        if place != one.before:
            raise sqlite3.IntegrityError(f"record {one.before} is missing")
        ledgercopy.apply_record(connection, one.sequence, one.changes)
    return [None] * len(logged)


def _answer(futures: Sequence[asyncio.Future[None]], error: PointsmanError | None) -> None:
    for future in futures:
        if future.done():  # its waiter was cancelled
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(None)
