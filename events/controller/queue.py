"""Keys that wait to be looked at: each once, one at a time, and after a failure with a pause that grows."""

from __future__ import annotations

import asyncio
import random
from collections import deque

from events.backoff import jittered
from events.controller.names import Key

__all__ = ["Queue"]


class Queue:
    """A key that is added while it is worked on comes again afterwards; a key that waits comes once."""

    def __init__(self, *, first: float = 0.5, cap: float = 300.0) -> None:
        self._first, self._cap = first, cap
        self._waiting: deque[Key] = deque()
        self._known: set[Key] = set()
        self._working: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._ready = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is worked on; what waits for a pause to end does not count."""
        return not self._waiting and not self._working

    def add(self, key: Key) -> None:
        """Look at it soon."""
        self._stop_timer(key)
        if key not in self._known:
            self._known.add(key)
            if key not in self._working:
                self._waiting.append(key)
                self._ready.set()

    def add_later(self, key: Key, seconds: float) -> None:
        """Look at it then, or earlier when something else asks for it."""
        self._stop_timer(key)
        self._timers[key] = asyncio.get_running_loop().call_later(seconds, self.add, key)

    async def take(self) -> Key:
        """The next key; ``done`` or ``failed`` must follow."""
        while not self._waiting:
            self._ready.clear()
            await self._ready.wait()
        key = self._waiting.popleft()
        self._known.discard(key)
        self._working.add(key)
        return key

    def done(self, key: Key) -> None:
        """It is as it shall be."""
        self._failures.pop(key, None)
        self._end(key)

    def failed(self, key: Key, *, at_least: float = 0.0) -> float:
        """Look again after a pause, in seconds, which it returns; each failure in a row makes it longer."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        pause = max(at_least, jittered(failures, random.random, first=self._first, cap=self._cap))
        if key not in self._known:
            self.add_later(key, pause)
        self._end(key)
        return pause

    def failures(self, key: Key) -> int:
        """How often it failed in a row."""
        return self._failures.get(key, 0)

    def clear(self) -> None:
        """Forget everything that waits."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._waiting.clear()
        self._known.clear()
        self._failures.clear()

    def _end(self, key: Key) -> None:
        self._working.discard(key)
        if key in self._known:
            self._waiting.append(key)
            self._ready.set()

    def _stop_timer(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
