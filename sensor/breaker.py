"""Step 9 · the targets of a process: how many attempts each of them gets at a time, and that one which is away is left alone.

After three attempts in a row that found a target away, one attempt a second looks whether it is back. Nobody waits for such a target:
an attempt that may not begin now raises ``Busy``, and its round is put aside (``parking``). A target that answers slowly has bounded
slots of its own, so that it cannot take those of others; when none of them has come free for two seconds it counts as busy, too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from events.errors import Conflict, Unavailable

__all__ = ["Busy", "Target", "Targets"]

log = structlog.get_logger("sensor")

Answer = TypeVar("Answer")

MAX_SUBMITTING = 128
"""Attempts under way at the same time, for each target."""

FAILURES = 3
"""So many absences in a row, and the target counts as away."""

PROBE = 1.0
"""Seconds between two attempts at a target that is away."""

PATIENCE = 2.0
"""Seconds that an attempt waits for its turn."""

MAX_PAUSE = 60.0
"""Seconds for which a target that says when to come again (Retry-After) is left alone altogether; its round waits as long as it said."""


class Busy(Unavailable):
    """No attempt was made: the target is away, or has its hands full."""

    reason = "Busy"

    def __init__(self, message: str, target: str, retry_after: float) -> None:
        super().__init__(message, retry_after=retry_after)
        self.target = target


class Target:
    """One host or API server."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._slots = asyncio.Semaphore(MAX_SUBMITTING)
        self._failures = 0
        self._not_before = 0.0
        self._ended = 0.0

    @property
    def is_away(self) -> bool:
        """Whether it was away when it was last asked."""
        return self._failures >= FAILURES

    def wait(self, now: float) -> float:
        """Seconds (of the monotonic clock) until an attempt may begin; 0 when it may."""
        if now < self._not_before:
            return self._not_before - now
        if self._slots.locked() and now - self._ended > PATIENCE:
            return PROBE
        return 0.0

    async def attempt(self, submit: Callable[[], Awaitable[Answer]]) -> Answer:
        """Run one attempt. Raises what it raises, and Busy when it may not begin."""
        now = time.monotonic()
        wait = self.wait(now)
        if wait > 0:
            raise Busy(f"{self.name} is away" if self.is_away else f"{self.name} is busy", self.name, wait)
        if self.is_away:
            self._not_before = now + PROBE  # this is the attempt that looks
        await self._turn(now)
        try:
            answer = await submit()
        except Unavailable as error:
            if isinstance(error, Conflict):
                self._answered()
            else:
                self._failed(error)
            raise
        except Exception:
            self._answered()
            raise
        else:
            self._answered()
            return answer
        finally:
            self._ended = time.monotonic()
            self._slots.release()

    async def _turn(self, now: float) -> None:
        if not self._slots.locked():
            self._ended = now
            await self._slots.acquire()
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await self._slots.acquire()
        except TimeoutError:
            raise Busy(f"{self.name} is busy", self.name, PROBE) from None

    def _answered(self) -> None:
        if self.is_away:
            log.info("target is back", target=self.name)
            self._not_before = 0.0
        self._failures = 0

    def _failed(self, error: Unavailable) -> None:
        """Also one that says when it has time: else all that waits for it would come at that moment, each time."""
        self._failures += 1
        if self._failures == FAILURES:
            log.warning("target is away", target=self.name, error=str(error))
        pause = max(error.retry_after or 0.0, PROBE if self.is_away else 0.0)
        self._not_before = max(self._not_before, time.monotonic() + min(pause, MAX_PAUSE))


class Targets:
    """The targets of a process by name; those that nobody has used for long are forgotten."""

    def __init__(self) -> None:
        self._by_name: dict[str, Target] = {}

    def __getitem__(self, name: str) -> Target:
        target = self._by_name.get(name)
        if target is None:
            if len(self._by_name) >= 1_000:  # hosts may come from events
                self._forget()
            target = self._by_name[name] = Target(name)
        return target

    def _forget(self) -> None:
        now = time.monotonic()
        self._by_name = {n: t for n, t in self._by_name.items() if t.is_away or now - t._ended < MAX_PAUSE}

    def blocked(self) -> list[str]:
        """The targets that no attempt may begin at just now."""
        now = time.monotonic()
        return [name for name, target in self._by_name.items() if target.wait(now) > 0]

    def soonest(self, default: float) -> float:
        """Seconds until an attempt may begin at one of those."""
        now = time.monotonic()
        return min((w for t in self._by_name.values() if (w := t.wait(now)) > 0), default=default)

    def away(self) -> list[str]:
        """The targets that are away."""
        return [name for name, target in self._by_name.items() if target.is_away]
