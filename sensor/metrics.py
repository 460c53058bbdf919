"""Metrics of sensors, with the reference's names (spec §6) and ours.

Counting is adding to plain numbers: a sensor may have a hundred triggers for one event. Prometheus reads them when it asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from events.models.event import Event
from events.models.values import OutcomeKind, VerdictKind

__all__ = ["EVENT_REASONS", "TRIGGER_REASONS", "SensorMetrics", "TriggerMetrics", "of_sensor", "received_at"]

_SENSOR = ("namespace", "sensor_name")
_LABELS = (*_SENSOR, "trigger_name")

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""Seconds; what takes longer was waiting for a target that was away."""

TRIGGER_REASONS = (
    "Refused",
    "EvaluationFailed",
    "GaveUp",
    "InternalError",
    "InvalidSpec",
    "NotARound",
    "Poison",
    "SecretKeyMissing",
    "SecretMissing",
)
"""Why a round of a trigger becomes a dead letter. All are shown from the start: ``increase`` does not see a series that begins with 1."""

EVENT_REASONS = ("CannotWait", "InternalError", "Poison")
"""Why an event is put aside before any trigger."""


@dataclass(slots=True)
class TriggerMetrics:
    """What became of a trigger's rounds; how many attempts there were, and their time in seconds."""

    outcomes: dict[OutcomeKind, int] = field(default_factory=lambda: dict.fromkeys(OutcomeKind, 0))
    attempts: int = 0
    failed: int = 0
    seconds: float = 0.0
    delays: list[int] = field(default_factory=lambda: [0] * (len(_BOUNDS) + 1))
    """Submissions by the time since the delivery."""
    delay: float = 0.0
    """All these times together."""

    def submitted(self, events: Iterable[Event], now: float) -> None:
        """A submission of these events has succeeded ``now``, in seconds since 1970. The newest of them completed the round."""
        received = 0.0
        for event in events:
            received = max(received, received_at(event))
        if received:
            delay = max(0.0, now - received)
            self.delays[bisect_left(_BOUNDS, delay)] += 1
            self.delay += delay

    def settled(self, kind: OutcomeKind) -> None:
        """A round has settled."""
        self.outcomes[kind] += 1

    def attempted(self, seconds: float, *, failed: bool = False) -> None:
        """An attempt has ended."""
        self.attempts += 1
        self.seconds += seconds
        self.failed += failed


class SensorMetrics:
    """The numbers of one sensor, by verdict and by trigger."""

    def __init__(self) -> None:
        self.verdicts = dict.fromkeys(VerdictKind, 0)
        self.triggers: dict[str, TriggerMetrics] = {}
        self.letters: Counter[tuple[str, str]] = Counter()
        """Dead letters by trigger (empty: the event was put aside before any trigger) and reason."""


class _Sensors(Collector):
    """All sensors of this process."""

    def __init__(self) -> None:
        self.by_name: dict[tuple[str, str], SensorMetrics] = {}
        """By namespace and name."""

    def collect(self) -> Iterator[Metric]:
        """The numbers of now."""
        triggered = CounterMetricFamily("argo_events_action_triggered", "Submissions that succeeded", labels=_LABELS)
        failed = CounterMetricFamily("argo_events_action_failed", "Attempts that failed", labels=_LABELS)
        given_up = CounterMetricFamily(
            "argo_events_action_retries_failed", "Submissions that were refused for good", labels=_LABELS
        )
        duration = SummaryMetricFamily("argo_events_action_duration_milliseconds", "Time of an attempt", labels=_LABELS)
        verdicts = CounterMetricFamily(
            "pointsman_verdicts", "What dependencies said of events", labels=(*_SENSOR, "verdict")
        )
        outcomes = CounterMetricFamily("pointsman_outcomes", "What became of rounds", labels=(*_LABELS, "outcome"))
        delay = HistogramMetricFamily(
            "pointsman_delivery_to_submission_seconds", "Time from a delivery to what it set off", labels=_LABELS
        )
        letters = CounterMetricFamily(
            "pointsman_dead_letters", "Rounds that became dead letters", labels=(*_LABELS, "reason")
        )
        for sensor, numbers in self.by_name.items():
            for verdict, count in numbers.verdicts.items():
                verdicts.add_metric((*sensor, verdict.value), count)
            for name, trigger in numbers.triggers.items():
                labels = (*sensor, name)
                triggered.add_metric(labels, trigger.outcomes[OutcomeKind.SUBMITTED])
                failed.add_metric(labels, trigger.failed)
                given_up.add_metric(labels, trigger.outcomes[OutcomeKind.REFUSED])
                duration.add_metric(labels, count_value=trigger.attempts, sum_value=trigger.seconds * 1_000)
                for kind, count in trigger.outcomes.items():
                    outcomes.add_metric((*labels, kind.value), count)
                delay.add_metric(labels, _buckets(trigger.delays), trigger.delay)
            for (name, reason), count in numbers.letters.items():
                letters.add_metric((*sensor, name, reason), count)
        yield from (triggered, failed, given_up, duration, verdicts, outcomes, delay, letters)


def _buckets(counts: Sequence[int]) -> list[tuple[str, float]]:
    """As Prometheus wants them: each counts all that took no longer."""
    bounds = [*map(str, _BOUNDS), "+Inf"]
    return list(zip(bounds, map(float, accumulate(counts)), strict=True))


def received_at(event: Event) -> float:
    """When an event was received, in seconds since 1970; 0 when it does not say so in a way that we know."""
    try:
        return datetime.fromisoformat(event.time).timestamp()
    except (ValueError, OverflowError):
        return 0.0


_SENSORS = _Sensors()
REGISTRY.register(_SENSORS)


def of_sensor(namespace: str, sensor: str, triggers: Sequence[str]) -> SensorMetrics:
    """The numbers of one sensor, those of each trigger begun with 0; of a known sensor they go on."""
    metrics = _SENSORS.by_name.setdefault((namespace, sensor), SensorMetrics())
    for reason in EVENT_REASONS:
        metrics.letters.setdefault(("", reason), 0)
    for name in triggers:
        metrics.triggers.setdefault(name, TriggerMetrics())
        for reason in TRIGGER_REASONS:
            metrics.letters.setdefault((name, reason), 0)
    return metrics
