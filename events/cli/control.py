"""The control channel between ``up`` and its child processes: JSON lines over a socket pair.

The parent sends the configuration first; the child answers ``{"ready": true}`` or ``{"error": …}``. Later the parent asks
(``metrics``, ``unready``, ``drain``) and the child answers, in the order of the questions. When the channel ends the parent is gone, and the child ends at once.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import Any

import orjson

__all__ = ["OURS_TO_HEAR", "Channel"]

OURS_TO_HEAR = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that go to a whole process group: the parent hears them, and tells its children when to end."""

_MAX_LINE = 256 << 20


class Channel:
    """One end. Not for several askers at once: ``ask`` takes its turn."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._turn = asyncio.Lock()
        self._late = 0

    @classmethod
    async def over(cls, end: socket.socket) -> Channel:
        """Use one end of a socket pair."""
        return cls(*await asyncio.open_connection(sock=end, limit=_MAX_LINE))

    async def send(self, message: dict[str, Any]) -> None:
        """Write one line; raises ConnectionError when the other side is gone."""
        self._writer.write(orjson.dumps(message) + b"\n")
        await self._writer.drain()

    async def receive(self) -> dict[str, Any] | None:
        """The next line, or None when the other side is gone."""
        try:
            line = await self._reader.readline()
        except ConnectionError:
            return None
        if not line.endswith(b"\n"):
            return None
        message: dict[str, Any] = orjson.loads(line)
        return message

    async def ask(self, message: dict[str, Any], *, seconds: float = 5.0) -> dict[str, Any] | None:
        """Send and wait for the answer; None when the other side is gone, or gives none in time."""
        try:
            async with asyncio.timeout(seconds), self._turn:
                await self.send(message)
                self._late += 1
                while True:
                    answer = await self.receive()
                    self._late -= 1
                    if answer is None or self._late == 0:  # else it is one that somebody has waited for in vain
                        return answer
        except (ConnectionError, TimeoutError):
            return None

    def close(self) -> None:
        """Hang up."""
        self._writer.close()
