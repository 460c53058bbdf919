"""Several controllers, a dead one, an API server that goes away: things still come to be, and once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from events.controller.leader import Leader
from events.kube.control import Control
from tests.support.controlled import USER, World, exotic_bus, running, sensor, settled, source, until
from tests.support.kube import ApiServer, needs_control_plane, needs_kube

pytestmark = [pytest.mark.kube, needs_kube, needs_control_plane]

QUICK = {"duration": 1.0, "deadline": 0.6, "renew": 0.2, "retry": 0.1}


class _Work:
    """What a leader does: it counts."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.active = 0

    async def __call__(self) -> None:
        self.active += 1
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.active -= 1


async def test_one_of_two_works_and_the_other_takes_over_at_once_when_it_ends(world: World, control: Control) -> None:
    one, other = _Work(), _Work()
    first = asyncio.create_task(Leader(control, world.namespace, "lease", "one", **QUICK).run(one))
    await asyncio.wait_for(one.started.wait(), 30)
    second = asyncio.create_task(Leader(control, world.namespace, "lease", "other", **QUICK).run(other))
    await asyncio.sleep(1.5)
    assert (one.active, other.active) == (1, 0)

    first.cancel()

    await asyncio.wait_for(other.started.wait(), 0.8)
    assert one.active == 0
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)


async def test_a_leader_whose_lease_another_took_ends_its_work(world: World, control: Control) -> None:
    work = _Work()
    leader = asyncio.create_task(Leader(control, world.namespace, "lease", "one", **QUICK).run(work))
    await asyncio.wait_for(work.started.wait(), 30)
    lease = await world.get("Lease", "lease", "coordination.k8s.io/v1")
    spec = {**lease["spec"], "holderIdentity": "thief", "leaseDurationSeconds": 60}

    async def taken() -> bool:
        found = await world.get("Lease", "lease", "coordination.k8s.io/v1")
        return await world.admin.replace({**found, "spec": spec}) is not None

    await until(taken)

    async def ended() -> bool:
        return work.active == 0

    await until(ended, 3)
    leader.cancel()
    await asyncio.gather(leader, return_exceptions=True)


@contextmanager
def _process(server: ApiServer, folder: Path, name: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "events", "controller", "--health-port=0", "--metrics-port=0", "--host=127.0.0.1"]
    environment = {
        **os.environ, "KUBECONFIG": str(server.kubeconfig_of(USER)), "POINTSMAN_IMAGE": "pointsman:test", "POD_NAME": name,
    }  # fmt: skip
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen([*command, *options], stdout=log, stderr=log, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def test_the_standby_takes_over_from_a_killed_leader_and_makes_nothing_twice(
    world: World, tmp_path: Path
) -> None:
    options = (f"--namespace={world.namespace}", "--namespaced")
    with ExitStack() as stack:
        processes = {
            name: stack.enter_context(_process(world.server, tmp_path, name, *options)) for name in ("one", "two")
        }
        await world.apply(exotic_bus(), source())
        await world.condition("EventSource", "hooks", "Deployed", "True", seconds=30)
        lease = await world.get("Lease", "pointsman-controller", "coordination.k8s.io/v1")
        leader = lease["spec"]["holderIdentity"].partition("_")[0]
        processes[leader].kill()
        await world.apply(sensor())

        await world.condition("Sensor", "build", "Deployed", "True", seconds=40)

        names = Counter(obj["metadata"]["name"] for obj in await world.find("Deployment", "apps/v1"))
        assert names == {"hooks-eventsource": 1, "build-sensor": 1}
        survivor = next(process for name, process in processes.items() if name != leader)
        survivor.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(survivor.wait, 10) == 0
        released = await world.get("Lease", "pointsman-controller", "coordination.k8s.io/v1")
        assert not released["spec"].get("holderIdentity")


async def test_it_goes_on_when_the_api_server_is_back(world: World, control: Control) -> None:
    async with running(control, namespaces=(world.namespace,)) as controller:
        await world.apply(exotic_bus(), source())
        await world.condition("EventSource", "hooks", "Deployed", "True")
        world.server.kill()
        await asyncio.sleep(2)
        await asyncio.to_thread(world.server.start)
        await world.apply(sensor(), source(replicas=3))

        await world.condition("Sensor", "build", "Deployed", "True", seconds=40)

        async def scaled() -> bool:
            found = await world.get("Deployment", "hooks-eventsource", "apps/v1")
            return bool(found["spec"].get("replicas") == 3)

        await until(scaled, 40)
        await settled(controller)
        assert len(await world.find("Deployment", "apps/v1")) == 2


async def test_it_waits_for_an_api_server_that_is_away_at_the_start(world: World, control: Control) -> None:
    world.server.kill()
    async with running(control, namespaces=(world.namespace,)):
        await asyncio.sleep(1)
        await asyncio.to_thread(world.server.start)
        await world.apply(exotic_bus(), sensor())

        await world.condition("Sensor", "build", "Deployed", "True", seconds=40)
