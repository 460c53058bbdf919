"""The spool: messages that the bus could not take yet, on the local disk, in order.

``append`` is durable when its future is done: one sync for all that has gathered. Whoever forwards reads from the front and says how many
are ``done``; a segment (16 MiB) is removed when all of it is. Everything here runs in the event loop, and what blocks in a thread.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from collections import deque
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from eventbus.disk import Disk
from eventbus.journal import Appended, Journal
from eventbus.records import Record, encode
from eventbus.segments import Batch, Folders, Segment
from events.errors import Unavailable

__all__ = ["DEFAULT_LIMIT", "Spool", "SpoolFailed", "SpoolFull"]

log = logging.getLogger(__name__)

DEFAULT_LIMIT = 1 << 30
"""Bytes of a spool."""

_SEGMENT_SIZE = 16 << 20
_READ_BYTES = 2 << 20
_ROOM = bytes(1 << 20)
"""When the disk takes this, the spool counts as writable again."""
_RETRY_AFTER = 10
"""Seconds after which a sender may try again when nothing can be kept."""


class SpoolFull(Unavailable):
    """The bus is away, and the spool holds as much as it may."""

    reason = "SpoolFull"


class SpoolFailed(Unavailable):
    """The bus is away, and the disk does not take anything."""

    reason = "SpoolFailed"


class Spool:
    """Use it as ``async with``: entering adopts what ended processes left in the folder ``root``. Raises SpoolFailed when it cannot be read.

    ``limit`` bounds the bytes of the files.
    """

    def __init__(self, root: Path, *, limit: int = DEFAULT_LIMIT, disk: Disk | None = None) -> None:
        self.root = root
        self.limit = limit
        self.records = 0
        """How many are not forwarded."""
        self.bytes = 0
        """How many bytes these are."""
        self.appended = 0
        """Records that were accepted since the start."""
        self.failed = 0
        """Records that the disk did not take since the start."""
        self.problem = ""
        """Why the last append failed; empty when it succeeded."""
        self.disk = disk or Disk()
        self._used = 0
        self._folders = Folders(root, self.disk)
        self._segments: deque[Segment] = deque()
        self._oldest = 0
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._none.set()
        self._stack = AsyncExitStack()
        self._journal: Journal | None = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.callback(self._folders.close)
            try:
                await self.adopt()
            except OSError as error:
                raise SpoolFailed(f"the spool {self.root} cannot be read: {error}") from error
            segment_size = min(_SEGMENT_SIZE, self.limit // 4)
            self._journal = await stack.enter_async_context(
                Journal(self._folders, self.disk, segment_size, self._appended)
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    @property
    def is_empty(self) -> bool:
        """Whether all records were forwarded; one that is just being written counts as not forwarded."""
        return self.records == 0

    @property
    def is_full(self) -> bool:
        """Whether less than a tenth of the limit is left."""
        return self._used > self.limit * 0.9

    @property
    def oldest(self) -> float:
        """Seconds since the first record that is not forwarded was accepted; 0 when there is none."""
        return max(0.0, (time.time_ns() - self._oldest) / 1e9) if self.records else 0.0

    @property
    def damaged_bytes(self) -> int:
        """Bytes that were found damaged and set aside, since the start."""
        return self._folders.damaged_bytes

    def append(self, record: Record) -> asyncio.Future[None]:
        """Keep a record; it is on the disk when the future is done, which may raise SpoolFailed. Raises SpoolFull at once."""
        assert self._journal is not None, "use it as a context manager"
        frame = encode(record)
        size = len(frame)
        if self._used + size > self.limit:
            raise SpoolFull(f"the spool holds {self._used} bytes, of {self.limit}", retry_after=_RETRY_AFTER)
        if self.records == 0:
            self._oldest = record.accepted
            self._none.clear()
        self.records += 1
        self.bytes += size
        self._used += size
        return self._journal.append(frame)

    async def check(self) -> None:
        """Find out whether the disk can be written again. Raises SpoolFailed."""
        assert self._journal is not None
        try:
            await asyncio.to_thread(self._try)
        except OSError as error:
            raise SpoolFailed(f"the spool cannot be written: {error}", retry_after=_RETRY_AFTER) from error
        await self._journal.append(b"")

    def _try(self) -> None:
        self.disk.make_folder(self.root)  # the disk may have refused that, too
        self.disk.take(self.root, _ROOM)

    async def adopt(self) -> None:
        """Take over what ended processes left; it comes before all that we have. Raises OSError."""
        found = await asyncio.to_thread(self._folders.adopt)
        for segment in reversed(found):
            self._segments.appendleft(segment)
            self.records += segment.records
            self.bytes += segment.bytes_left
            self._used += segment.size
        if found:
            log.warning(
                "%d events that an earlier process left in %s will be forwarded",
                sum(segment.records for segment in found),
                self.root,
            )
            self._oldest = int(found[0].path.stem)  # until it is read
            self._none.clear()
            self._some.set()

    async def wait(self) -> None:
        """Wait until there is something to forward."""
        await self._some.wait()

    async def wait_empty(self) -> None:
        """Wait until everything was forwarded."""
        await self._none.wait()

    async def read(self, most: int) -> Batch | None:
        """The next records, up to ``most`` of them, which stay until they are ``done``; None when there are none. Raises OSError."""
        while self._segments:
            segment = self._segments[0]
            if segment.is_done:
                if not segment.sealed:
                    break
                await self._remove(segment)
                continue
            batch = await asyncio.to_thread(_read, segment, most)
            if batch.records:
                self._oldest = batch.records[0].accepted
                return batch
            await self._cut(segment)
        self._some.clear()
        return None

    async def done(self, batch: Batch, count: int) -> None:
        """The first ``count`` records of a batch need not be kept any longer."""
        segment, end = batch.segment, batch.ends[count - 1]
        self.bytes -= end - segment.position
        self.records -= count
        segment.records -= count
        segment.position = end
        if segment.is_done and not segment.sealed and self.records == 0:
            assert self._journal is not None
            await self._journal.seal()  # nothing is left, so nothing shall lie around
        if segment.is_done and segment.sealed:
            await self._remove(segment)
        else:
            try:
                await asyncio.to_thread(segment.write_position)
            except OSError as error:  # at worst they are forwarded again by the next process
                log.warning("how far %s was forwarded cannot be kept: %s", segment.path, error)
        self._settle()

    async def _remove(self, segment: Segment) -> None:
        try:
            await asyncio.to_thread(self._folders.remove, segment)
        except OSError as error:
            log.warning("%s was forwarded and cannot be removed: %s", segment.path, error)
        self._segments.remove(segment)
        self._used -= segment.size

    async def _cut(self, segment: Segment) -> None:
        """What was intact when it was written is not any more: the disk is bad. The rest of the segment is set aside."""
        start, end, records, size = segment.position, segment.size, segment.records, segment.bytes_left
        if not segment.sealed:
            assert self._journal is not None
            await self._journal.seal()
            end, records, size = segment.size, segment.records, segment.bytes_left
        log.error("%s is damaged at byte %d: %d events cannot be forwarded", segment.path, start, records)
        segment.kept = not await asyncio.to_thread(self._folders.set_aside, segment.path, start, end)
        segment.position, segment.records = end, 0
        self.records -= records
        self.bytes -= size
        await self._remove(segment)
        self._settle()

    def _settle(self) -> None:
        if self.records == 0:
            self._none.set()

    def _appended(self, group: Appended) -> None:
        """A group of appends is done, or failed."""
        size = sum(map(len, group.frames))
        count = sum(1 for frame in group.frames if frame)
        if group.error is None:
            segment = self._writing(group.path)
            if segment is not None:
                segment.size += size
                segment.records += count
                segment.sealed = group.sealed
            self.appended += count
            if group.frames:
                self.problem = ""
            if count:
                self._some.set()
            _answer(group.futures, None)
            return
        self._writing(None)
        self.records -= count
        self.bytes -= size
        self._used -= size
        self.failed += count
        problem = f"the spool cannot be written: {group.error}"
        if problem != self.problem:  # each refused delivery is told anyhow
            log.error("%s; deliveries are answered with 503 until it can", problem)
        self.problem = problem
        self._settle()
        _answer(group.futures, SpoolFailed(self.problem, retry_after=_RETRY_AFTER))

    def _writing(self, path: Path | None) -> Segment | None:
        """The segment of this path, which is the last one; what came before is sealed."""
        last = self._segments[-1] if self._segments else None
        if last is not None and last.path == path:
            return last
        if last is not None:
            last.sealed = True
        if path is None:
            return None
        segment = Segment(path, sealed=False)
        self._segments.append(segment)
        return segment


def _read(segment: Segment, most: int) -> Batch:
    """The next records of a segment; none when the disk has lost them. Raises OSError for what may pass."""
    try:
        return segment.read(most, _READ_BYTES)
    except OSError as error:
        if error.errno in (errno.EIO, errno.ENOENT):
            return Batch(segment, [], [])
        raise


def _answer(futures: list[asyncio.Future[None]], error: SpoolFailed | None) -> None:
    for future in futures:
        if future.done():  # its waiter was cancelled
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
