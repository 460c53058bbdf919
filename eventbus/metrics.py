"""Metrics of the accept path: the spools of this process, and how long its disk takes. Read when somebody asks, so they cost nothing before."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from eventbus.disk import SLOW_SYNC, measure, percentile
from eventbus.spooling import SpoolingBus

__all__ = ["SpoolMetrics"]

log = logging.getLogger(__name__)

_BUS = ("namespace", "eventbus")


class SpoolMetrics(Collector):
    """Put the buses and the measured times of syncs in; register it once."""

    def __init__(self) -> None:
        self.buses: dict[tuple[str, str], SpoolingBus] = {}
        """By namespace and EventBus."""
        self.syncs: list[float] = []
        """Seconds that syncs took at the start."""

    async def measure(self, folder: Path) -> None:
        """Find out how long this disk takes, and tell. What cannot be written is told, too: the spool will fail."""
        try:
            self.syncs = await asyncio.to_thread(measure, folder)
        except OSError as error:
            log.error("nothing can be written in %s: %s", folder, error)
            return
        middle, most = (percentile(self.syncs, share) * 1e3 for share in (0.5, 0.99))
        if most > SLOW_SYNC * 1e3:
            log.warning(
                "this disk is slow: a write takes %.1f ms (p99 %.1f ms), and each delivery waits for it", middle, most
            )
        else:
            log.info("a write through to the disk takes %.1f ms (p99 %.1f ms)", middle, most)

    def collect(self) -> Iterator[Metric]:
        """Everything, as it is now."""
        records = GaugeMetricFamily("pointsman_spool_records", "Events that wait for the bus", labels=_BUS)
        size = GaugeMetricFamily("pointsman_spool_bytes", "Bytes of the events that wait for the bus", labels=_BUS)
        limit = GaugeMetricFamily("pointsman_spool_limit_bytes", "Bytes that a spool may have", labels=_BUS)
        oldest = GaugeMetricFamily(
            "pointsman_spool_oldest_seconds", "Age of the first event that waits for the bus", labels=_BUS
        )
        spooled = CounterMetricFamily("pointsman_spool_events", "Events that were kept in the spool", labels=_BUS)
        forwarded = CounterMetricFamily("pointsman_spool_forwarded", "Spooled events that the bus has", labels=_BUS)
        rejected = CounterMetricFamily(
            "pointsman_spool_rejected", "Spooled events that the bus refuses for good", labels=_BUS
        )
        failed = CounterMetricFamily("pointsman_spool_failed", "Events that the disk did not take", labels=_BUS)
        damaged = CounterMetricFamily("pointsman_spool_damaged_bytes", "Bytes found damaged and set aside", labels=_BUS)
        for labels, bus in self.buses.items():
            spool = bus.spool
            for family, value in (
                (records, spool.records),
                (size, spool.bytes),
                (limit, spool.limit),
                (oldest, spool.oldest),
                (spooled, spool.appended),
                (forwarded, bus.forwarder.forwarded),
                (rejected, bus.rejects.count),
                (failed, spool.failed),
                (damaged, spool.damaged_bytes),
            ):
                family.add_metric(labels, value)
        yield from (records, size, limit, oldest, spooled, forwarded, rejected, failed, damaged)
        sync = GaugeMetricFamily(
            "pointsman_disk_sync_seconds",
            "Time of a write through to the disk, measured at the start",
            labels=["quantile"],
        )
        if self.syncs:
            for quantile in (0.5, 0.99):
                sync.add_metric([str(quantile)], percentile(self.syncs, quantile))
        yield sync
