"""Step 9 · rate limit of a trigger. Pure: the time is passed in (spec §1.6)."""

from __future__ import annotations

from events.errors import SpecError
from events.models.sensor import RateLimit as Spec

__all__ = ["RateLimit"]

_SECONDS = {"": 1.0, "Second": 1.0, "Minute": 60.0, "Hour": 3600.0}
_SLACK = 10
"""Executions that an idle time saves up, as in the reference."""


class RateLimit:
    """Evenly spaced executions. ``wait`` says how long until the next place, ``take`` books it."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._next: float | None = None

    @classmethod
    def of(cls, spec: Spec | None) -> RateLimit | None:
        """From the manifest; None when there is no limit. Raises SpecError for a limit that lets nothing through."""
        if spec is None:
            return None
        if spec.unit not in _SECONDS:
            raise SpecError(f"unknown unit '{spec.unit}'", path="rateLimit.unit", hint="Second, Minute or Hour")
        if spec.requests_per_unit <= 0:
            raise SpecError("must be at least 1", path="rateLimit.requestsPerUnit")
        return cls(_SECONDS[spec.unit] / spec.requests_per_unit)

    def wait(self, now: float) -> float:
        """Seconds until the next execution may begin."""
        return max(0.0, self._place(now) - now)

    def take(self, now: float) -> float:
        """Book the next execution: seconds to wait before it."""
        place = self._place(now)
        self._next = place + self._interval
        return max(0.0, place - now)

    def _place(self, now: float) -> float:
        if self._next is None:  # nothing is saved up before the first
            return now
        return max(self._next, now - _SLACK * self._interval)
