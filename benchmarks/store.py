"""The local store as a target: how many Workflows are on disk is asked every few milliseconds, from outside."""

from __future__ import annotations

import asyncio
import bisect
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson

from events.groupcommit import connect

__all__ = ["Store"]

_EVERY = 0.01
_DELIVERY = "pointsman/delivery-id"


class Store:
    """Workflows that were committed; the moment is that of the first look that saw them, up to 10 ms late."""

    def __init__(self, folder: Path) -> None:
        self._connection: sqlite3.Connection = connect(folder / "workflows.db", read_only=True)
        self._looks: list[tuple[int, int]] = [(0, 0)]

    @property
    def count(self) -> int:
        """Workflows that the last look saw."""
        return self._looks[-1][0]

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[Store]:
        """Look as long as this is entered."""
        watching = asyncio.create_task(self._watch())
        try:
            yield self
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            self._connection.close()

    async def _watch(self) -> None:
        while True:
            count = self._connection.execute("SELECT max(rowid) FROM workflow").fetchone()[0] or 0
            if count > self.count:
                self._looks.append((count, time.time_ns()))
            await asyncio.sleep(_EVERY)

    def deliveries(self) -> list[tuple[int, str]]:
        """When each Workflow was on disk, and its delivery id."""
        found = []
        for row, text in self._connection.execute("SELECT rowid, object FROM workflow"):
            look = bisect.bisect_left(self._looks, (row, 0))
            found.append((self._looks[look][1], orjson.loads(text)["metadata"]["annotations"][_DELIVERY]))
        return found
