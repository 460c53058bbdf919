"""Step 1, receive: what a sender still sends after its delivery was refused.

Who sends a whole body before reading the answer would lose the answer if the connection were closed under it, so the rest is read and
thrown away for a while (nginx: ``lingering_close``). Reading costs as much as receiving: all refused bodies share one pace, so that a
flood of them does not take the processor from deliveries that are welcome.
"""

from __future__ import annotations

import asyncio

__all__ = ["Pace", "Rest"]

READ = 256 << 10
"""Bytes that one read brings at most (the buffer of uvloop and of asyncio)."""

RATE = 256 << 20
"""Bytes per second that are thrown away, for the whole process."""


class Pace:
    """Turns to read once, one after another; ``rate`` in bytes per second."""

    def __init__(self, rate: int = RATE) -> None:
        self._interval = READ / rate
        self._next = 0.0

    def turn(self, now: float, end: float) -> float | None:
        """When the next read may be (as ``now``, in seconds); None when that would be at ``end`` or later, and then nobody waits for it."""
        turn = max(now, self._next)
        if turn >= end:
            return None
        self._next = turn + self._interval
        return turn


class Rest:
    """What comes on one connection after its answer. ``came`` is called instead of parsing it."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._read = asyncio.Event()

    def came(self) -> None:
        """Something was read."""
        self._transport.pause_reading()
        self._read.set()

    async def throw_away(self, pace: Pace, seconds: float) -> None:
        """Until the sender closes, or for so long."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        transport = self._transport
        transport.pause_reading()
        while not transport.is_closing() and (turn := pace.turn(loop.time(), end)) is not None:
            await asyncio.sleep(turn - loop.time())
            if transport.is_closing():
                return
            self._read.clear()
            transport.resume_reading()
            try:
                async with asyncio.timeout_at(end):
                    await self._read.wait()
            except TimeoutError:
                return
        await asyncio.sleep(max(0.0, end - loop.time()))

    def closed(self) -> None:
        """The connection ended."""
        self._read.set()
