"""Step 1, receive: a request's body, bounded in size, in time and in the bytes that all requests together hold in memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientError, web

from events.errors import Rejected

__all__ = ["Budget", "check", "read"]

_ANNOUNCED_BROKEN = (ClientError, ConnectionError, web.RequestPayloadError)


SMALL = 1 << 20
"""Bytes of a body that counts as small: forges send few that are larger."""

_SHARE_OF_SMALL = 4
"""One part in so many is kept for small bodies."""


class Budget:
    """Bytes of bodies in flight, for the whole process. A request waits shortly when they are used up, first come first served.

    Large bodies never get all of it, nor hold small ones up: a quarter is kept for bodies of at most 1 MiB, which have a queue of their own.
    """

    def __init__(self, total: int, *, patience: float = 1.0, small: int = SMALL) -> None:
        self.total = total
        self.patience = patience
        self.used = 0
        self._small = _Class(total)
        self._large = _Class(total - total // _SHARE_OF_SMALL if total >= _SHARE_OF_SMALL * small else total)
        self._most = small

    async def take(self, size: int) -> int:
        """Reserve bytes; the answer is what to ``give`` back. Raises Rejected(503) when there are none in time."""
        kind = self._class_of(size)
        size = min(size, kind.limit)
        if not kind.waiting and self._fits(kind, size):
            self._grant(kind, size)
            return size
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        kind.waiting.append((size, turn))
        try:
            async with asyncio.timeout(self.patience):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():  # admitted just now, too late
                self.give(size)
            else:
                kind.waiting.remove((size, turn))
                self._admit()
            if isinstance(error, TimeoutError):
                raise Rejected(503, "too many deliveries at once", reason="Overloaded", retry_after=5) from None
            raise
        return size

    def give(self, size: int) -> None:
        """Give bytes back, as many as ``take`` has answered."""
        self.used -= size
        self._class_of(size).used -= size
        if self._small.waiting or self._large.waiting:
            self._admit()

    def _class_of(self, size: int) -> _Class:
        return self._small if size <= self._most else self._large

    def _fits(self, kind: _Class, size: int) -> bool:
        return self.used + size <= self.total and kind.used + size <= kind.limit

    def _grant(self, kind: _Class, size: int) -> None:
        self.used += size
        kind.used += size

    def _admit(self) -> None:
        for kind in (self._small, self._large):
            while kind.waiting and self._fits(kind, kind.waiting[0][0]):
                size, turn = kind.waiting[0]
                if turn.cancelled():  # it takes itself out
                    break
                kind.waiting.popleft()
                self._grant(kind, size)
                turn.set_result(None)


class _Class:
    """Bodies of one class of sizes: how many bytes they may use together, how many they use, and who waits."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.waiting: deque[tuple[int, asyncio.Future[None]]] = deque()


class Bodies:
    """Reads bodies within the budget; ``deadline`` in seconds for each."""

    def __init__(self, budget: Budget, deadline: float) -> None:
        self.budget = budget
        self._deadline = deadline

    @asynccontextmanager
    async def of(self, request: web.BaseRequest, limit: int, *, encoding: str = "") -> AsyncIterator[bytes]:
        """The body of a request, of at most ``limit`` bytes; it counts in the budget until the end of the ``async with``.

        ``encoding`` is the ``Content-Encoding`` that counts. Raises Rejected(400, 408, 413, 415, 503).
        """
        announced = request.headers.get("Content-Length")
        check(encoding, int(announced or 0), limit)
        # Without a length the body may become as long as the limit.
        size = int(announced) if announced is not None else 0 if request.content.is_eof() else limit
        size = await self.budget.take(size)
        try:
            yield await read(request, limit, self._deadline)
        finally:
            self.budget.give(size)


async def read(request: web.BaseRequest, limit: int, deadline: float) -> bytes:
    """The body of a request, at most ``limit`` bytes within ``deadline`` seconds. Raises Rejected(400, 408, 413)."""
    content = request.content
    try:
        if content.is_eof():  # it came together with the headers
            body = content.read_nowait()
            if len(body) > limit:
                raise too_large(limit)
            return body
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        parts: list[bytes] = []
        size = 0
        async with asyncio.timeout(deadline):
            while part := await content.readany():
                size += len(part)
                if size > limit:
                    raise too_large(limit)
                parts.append(part)
        return b"".join(parts)
    except TimeoutError:
        raise Rejected(408, f"the body did not arrive within {deadline:g} s", reason="Timeout") from None
    except _ANNOUNCED_BROKEN:
        raise Rejected(400, "the body broke off or is malformed", reason="BrokenBody") from None


def check(encoding: str, size: int, limit: int) -> None:
    """What the headers say of the body: its ``Content-Encoding`` (empty: none) and its size. Raises Rejected(413, 415)."""
    if encoding not in ("identity", ""):
        raise Rejected(415, "the body must not be encoded")
    if size > limit:
        raise too_large(limit)


def too_large(limit: int) -> Rejected:
    """The answer to a body of more than ``limit`` bytes."""
    return Rejected(413, f"the body is larger than {limit} bytes", reason="TooLarge")
