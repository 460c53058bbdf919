"""Step 1, receive: a request's body, bounded in size, in time and in the bytes that all requests together hold in memory."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientError, web

from events.errors import Rejected

__all__ = ["Bodies", "Budget", "check"]

_ANNOUNCED_BROKEN = (ClientError, ConnectionError, web.RequestPayloadError)


SMALL = 1 << 20
"""Bytes of a body that counts as small: forges send few that are larger."""

EARLY = 64 << 10
"""So many bytes of a small body count as they come: whoever announces much and sends little holds little. With more, all of it counts."""

SPREAD = 1.1
"""Deadlines are up to so many times as long, at random: thousands that came at the same time are not late at the same time."""

_SHARE_OF_SMALL, _SHARE_OF_EARLY = 4, 8
"""One part in so many is kept for small bodies, and of that one for what comes early."""


class Budget:
    """Bytes of bodies in flight, for the whole process. A request waits shortly when they are used up, first come first served.

    Large bodies never get all of it, nor hold small ones up: a quarter is kept for bodies of at most 1 MiB, which have a queue of their own.
    Of that quarter one half is kept for their first 64 KiB, which is all that most of them have.
    """

    def __init__(self, total: int, *, patience: float = 1.0, small: int = SMALL, early: int = EARLY) -> None:
        self.total = total
        self.patience = patience
        self.used = 0
        shared = total >= _SHARE_OF_SMALL * small
        ceiling = total - total // _SHARE_OF_EARLY if shared else total
        self._early = _Class(total, total)
        self._small = _Class(total, ceiling)
        self._large = _Class(total - total // _SHARE_OF_SMALL if shared else total, ceiling)
        self._smallest_large = small
        self._most_early = early

    async def take(self, size: int, *, of: int = 0, patience: float | None = None) -> int:
        """Reserve bytes (``of`` a body that may have so many); the answer is what to ``give`` back. Raises Rejected(503) when there are
        none in time.
        """
        kind = self._class_of(size, of)
        size = min(size, kind.limit, kind.ceiling)
        if not kind.waiting and self._fits(kind, size):
            self._grant(kind, size)
            return size
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        kind.waiting.append((size, turn))
        try:
            async with asyncio.timeout(self.patience if patience is None else patience):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():  # admitted just now, too late
                self.give(size, of=of)
            else:
                kind.waiting.remove((size, turn))
                self._admit()
            if isinstance(error, TimeoutError):
                raise Rejected(503, "too many deliveries at once", reason="Overloaded", retry_after=5) from None
            raise
        return size

    def give(self, size: int, *, of: int = 0) -> None:
        """Give bytes back, as many as ``take`` has answered."""
        self.used -= size
        self._class_of(size, of).used -= size
        if self._early.waiting or self._small.waiting or self._large.waiting:
            self._admit()

    def is_large(self, size: int) -> bool:
        """Whether a body of so many bytes is a large one."""
        return size > self._smallest_large

    def _class_of(self, size: int, of: int) -> _Class:
        if self.is_large(max(size, of)):
            return self._large
        return self._early if size <= self._most_early else self._small

    def _fits(self, kind: _Class, size: int) -> bool:
        return self.used + size <= kind.ceiling and kind.used + size <= kind.limit

    def _grant(self, kind: _Class, size: int) -> None:
        self.used += size
        kind.used += size

    def _admit(self) -> None:
        for kind in (self._early, self._small, self._large):
            while kind.waiting and self._fits(kind, kind.waiting[0][0]):
                size, turn = kind.waiting[0]
                if turn.cancelled():  # it takes itself out
                    break
                kind.waiting.popleft()
                self._grant(kind, size)
                turn.set_result(None)


class _Class:
    """Bytes of one class: how many they may be together, up to where all classes may be filled for them, how many they are, who waits."""

    def __init__(self, limit: int, ceiling: int) -> None:
        self.limit = limit
        self.ceiling = ceiling
        self.used = 0
        self.waiting: deque[tuple[int, asyncio.Future[None]]] = deque()


class _Share:
    """What one body holds of a budget; it has at most ``whole`` bytes."""

    def __init__(self, budget: Budget, whole: int) -> None:
        self._budget = budget
        self._whole = whole
        self._covered = 0
        self._parts: list[int] = []
        self._patience = budget.patience

    async def begin(self) -> None:
        """Before anything of the body was read: a large one is reserved as a whole, so that two halves do not wait for each other."""
        if self._budget.is_large(self._whole):
            await self.cover(self._whole)

    async def cover(self, size: int) -> None:
        """So many bytes have come. Raises Rejected(503)."""
        if size <= self._covered:
            return
        upto = size if size <= EARLY else max(size, self._whole)
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._parts.append(
            await self._budget.take(upto - self._covered, of=self._whole, patience=max(self._patience, 0.0))
        )
        self._patience -= loop.time() - began
        self._covered = upto

    def give_back(self) -> None:
        """The body is not held any more."""
        for part in self._parts:
            self._budget.give(part, of=self._whole)


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
        whole = int(announced) if announced is not None else 0 if request.content.is_eof() else limit
        share = _Share(self.budget, whole)
        try:
            await share.begin()
            yield await _read(request, limit, self._deadline * random.uniform(1.0, SPREAD), share)
        finally:
            share.give_back()


async def _read(request: web.BaseRequest, limit: int, deadline: float, share: _Share) -> bytes:
    """The body of a request, at most ``limit`` bytes within ``deadline`` seconds. Raises Rejected(400, 408, 413, 503)."""
    content = request.content
    try:
        if content.is_eof():  # it came together with the headers
            body = content.read_nowait()
            if len(body) > limit:
                raise too_large(limit)
            await share.cover(len(body))
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
                await share.cover(size)
                parts.append(part)
        return b"".join(parts)
    except TimeoutError:
        raise Rejected(408, f"the body did not arrive within {deadline:.3g} s", reason="Timeout") from None
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
