"""Metrics of sensors, with the reference's names (spec §6) and ours. Label lookups happen once, at start."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager

from prometheus_client import Counter, Summary

from events.models.values import OutcomeKind, VerdictKind

__all__ = ["SensorMetrics", "of_sensor"]

_LABELS = ("sensor_name", "trigger_name")
TRIGGERED = Counter("argo_events_action_triggered", "Submissions that succeeded", _LABELS)
FAILED = Counter("argo_events_action_failed", "Attempts that failed", _LABELS)
GIVEN_UP = Counter("argo_events_action_retries_failed", "Submissions that were refused for good", _LABELS)
DURATION = Summary("argo_events_action_duration_milliseconds", "Time of an attempt", _LABELS)
VERDICTS = Counter("pointsman_verdicts", "What dependencies said of events", ("sensor_name", "verdict"))
OUTCOMES = Counter("pointsman_outcomes", "What became of rounds", (*_LABELS, "outcome"))


class _Milliseconds:
    """Observes the time of a ``with`` block in milliseconds."""

    def __init__(self, summary: Summary) -> None:
        self._summary = summary

    def __enter__(self) -> None:
        self._begin = time.perf_counter()

    def __exit__(self, *exc: object) -> None:
        self._summary.observe((time.perf_counter() - self._begin) * 1_000)


class SensorMetrics:
    """The counters of one sensor."""

    def __init__(self, sensor: str, triggers: Sequence[str]) -> None:
        self._verdicts = {kind: VERDICTS.labels(sensor, kind.value) for kind in VerdictKind}
        self._outcomes = {(t, kind): OUTCOMES.labels(sensor, t, kind.value) for t in triggers for kind in OutcomeKind}
        self._triggered = {t: TRIGGERED.labels(sensor, t) for t in triggers}
        self._failed = {t: FAILED.labels(sensor, t) for t in triggers}
        self._given_up = {t: GIVEN_UP.labels(sensor, t) for t in triggers}
        self._duration = {t: DURATION.labels(sensor, t) for t in triggers}

    def verdict(self, kind: VerdictKind) -> None:
        """A dependency has looked at an event."""
        self._verdicts[kind].inc()

    def outcome(self, trigger: str, kind: OutcomeKind) -> None:
        """A round has settled."""
        self._outcomes[trigger, kind].inc()
        if kind is OutcomeKind.SUBMITTED:
            self._triggered[trigger].inc()
        elif kind is OutcomeKind.REFUSED:
            self._given_up[trigger].inc()

    def failed(self, trigger: str) -> None:
        """An attempt has failed."""
        self._failed[trigger].inc()

    def timed(self, trigger: str) -> AbstractContextManager[None]:
        """Measures an attempt."""
        return _Milliseconds(self._duration[trigger])


def of_sensor(sensor: str, triggers: Sequence[str]) -> SensorMetrics:
    """The counters of one sensor, created with 0."""
    return SensorMetrics(sensor, triggers)
