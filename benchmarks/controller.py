"""The controller with many objects: ``python -m benchmarks.controller [--sources 500] [--sensors 500]``.

Needs ``KUBEBUILDER_ASSETS``. A real API server with an empty etcd gets the objects; then ``pointsman controller`` starts, with its own rights.
Told are: seconds until each of them is deployed, memory, requests and writes at rest, and seconds until a change reaches a Deployment.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from events.controller import names
from events.kube.client import Cluster, open_cluster
from events.kube.control import Control, Selection
from tests.support.controlled import API, USER, exotic_bus, prepare, said, sensor, source
from tests.support.kube import ApiServer, api_server

NAMESPACE = "default"


@dataclass
class Figures:
    """Seconds, MiB, and requests a second."""

    settled: float
    writes: int
    resident: float
    processor: float
    requests: float
    writes_at_rest: int
    update: float
    update_of_all: float


def usage(pid: int) -> tuple[float, float]:
    """MiB that a process holds, and seconds of processor that it took."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    return int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20, (int(fields[11]) + int(fields[12])) / ticks


@contextlib.contextmanager
def controller(server: ApiServer, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """``pointsman controller`` as a process."""
    command = [sys.executable, "-m", "events", "controller", "--health-port=0", "--metrics-port=0", "--host=127.0.0.1"]
    environment = {**os.environ, "KUBECONFIG": str(server.kubeconfig_of(USER)), "POINTSMAN_IMAGE": "pointsman:test"}
    with (folder / "controller.log").open("wb") as log:
        process = subprocess.Popen([*command, f"--namespace={NAMESPACE}"], stdout=log, stderr=log, env=environment)
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    finally:
        process.kill()
        process.wait()


async def apply(control: Control, objects: list[dict[str, Any]]) -> None:
    """All of them, a few at a time."""
    limit = asyncio.Semaphore(8)

    async def one(obj: dict[str, Any]) -> None:
        async with limit:
            await control.apply({**obj, "metadata": {"namespace": NAMESPACE, **obj["metadata"]}}, force=True)

    await asyncio.gather(*(one(obj) for obj in objects))


async def deployed(control: Control, kind: str, count: int) -> None:
    """Wait until so many objects of a kind are deployed as they are written."""
    while True:
        done = 0
        for obj in await control.find(Selection(API, kind, NAMESPACE)):
            status = obj.get("status") or {}
            done += status.get("observedGeneration") == obj["metadata"]["generation"] and any(
                (c["type"], c["status"]) == ("Deployed", "True") for c in status.get("conditions", ())
            )
        if done == count:
            return
        await asyncio.sleep(0.5)


async def template_of(control: Control, name: str) -> Any:
    """The pod template of a Deployment."""
    found = await control.get("apps/v1", "Deployment", NAMESPACE, name)
    return found and found["spec"]["template"]


@contextlib.asynccontextmanager
async def _admin(server: ApiServer) -> AsyncIterator[Cluster]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(server.kubeconfig))
        async with open_cluster() as cluster:
            yield cluster


async def measure(server: ApiServer, folder: Path, sources: int, sensors: int, rest: float) -> Figures:
    """All figures, on an API server that knows our definitions."""
    async with _admin(server) as cluster:
        control = Control(cluster, "benchmark")
        service = {"ports": [{"port": 12000}], "clusterIP": "None"}  # the addresses of a test's API server are few
        await apply(control, [exotic_bus(), *(source(f"hooks-{n}", service=service) for n in range(sources))])
        await apply(control, [sensor(f"build-{n}") for n in range(sensors)])
        begin = time.time()
        with controller(server, folder) as process:
            await deployed(control, names.EVENT_SOURCE, sources)
            await deployed(control, names.SENSOR, sensors)
            settled = time.time() - begin
            written = server.writes(USER, begin)
            twice = {words: times for words, times in Counter(said(written)).items() if times > 1}
            await asyncio.sleep(2)
            since, before = time.time(), usage(process.pid)[1]
            await asyncio.sleep(rest)
            resident, processor = usage(process.pid)
            asked, more = server.requests(USER, since), server.writes(USER, since)
            print("written more than once:", twice)
            print("at rest:", dict(Counter(said(asked))), flush=True)
            update = await _update(control, sensor("build-0", parameter="body.b"), "build-0-sensor")
            changed = time.time()
            await apply(control, [sensor(f"build-{n}", parameter="body.c") for n in range(sensors)])
            await deployed(control, names.SENSOR, sensors)
            of_all = time.time() - changed
            resident = max(resident, usage(process.pid)[0])
    return Figures(
        settled, len(written), resident, (processor - before) / rest, len(asked) / rest, len(more), update, of_all
    )


async def _update(control: Control, changed: dict[str, Any], deployment: str) -> float:
    before, begin = await template_of(control, deployment), time.time()
    await apply(control, [changed])
    while await template_of(control, deployment) == before:  # noqa: ASYNC110 - the event is in the cluster
        await asyncio.sleep(0.01)
    return time.time() - begin


def run(sources: int, sensors: int, rest: float = 60) -> Figures:
    """On an API server of its own."""
    with tempfile.TemporaryDirectory() as name, api_server(Path(name), users={USER: []}, audit=True) as server:
        prepare(server)
        return asyncio.run(measure(server, Path(name), sources, sensors, rest))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=int, default=500)
    parser.add_argument("--sensors", type=int, default=500)
    parser.add_argument("--rest", type=float, default=60, metavar="SECONDS")
    options = parser.parse_args()
    figures = run(options.sources, options.sensors, options.rest)
    print(f"{options.sources} EventSources and {options.sensors} Sensors")
    print(f"  deployed after                     {figures.settled:8.1f} s, with {figures.writes} writes")
    print(f"  resident memory                    {figures.resident:8.0f} MiB")
    print(f"  at rest: requests                  {figures.requests:8.2f} /s, writes {figures.writes_at_rest}")
    print(f"  at rest: processor                 {figures.processor * 100:8.2f} %")
    print(f"  one Sensor changed: its Deployment {figures.update:8.2f} s")
    print(f"  all Sensors changed                {figures.update_of_all:8.1f} s")


if __name__ == "__main__":
    main()
