"""Append-only JSON lines that survive a kill: a record counts once its group was written and synced, and never earlier."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Iterator
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
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
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


def read(path: Path) -> Iterator[Record]:
    """The whole records of a journal; a line that a kill tore off at the end was promised to nobody."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                with contextlib.suppress(ValueError):
                    yield json.loads(line)
