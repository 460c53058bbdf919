"""The writer of a spool: a thread that appends what has gathered to a segment, syncs once, and only then answers all of it.

An error of a write or a sync ends the segment: it is never written again. What was not confirmed by then goes into a new segment; if
that fails, too, it has failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from eventbus.disk import Disk
from eventbus.segments import Folders
from events.crashpoints import crash_at
from events.groupcommit import Gathering

__all__ = ["Appended", "Journal"]


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of a group: its frames are on the disk in ``path``, which is now ``size`` bytes long, or ``error`` says why not.

    ``sealed``: nothing more will be appended there.
    """

    path: Path | None
    size: int
    sealed: bool
    frames: list[bytes]
    futures: list[asyncio.Future[None]]
    error: OSError | None = None


_Item = tuple[bytes | None, asyncio.Future[None]]
"""A frame, or None to seal the segment; and what is done afterwards."""


class Journal:
    """Use it as ``async with``; ``answer`` is called in the event loop for each group, in order."""

    def __init__(self, folders: Folders, disk: Disk, segment_size: int, answer: Callable[[Appended], None]) -> None:
        self._folders = folders
        self._disk = disk
        self._segment_size = segment_size
        self._answer = answer
        self._loop = asyncio.get_running_loop()
        self._gathering: Gathering[_Item] = Gathering()
        self._thread = threading.Thread(target=self._run, name="spool")
        self._path: Path | None = None
        self._descriptor = -1
        self._size = 0

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        """What was put before is still written and answered."""
        self._gathering.end()
        await asyncio.to_thread(self._thread.join)

    def append(self, frame: bytes) -> asyncio.Future[None]:
        """Done when the frame is on the disk. An empty frame finds out whether the disk can be written."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._gathering.put((frame, future))
        return future

    def seal(self) -> asyncio.Future[None]:
        """End the present segment."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._gathering.put((None, future))
        return future

    def _run(self) -> None:
        for group in self._gathering:
            self._loop.call_soon_threadsafe(self._answer, self._commit(group))
        self._end()

    def _commit(self, group: list[_Item]) -> Appended:
        frames = [frame for frame, _ in group if frame is not None]
        futures = [future for _, future in group]
        seal = len(frames) < len(group)
        error: OSError | None = None
        for _ in range(2 if frames else 0):
            try:
                self._write(b"".join(frames))
            except OSError as failed:
                error = failed
                self._abandon()
            else:
                error = None
                break
        path, size = self._path, self._size
        if seal or size >= self._segment_size:
            self._end()
        return Appended(path, size, self._path is None, frames, futures, error)

    def _write(self, data: bytes) -> None:
        if self._path is None:
            self._path, self._descriptor = self._folders.create()
            self._size = 0
        self._disk.write(self._descriptor, data)
        crash_at("spool.written", data)
        self._disk.sync(self._descriptor)
        crash_at("spool.synced", data)
        self._size += len(data)

    def _abandon(self) -> None:
        """End a segment that failed. What it holds beyond the confirmed bytes was not promised to anybody: better if it is not there."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            if self._size == 0:
                with contextlib.suppress(OSError):
                    self._path.unlink()
        self._end()

    def _end(self) -> None:
        if self._path is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
        self._path, self._descriptor, self._size = None, -1, 0
