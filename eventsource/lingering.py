"""Step 1, receive: what a sender still sends after its delivery was refused.

Who sends a whole body before reading the answer would lose the answer if the connection were closed under it, so the rest is read and
thrown away for a while (nginx: ``lingering_close``). Reading costs as much as receiving: all refused bodies share one pace, so that a
flood of them does not take the processor from deliveries that are welcome.
"""

from __future__ import annotations

import asyncio
import contextlib

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
    """What comes on one connection after its answer. ``came`` is called instead of parsing it.

    ``left`` is how many bytes the body still has; None when that is not known.
    """

    def __init__(self, transport: asyncio.Transport, left: int | None = None) -> None:
        self._transport = transport
        self._left = left
        self._read = asyncio.Event()
        self._over = asyncio.Event()
        self.came(0)

    def came(self, size: int) -> None:
        """So many bytes were read."""
        self._transport.pause_reading()
        self._read.set()
        if self._left is not None:
            self._left -= size
            if self._left <= 0:
                self._over.set()

    async def throw_away(self, pace: Pace, seconds: float) -> None:
        """Until all has come or the connection ends, for so long at most. Who has not ended then is cut off."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not self._over.is_set() and (turn := pace.turn(loop.time(), end)) is not None:
            if await _happens(self._over, turn):
                return
            self._read.clear()
            self._transport.resume_reading()
            await _happens(self._read, end)
        if not await _happens(self._over, end):
            self._transport.abort()  # to close TLS politely is to read on, as fast as it comes

    def closed(self) -> None:
        """The connection ended, or is about to."""
        self._over.set()
        self._read.set()


async def _happens(event: asyncio.Event, end: float) -> bool:
    """Whether it happens until then."""
    if not event.is_set() and end > asyncio.get_running_loop().time():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(end):
                await event.wait()
    return event.is_set()
