"""Metrics of sensors, with the reference's names (spec §6) and ours.

Counting is adding to plain numbers: a sensor may have a hundred triggers for one event. Prometheus reads them when it asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from events.models.values import OutcomeKind, VerdictKind

__all__ = ["SensorMetrics", "TriggerMetrics", "of_sensor"]

_SENSOR = ("namespace", "sensor_name")
_LABELS = (*_SENSOR, "trigger_name")


@dataclass(slots=True)
class TriggerMetrics:
    """What became of a trigger's rounds; how many attempts there were, and their time in seconds."""

    outcomes: dict[OutcomeKind, int] = field(default_factory=lambda: dict.fromkeys(OutcomeKind, 0))
    attempts: int = 0
    failed: int = 0
    seconds: float = 0.0

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
        yield from (triggered, failed, given_up, duration, verdicts, outcomes)


_SENSORS = _Sensors()
REGISTRY.register(_SENSORS)


def of_sensor(namespace: str, sensor: str, triggers: Sequence[str]) -> SensorMetrics:
    """The numbers of one sensor, those of each trigger begun with 0; of a known sensor they go on."""
    metrics = _SENSORS.by_name.setdefault((namespace, sensor), SensorMetrics())
    for name in triggers:
        metrics.triggers.setdefault(name, TriggerMetrics())
    return metrics
