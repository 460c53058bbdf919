"""The API server, the controllers, the bus, sources and sensors die in any order, under light traffic: all comes right again by itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.bed import Bed, Object, Space
from tests.support.kube import needs_control_plane
from tests.support.kubelet import needs_namespaces
from tests.support.traffic import Traffic
from tests.support.up import eventually

pytestmark = [needs_control_plane, needs_namespaces, pytest.mark.kube, pytest.mark.timeout(300)]

PUSH = Path(__file__).with_name("push.yaml").read_text()
CONTROLLER = "app.kubernetes.io/name=pointsman-controller"


class Faults:
    """What may happen; each returns at once, but for the restart of the API server."""

    def __init__(self, space: Space, chance: random.Random) -> None:
        self._space = space
        self._system = Space(space.server, space.node, "pointsman")
        self._chance = chance

    def api_server_dies_and_comes_back(self) -> None:
        self._space.server.kill()
        time.sleep(self._chance.uniform(0.5, 3))
        self._space.server.start()

    def leading_controller_dies(self) -> None:
        self._kill_controller(leading=True)

    def standby_controller_dies(self) -> None:
        self._kill_controller(leading=False)

    def leading_controller_is_evicted(self) -> None:
        self._system.kubectl("delete", "pod", self._leader(), "--wait=false")

    def bus_server_dies(self) -> None:
        self._kill("eventbus")

    def bus_server_is_evicted(self) -> None:
        self._evict("eventbus")

    def whole_bus_dies(self) -> None:
        for pod in self._pods("eventbus"):
            self._end(self._space, pod)

    def source_dies(self) -> None:
        self._kill("eventsource")

    def sensor_dies(self) -> None:
        self._kill("sensor")

    def sensor_is_evicted(self) -> None:
        self._evict("sensor")

    def all(self) -> list[Callable[[], None]]:
        """Each of them, by name."""
        return [getattr(self, name) for name in sorted(vars(type(self))) if not name.startswith("_") and name != "all"]

    def _leader(self) -> str:
        lease = self._system.get("lease", "pointsman-controller")
        holder = (lease or {}).get("spec", {}).get("holderIdentity") or ""
        names: list[str] = [pod["metadata"]["name"] for pod in self._system.find("pods", CONTROLLER)]
        return next((name for name in names if holder.startswith(name)), names[0])

    def _kill_controller(self, leading: bool) -> None:
        leader = self._leader()
        for pod in self._system.find("pods", CONTROLLER):
            if (pod["metadata"]["name"] == leader) is leading:
                self._end(self._system, pod)

    def _pods(self, role: str) -> list[Object]:
        return self._space.find("pods", f"controller={role}-controller")

    def _kill(self, role: str) -> None:
        self._end(self._space, self._chance.choice(self._pods(role)))

    def _evict(self, role: str) -> None:
        name = self._chance.choice(self._pods(role))["metadata"]["name"]
        self._space.kubectl("delete", "pod", name, "--wait=false")

    def _end(self, space: Space, pod: Object) -> None:
        if process := space.process(pod):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)


@pytest.mark.parametrize("seed", [1])
async def test_whatever_dies_nothing_is_lost_or_done_twice(installed: Bed, ours: Space, seed: int) -> None:
    chance = random.Random(seed)
    ours.apply(PUSH)
    for workload in ("deployment/github-eventsource", "deployment/ci-sensor"):
        await asyncio.to_thread(ours.rolled_out, workload)
    children = await asyncio.to_thread(made, ours)
    faults = Faults(ours, chance).all()
    chance.shuffle(faults)
    url = f"http://{ours.address('github-eventsource-svc')}:12000/push"
    async with Traffic(url, "open-sesame", rate=5, patient=True) as traffic:
        await traffic.flows(5)
        for fault in faults:
            print(f"{time.strftime('%T')} {fault.__name__}, {len(traffic.taken)} taken")
            await asyncio.to_thread(fault)
            await asyncio.sleep(chance.uniform(0, 3))
        await traffic.flows(10)

    await asyncio.to_thread(eventually, lambda: healthy(ours), 90)
    with contextlib.suppress(AssertionError):
        await asyncio.to_thread(eventually, lambda: len(ours.deliveries()) >= len(traffic.taken), 30)
    found = ours.deliveries()
    print("not taken at once:", *traffic.failures, sep="\n  ")
    assert (traffic.taken - found.keys(), found - Counter(traffic.taken)) == (set(), Counter())
    assert made(ours) == children


def made(space: Space) -> Counter[str]:
    """How many objects of each kind the controller made, and what these made but for the pods."""
    found = space.kubectl(
        "get", "deployments,statefulsets,replicasets,services,configmaps,secrets,persistentvolumeclaims", "-o", "name"
    )
    return Counter(line.partition("/")[0] for line in found.split())


def healthy(space: Space) -> bool:
    pods = space.find("pods")
    conditions = [
        condition["status"]
        for kind in ("eventbus", "eventsources", "sensors")
        for one in space.find(kind)
        for condition in one.get("status", {}).get("conditions", ())
    ]
    ready = all(
        {"type": "Ready", "status": "True"}.items() <= condition.items()
        for pod in pods
        for condition in pod["status"]["conditions"]
        if condition["type"] == "Ready"
    )
    return ready and len(pods) == 7 and set(conditions) == {"True"}
