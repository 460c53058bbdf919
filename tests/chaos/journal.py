"""Append-only JSON lines that survive a kill: a record counts once its group was written and synced, and never earlier."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

Record = dict[str, Any]

GATHER_SECONDS = 0.002


class Journal:
    """``async with Journal(path) as journal: await journal.append(what="created", …)``; each record gets its time ``t`` (ns)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: list[tuple[bytes, asyncio.Future[None]]] = []
        self._some = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._descriptor = -1

    async def __aenter__(self) -> Self:
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        end = os.lseek(self._descriptor, 0, os.SEEK_END)
        if end and os.pread(self._descriptor, 1, end - 1) != b"\n":  # a kill tore the last line off
            os.write(self._descriptor, b"\n")
        self._writer = asyncio.create_task(self._write())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._lines:
            await asyncio.sleep(GATHER_SECONDS)
        assert self._writer is not None
        self._writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._writer
        os.close(self._descriptor)

    def append(self, **record: Any) -> asyncio.Future[None]:
        """The record is on disk when the future is done."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line = json.dumps({"t": time.time_ns(), **record}).encode() + b"\n"
        self._lines.append((line, done))
        self._some.set()
        return done

    async def _write(self) -> None:
        while True:
            await self._some.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._some.clear()
            group = self._lines[:]
            await asyncio.to_thread(self._sync, b"".join(line for line, _ in group))
            del self._lines[: len(group)]
            for _, done in group:
                if not done.done():
                    done.set_result(None)

    def _sync(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]
        os.fsync(self._descriptor)


class Tail:
    """The whole records of a journal that grows; a line that a kill tore off at the end was promised to nobody."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._records: list[Record] = []

    def records(self) -> list[Record]:
        """All that is there by now; only what is new is read."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._offset)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._offset += len(line)
                    with contextlib.suppress(ValueError):
                        self._records.append(json.loads(line))
        return self._records


def read(path: Path) -> list[Record]:
    """The records of a journal."""
    return Tail(path).records()
