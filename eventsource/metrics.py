"""Metrics of event sources, with the reference's names (spec §6) and ours. Label lookups happen once, at start."""

from __future__ import annotations

import time
from collections import Counter as Totals
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog
from prometheus_client import REGISTRY, Counter, Gauge, Summary
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from eventbus import counts
from eventbus.counts import Cell, Name
from events.errors import Unavailable

__all__ = [
    "UNKNOWN",
    "Account",
    "EventMetrics",
    "Refusals",
    "last_accepted",
    "last_problem",
    "overdue",
    "read_accounts",
    "running",
    "survive",
]

log = structlog.get_logger("eventsource")

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


RECEIVED = "received"
ENDED = "ProcessEnded"
"""The reason of what was under way when a process ended: nobody was told anything."""


class _Kept:
    """The counters that survive the process, where there is a folder for them. Names are event, result and reason."""

    def __init__(self) -> None:
        self._counts: counts.Counts | None = None
        self._known: Totals[Name] = Totals()

    def open(self, folder: Path) -> None:
        """Keep them there. Raises Unavailable."""
        self._counts = counts.Counts(folder, _mend)
        self._known = Totals()

    def cell(self, *name: str) -> Cell:
        """A counter."""
        return Cell(None, 0) if self._counts is None else self._counts.cell(name)

    def news(self) -> Totals[Name]:
        """What has come to light of ended processes since this was asked before."""
        if self._counts is None:
            return Totals()
        try:
            total = self._counts.before()
        except Unavailable as error:
            log.warning("what ended processes counted is not known", error=str(error))
            return Totals()
        new = total - self._known
        self._known = total
        return new


def _mend(found: Totals[Name]) -> None:
    """What an ended process had under way is refused."""
    for event in {name[:3] for name in found}:
        figures = _figures(found, event)
        if (cut := figures.received - figures.accepted - figures.rejected) > 0:
            found[*event, "rejected", ENDED] += cut


def _figures(found: Totals[Name], event: Name) -> Account:
    account = Account()
    for name, number in found.items():
        if name[:3] == event:
            account.count(name[3], number)
    return account


def read_accounts(folder: Path) -> dict[tuple[str, str, str], Account]:
    """The accounts of all events (namespace, source, event) since the folder was made. Raises Unavailable."""
    found = counts.read_counts(folder, _mend)
    accounts = {(name[0], name[1], name[2]): Account() for name in sorted(found) if len(name) == 5}
    for event, account in accounts.items():
        of = _figures(found, event)
        account.received, account.accepted, account.rejected = of.received, of.accepted, of.rejected
        account.under_way = of.received - of.accepted - of.rejected
    return accounts


_KEPT = _Kept()


def survive(folder: Path) -> None:
    """From now on what is counted survives this process, if the disk takes it. Call it before events are served."""
    try:
        _KEPT.open(folder)
    except Unavailable as error:  # no reason to refuse deliveries
        log.error("what this process counts will not survive it", error=str(error))


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


@dataclass(slots=True)
class Account:
    """The deliveries of one event: received = accepted + rejected + under way."""

    received: int = 0
    accepted: int = 0
    rejected: int = 0
    under_way: int = 0
    since: float | None = None
    """Since when it does not add up."""
    last: float = 0.0
    """When the newest one was accepted, in seconds since 1970; 0: never."""
    problem: tuple[float, str] = (0.0, "")
    """When the newest one was refused, and why."""

    def count(self, result: str, number: int = 1) -> None:
        """So many deliveries had this result."""
        if result == RECEIVED:
            self.received += number
        elif result == "rejected":
            self.rejected += number
        else:
            self.accepted += number

    @property
    def difference(self) -> int:
        """Deliveries that were answered and counted nowhere, or twice; 0, or we have a bug."""
        return self.received - self.accepted - self.rejected - self.under_way


class _Accounts(Collector):
    """The accounts of all events of this process."""

    def __init__(self) -> None:
        self.by_event: dict[tuple[str, str, str], Account] = {}

    def refresh(self) -> None:
        """Add what ended processes have counted."""
        for (*event, result, reason), number in _KEPT.news().items():
            namespace, source, name = event
            self.by_event.setdefault((namespace, source, name), Account()).count(result, number)
            if result != RECEIVED:
                DELIVERIES.labels(namespace, source, name, result, reason).inc(number)

    def collect(self) -> Iterator[Metric]:
        """The figures of now."""
        self.refresh()
        labels = ("namespace", "eventsource", "event")
        figures = CounterMetricFamily(
            "pointsman_accounting_deliveries", "What became of the deliveries of an event", labels=(*labels, "is")
        )
        difference = GaugeMetricFamily(
            "pointsman_accounting_deliveries_difference", "Deliveries whose fate nobody knows", labels=labels
        )
        for event, account in self.by_event.items():
            for figure in ("received", "accepted", "rejected"):
                figures.add_metric((*event, figure), getattr(account, figure))
            difference.add_metric(event, account.difference)
        yield from (figures, difference)


_ACCOUNTS = _Accounts()
REGISTRY.register(_ACCOUNTS)


def last_accepted() -> float | None:
    """When this process accepted the newest delivery, in seconds since 1970; None: never."""
    return max((account.last for account in _ACCOUNTS.by_event.values()), default=0.0) or None


def last_problem() -> str | None:
    """Why this process refused the newest delivery that it refused, and of which event; None: it refused none."""
    problems = [(*account.problem, event) for (*_, event), account in _ACCOUNTS.by_event.items()]
    when, why, event = max(problems, default=(0.0, "", ""))
    return f"event '{event}': {why}" if when else None


def overdue(now: float, after: float = 60.0) -> Iterator[tuple[str, int]]:
    """Events whose account has not added up for ``after`` seconds, with the difference; each is told once."""
    for event, account in _ACCOUNTS.by_event.items():
        if account.difference == 0:
            account.since = None
        elif account.since is None:
            account.since = now
        elif now - account.since >= after:
            account.since = float("inf")
            yield "/".join(event), account.difference


class EventMetrics(Refusals):
    """The counters of one event, created with 0."""

    def __init__(self, namespace: str, source: str, event: str) -> None:
        super().__init__(namespace, source, event)
        self.account = _ACCOUNTS.by_event.setdefault(self._labels, Account())
        self.sent = SENT.labels(*self._labels)
        self.sent_failed = SENT_FAILED.labels(*self._labels)
        self.duration = DURATION.labels(*self._labels)
        self._processing_failed = PROCESSING_FAILED.labels(*self._labels)
        self._arrived = _KEPT.cell(*self._labels, RECEIVED, "")
        self._kept: dict[str, Cell] = {}
        self._results = {
            result: DELIVERIES.labels(*self._labels, result, "")
            for result in ("stored", "spooled", "duplicate", "filtered")
        }

    def result(self, result: str) -> None:
        """A delivery was answered with 2xx: ``stored``, ``spooled``, ``duplicate`` or ``filtered``."""
        self._results[result].inc()
        self._keep(result)
        self.account.accepted += 1
        self.account.last = time.time()

    def rejected(self, reason: str) -> None:
        """A delivery was refused; the reference counts that as a failure."""
        super().rejected(reason)
        self._keep("rejected", reason)
        self.account.rejected += 1
        self._processing_failed.inc()

    def arrived(self) -> None:
        """A delivery has come."""
        self._arrived.add()
        self.account.received += 1
        self.account.under_way += 1

    def _keep(self, result: str, reason: str = "") -> None:
        cell = self._kept.get(reason or result)
        if cell is None:
            cell = self._kept[reason or result] = _KEPT.cell(*self._labels, result, reason)
        cell.add()

    def left(self) -> None:
        """Its answer is made."""
        self.account.under_way -= 1


UNKNOWN = Refusals("", "", "")
"""Requests whose path belongs to no event."""


def running(namespace: str, source: str, events: int) -> None:
    """So many events of a source are served."""
    RUNNING.labels(namespace, source).set(events)
