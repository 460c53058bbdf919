"""Metrics of several processes as one text of Prometheus: each family once, each series once. Pure.

Processes share code, and so each of them tells of families that only another one counts. Series of the same name and labels are added where
they count (counter, summary, histogram); of a gauge the greatest value is taken, since 0 is what a process says that has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

__all__ = ["merge"]

_Series = dict[tuple[str, tuple[tuple[str, str], ...]], Sample]

_COUNTS = ("counter", "summary", "histogram")


def merge(texts: Iterable[str]) -> str:
    """One text of all these texts, in the order in which their families come first."""
    families: dict[str, tuple[Metric, _Series]] = {}
    for text in texts:
        for family in text_string_to_metric_families(text):
            _, series = families.setdefault(family.name, (family, {}))
            for sample in family.samples:
                key = sample.name, tuple(sorted(sample.labels.items()))
                before = series.get(key)
                series[key] = sample if before is None else _together(family.type, before, sample)
    registry = CollectorRegistry()
    registry.register(_Families(families.values()))
    return generate_latest(registry).decode()


def _together(kind: str, one: Sample, other: Sample) -> Sample:
    value = one.value + other.value if kind in _COUNTS else max(one.value, other.value)
    return one._replace(value=value)


class _Families(Collector):
    def __init__(self, families: Iterable[tuple[Metric, _Series]]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family, series in self._families:
            family.samples = list(series.values())
            yield family

    def describe(self) -> list[Metric]:
        return []
