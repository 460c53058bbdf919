"""Metrics of event sources, with the reference's names (spec §6) and ours. Label lookups happen once, at start."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Summary

__all__ = ["UNKNOWN", "EventMetrics", "Refusals", "running"]

_SOURCE = ("namespace", "eventsource_name")
_EVENT = (*_SOURCE, "event_name")
RUNNING = Gauge("argo_events_event_service_running_total", "Events that are served", _SOURCE)
SENT = Counter("argo_events_events_sent", "Events that the bus has stored", _EVENT)
SENT_FAILED = Counter("argo_events_events_sent_failed", "Events that the bus could not store", _EVENT)
PROCESSING_FAILED = Counter("argo_events_events_processing_failed", "Deliveries that did not become events", _EVENT)
DURATION = Summary("argo_events_event_processing_duration_milliseconds", "Time of a delivery", _EVENT)
DELIVERIES = Counter(
    "pointsman_deliveries", "What became of deliveries", ("namespace", "eventsource", "event", "result", "reason")
)


class Refusals:
    """Counts the deliveries that were refused."""

    def __init__(self, namespace: str, source: str, event: str) -> None:
        self._labels = (namespace, source, event)
        self._rejected: dict[str, Counter] = {}

    def rejected(self, reason: str) -> None:
        """A delivery was refused. ``reason`` is one of our CamelCase words, never text of the sender."""
        child = self._rejected.get(reason)
        if child is None:
            child = self._rejected[reason] = DELIVERIES.labels(*self._labels, "rejected", reason)
        child.inc()


class EventMetrics(Refusals):
    """The counters of one event, created with 0."""

    def __init__(self, namespace: str, source: str, event: str) -> None:
        super().__init__(namespace, source, event)
        self.sent = SENT.labels(*self._labels)
        self.sent_failed = SENT_FAILED.labels(*self._labels)
        self.duration = DURATION.labels(*self._labels)
        self._processing_failed = PROCESSING_FAILED.labels(*self._labels)
        self._results = {
            result: DELIVERIES.labels(*self._labels, result, "")
            for result in ("stored", "spooled", "duplicate", "filtered")
        }

    def result(self, result: str) -> None:
        """A delivery was answered with 2xx: ``stored``, ``spooled``, ``duplicate`` or ``filtered``."""
        self._results[result].inc()

    def rejected(self, reason: str) -> None:
        """A delivery was refused; the reference counts that as a failure."""
        super().rejected(reason)
        self._processing_failed.inc()


UNKNOWN = Refusals("", "", "")
"""Requests that no event takes."""


def running(namespace: str, source: str, events: int) -> None:
    """So many events of a source are served."""
    RUNNING.labels(namespace, source).set(events)
