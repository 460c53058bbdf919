"""What waits, what is dead, and whether the accounts add up, as metrics. Read from what runs when Prometheus asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from eventbus.tally import Account

__all__ = ["accounts", "lag", "lost", "state", "targets"]

_TRIGGER = ("sensor", "trigger")
_FIGURES = ("stored", "submitted", "filtered", "duplicate", "dead", "pending")


class _Gauges(Collector):
    """The newest figures of all sensors of this process."""

    def __init__(self) -> None:
        self.accounts: dict[str, Sequence[Account]] = {}
        self.lost: dict[str, int] = {}
        self.states: dict[str, Callable[[], tuple[bool, int]]] = {}
        self.queued: dict[str, Mapping[str, int]] = {}
        self.lags: dict[str, Callable[[], int]] = {}
        self.targets: Callable[[], list[str]] = list

    def collect(self) -> Iterator[Metric]:
        """The figures of now."""
        events = GaugeMetricFamily(
            "pointsman_accounting_events", "What became of the events of a trigger", labels=(*_TRIGGER, "is")
        )
        difference = GaugeMetricFamily(
            "pointsman_accounting_difference", "Events of a trigger whose fate nobody knows", labels=_TRIGGER
        )
        missing = CounterMetricFamily(
            "pointsman_accounting_lost", "Events that the bus handed over and nobody settled", labels=("sensor",)
        )
        held = GaugeMetricFamily("pointsman_sensor_held", "Whether a sensor is held", labels=("sensor",))
        unsettled = GaugeMetricFamily("pointsman_sensor_unsettled", "Messages at work in memory", labels=("sensor",))
        lag = GaugeMetricFamily(
            "pointsman_sensor_lag", "Events on the bus that were not handed to the sensor yet", labels=("sensor",)
        )
        waiting = GaugeMetricFamily("pointsman_rounds_waiting", "Rounds that wait for their target", labels=_TRIGGER)
        away = GaugeMetricFamily("pointsman_target_away", "Targets that are away", labels=("target",))
        for found in self.accounts.values():
            for account in found:
                for figure in _FIGURES:
                    events.add_metric((account.sensor, account.trigger, figure), getattr(account, figure))
                difference.add_metric((account.sensor, account.trigger), account.difference)
        for sensor, count in self.lost.items():
            missing.add_metric((sensor,), count)
        for sensor, ask in self.states.items():
            is_held, count = ask()
            held.add_metric((sensor,), is_held)
            unsettled.add_metric((sensor,), count)
        for sensor, tell in self.lags.items():
            lag.add_metric((sensor,), tell())
        for sensor, queued in self.queued.items():
            for trigger, count in queued.items():
                waiting.add_metric((sensor, trigger), count)
        for target in self.targets():
            away.add_metric((target,), 1)
        yield from (events, difference, missing, held, unsettled, lag, waiting, away)


_GAUGES = _Gauges()
REGISTRY.register(_GAUGES)


def accounts(sensor: str, found: Sequence[Account]) -> None:
    """The accounts of a sensor's triggers, as of now."""
    _GAUGES.accounts[sensor] = found


def lost(sensor: str, count: int) -> None:
    """So many events of a sensor were lost, since its state folder was made."""
    _GAUGES.lost[sensor] = count


def state(sensor: str, ask: Callable[[], tuple[bool, int]], queued: Mapping[str, int]) -> None:
    """``ask`` says whether a sensor is held and how many messages it works at; ``queued`` how many rounds wait, by trigger."""
    _GAUGES.states[sensor] = ask
    _GAUGES.queued[sensor] = queued


def lag(sensor: str, ask: Callable[[], int]) -> None:
    """``ask`` says how many events wait on the bus for a sensor."""
    _GAUGES.lags[sensor] = ask


def targets(ask: Callable[[], list[str]]) -> None:
    """``ask`` names the targets that are away."""
    _GAUGES.targets = ask
