"""When the hooks of which events are looked at again. Pure: time and randomness are handed in.

Those that are as they should be after the interval of their forge. What does not go well is tried sooner, alone and with growing pauses,
until these are as long as an interval: one hook that stays refused costs the others no calls.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Collection, Sequence

from events.backoff import jittered
from eventsource.hooks import INTERVAL
from eventsource.hooks.results import Result

__all__ = ["SOON", "Schedule", "pause_after"]

SOON = 30.0
"""Seconds until the second look after the first one, and after a hook was made or deleted: somebody else may have acted at the same
moment, as a process of the reference does that this one replaces.
"""
_FIRST_PAUSE = 15.0


class Schedule:
    """Of one EventSource. ``intervals``: seconds, of each of its events."""

    def __init__(self, intervals: Sequence[float]) -> None:
        self._intervals = intervals
        self.begin()

    def begin(self) -> None:
        """Look at everything now: at the start, when it is we who act now, or a Secret has changed."""
        self._next = [0.0] * len(self._intervals)
        self._retry = 0.0
        self._failures = 0
        self._first = True

    def due(self, now: float) -> tuple[set[int], bool]:
        """The events that are to be looked at, by their place, and whether what did not go well is to be tried again."""
        return {index for index, moment in enumerate(self._next) if moment <= now}, self._retry <= now

    def looked(
        self, now: float, changed: Collection[int], results: Sequence[Result], pauses: Sequence[float] | None = None
    ) -> float:
        """What was ``due`` was done; ``changed`` events got or lost a hook. ``pauses`` instead of the intervals, of each event.

        Gives the seconds until something is due again.
        """
        due, retried = self.due(now)
        for index, interval in enumerate(pauses or self._intervals):
            if index in due:
                self._next[index] = now + interval
            if index in changed or (self._first and index in due):
                self._next[index] = min(self._next[index], now + SOON)
        self._first = False
        if all(result.well for result in results):
            self._failures, self._retry = 0, math.inf
        elif retried or not self._failures:
            self._failures += 1
            self._retry = now + pause_after(results, self._failures)
        return min(*self._next, self._retry, now + INTERVAL) - now


def pause_after(results: Sequence[Result], failures: int, *, random: Callable[[], float] = random.random) -> float:
    """Seconds until what did not go well is tried again; ``failures``: tries in a row. Not before one of its forges wants to hear of us:
    those that want to wait longer are not called before that either (``Client``).
    """
    wait = min((result.wait or 0.0 for result in results if not result.well), default=0.0)
    if _FIRST_PAUSE * 2.0 ** min(failures, 64) >= INTERVAL:
        return max(wait, INTERVAL)
    return max(wait, jittered(failures, random, first=_FIRST_PAUSE, cap=INTERVAL))
