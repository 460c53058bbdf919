"""Many objects, on a small scale: ``benchmarks/controller.py`` has the figures."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benchmarks.controller import measure
from tests.support.controlled import USER, prepare
from tests.support.kube import api_server, needs_kube

pytestmark = [pytest.mark.kube, needs_kube]


def test_forty_of_each_settle_and_then_nothing_is_asked_nor_written(tmp_path: Path) -> None:
    with api_server(tmp_path, users={USER: []}, audit=True) as server:
        prepare(server)
        figures = asyncio.run(measure(server, tmp_path, sources=40, sensors=40, rest=10))

    # Bus: finalizer, status. EventSource: ConfigMap, Deployment, Service, status. Sensor: without the Service.
    assert figures.writes == 2 + 40 * 4 + 40 * 3
    assert figures.writes_at_rest == 0
    assert figures.requests < 1
    assert figures.settled < 30
    assert figures.update < 1
    assert figures.resident < 200
