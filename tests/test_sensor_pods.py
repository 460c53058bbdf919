"""Sensors in pods: one works, others take over, and whatever is killed, stopped or lost, each event makes one Workflow."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from eventbus.embedded import EmbeddedNats
from eventbus.jetstream import JetStreamBus, connect
from tests.chaos.system import Target
from tests.support.nats import event, nats
from tests.support.sensor_pods import Deployment, SensorPod, deployment
from tests.support.sensor_pods import sensor as manifest

__all__ = ["nats"]

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
async def bus(nats: EmbeddedNats) -> AsyncIterator[JetStreamBus]:
    async with connect(nats.address("default", "default"), name="test") as bus:
        await bus.ensure_stream()
        yield bus


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    target = Target(tmp_path / "target")
    target.start()
    yield target
    target.kill()


async def until(holds: Callable[[], Any], seconds: float = 40, why: Callable[[], object] = str) -> None:
    deadline = time.monotonic() + seconds
    while not await asyncio.to_thread(holds):
        assert time.monotonic() < deadline, f"nothing came of it in time: {why()}"
        await asyncio.sleep(0.05)


async def active(pods: Deployment, seconds: float = 40) -> SensorPod:
    found: list[SensorPod] = []

    def one() -> bool:
        found[:] = [pod for pod in pods.pods if pod.is_active]
        return bool(found)

    await until(one, seconds, lambda: [pod.log[-2000:] for pod in pods.pods])
    return found[0]


class Sending:
    """Publishes events steadily."""

    def __init__(self, bus: JetStreamBus, rate: float) -> None:
        self.sent: list[str] = []
        self._bus = bus
        self._rate = rate
        self._stop = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await self._task

    async def _run(self) -> None:
        while not self._stop.is_set():
            one = event(f"sent-{len(self.sent)}")
            await self._bus.publish(one)
            self.sent.append(one.id)
            await asyncio.sleep(1 / self._rate)

    async def some(self, count: int = 60) -> None:
        wanted = len(self.sent) + count
        while len(self.sent) < wanted:
            await asyncio.sleep(0.02)


def made(target: Target) -> Counter[str]:
    """How many Workflows there are of each event."""
    return Counter(
        record["object"]["metadata"]["annotations"]["pointsman/event-id"]
        for record in target.records()
        if record["what"] == "created"
    )


async def all_made_once(target: Target, sent: list[str], pods: Deployment, seconds: float = 60) -> None:
    await until(lambda: len(made(target)) >= len(sent), seconds, lambda: f"{len(made(target))} of {len(sent)}")
    await asyncio.sleep(1.0)
    assert made(target) == Counter(sent)


async def accounts_add_up(pod: SensorPod, count: int) -> None:
    def add_up() -> bool:
        [account] = pod.get("accounting")
        return bool(account["submitted"] == count and account["difference"] == 0)

    await until(add_up, 20, lambda: pod.get("accounting"))


@pytest.fixture
def pods(tmp_path: Path, nats: EmbeddedNats, target: Target) -> Iterator[Deployment]:
    address = nats.address("default", "default")
    with deployment(tmp_path / "pods", manifest(), address, target.kubeconfig) as made:
        yield made


async def test_whatever_happens_to_the_pod_that_works_another_goes_on(
    bus: JetStreamBus, target: Target, pods: Deployment
) -> None:
    first, second = pods.pod("first"), pods.pod("second")
    worker = await active(pods)
    other = second if worker is first else first
    await until(lambda: first.is_ready and second.is_ready)
    target.be(delay=0.2)  # so that some are always under way
    async with Sending(bus, 100) as sending:
        await sending.some()
        began = time.monotonic()
        worker.lose()  # killed, with its disk
        await until(lambda: other.is_active)
        print("took", time.monotonic() - began)
        assert time.monotonic() - began < 15
        worker.start()
        await until(lambda: worker.is_ready)
        await sending.some()

        other.signal(signal.SIGSTOP)  # for longer than its lease
        began = time.monotonic()
        await until(lambda: worker.is_active)
        print("took", time.monotonic() - began)
        assert time.monotonic() - began < 15
        await sending.some()
        other.signal(signal.SIGCONT)
        assert await asyncio.to_thread(other.ended) == 3
        await sending.some()
        other.start()
        await until(lambda: other.is_ready)

        began = time.monotonic()
        worker.signal(signal.SIGTERM)  # hands over
        await until(lambda: other.is_active)
        took = time.monotonic() - began
        assert await asyncio.to_thread(worker.ended) == 0
        print("took", took)
        assert took < 6
        await sending.some()
    await all_made_once(target, sending.sent, pods)
    await accounts_add_up(other, len(sending.sent))
    assert len(other.get("events")) == len(sending.sent)
