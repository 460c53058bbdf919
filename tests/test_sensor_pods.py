"""Sensors in pods: one works, others take over, and whatever is killed, stopped or lost, each event makes one Workflow."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest

from eventbus.embedded import EmbeddedNats
from eventbus.jetstream import JetStreamBus, connect
from tests.chaos.system import Target
from tests.support.bus import Server
from tests.support.mounts import mount
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


def post(target: Target) -> dict[str, Any]:
    """A trigger whose target says no."""
    source = {"dependencyName": "push", "dataKey": "body"}
    http = {"url": f"{target.url}/hook/refuse", "method": "POST", "payload": [{"src": source, "dest": "body"}]}
    return {"template": {"name": "post", "http": http}}


async def test_what_waits_and_what_is_dead_survives_the_loss_of_all_pods_and_orders_reach_the_one_that_works(
    bus: JetStreamBus, target: Target, tmp_path: Path, nats: EmbeddedNats
) -> None:
    both = manifest(*manifest()["spec"]["triggers"], post(target))
    with deployment(tmp_path / "two", both, nats.address("default", "default"), target.kubeconfig) as pods:
        first = pods.pod("first")
        await active(pods)
        target.be("away")
        sent = []
        for number in range(20):
            sent.append(event(f"e{number}"))
            await bus.publish(sent[-1])

        async def waits(pod: SensorPod) -> None:
            def is_so() -> bool:
                [one] = pod.get("sensors") or [{}]
                return bool(one.get("waiting") == 20 and one.get("deadLetters") == 20)

            await until(is_so, 30, lambda: pod.get("sensors"))

        await waits(first)
        first.lose()
        second = pods.pod("second")
        assert await active(pods) is second
        await waits(second)
        target.be("well")
        await all_made_once(target, [one.id for one in sent], pods)

        standing_by = pods.pod("third")
        await until(lambda: standing_by.is_ready)
        letters = standing_by.get("deadletters")
        assert {letter["trigger"] for letter in letters} == {"post"}
        done = standing_by.say("retry", letters[0]["id"])
        assert "still dead" in done.stdout, done.stdout + done.stderr

        def tries() -> list[int]:  # the copy of the one that stands by follows within seconds
            return sorted(one["attempts"] for one in standing_by.get("deadletters"))

        await until(lambda: tries() == [1] * 19 + [2], 15, tries)

        assert standing_by.say("hold", "sensor", "ci").stdout == "default/ci is held.\n"
        assert "is held" in second.ask("/status")[1]
        await bus.publish(event("late"))
        await until(lambda: standing_by.get("sensors")[0].get("unread") == 1)
        await asyncio.sleep(2.0)
        assert made(target)["late"] == 0
        second.lose()  # the hold outlives it
        await until(lambda: standing_by.is_active)
        assert "is held" in standing_by.ask("/status")[1]
        assert made(target)["late"] == 0
        assert standing_by.say("release", "sensor", "ci").stdout == "default/ci goes on.\n"
        await until(lambda: made(target)["late"] == 1)
        refused = standing_by.say("hold", "sensor", "other")
        assert refused.returncode == 2
        assert "not of default/other" in refused.stderr


async def test_a_pod_waits_for_its_bus_and_says_so(tmp_path: Path, target: Target) -> None:
    server = Server(tmp_path / "bus")
    await server.start()
    address = server.address
    await server.stop()
    with deployment(tmp_path / "pods", manifest(), address, target.kubeconfig) as pods:
        pod = pods.pod("only")
        await until(lambda: pod.ask("/readyz")[0] == 503)
        await asyncio.sleep(3)
        assert pod.ask("/livez")[0] == 200
        assert "the bus is away" in pod.ask("/readyz")[1]
        await server.start()
        assert await active(pods) is pod
        await until(lambda: pod.is_ready)
        await server.stop()
        await until(lambda: not pod.is_ready)
        await server.start()
        try:
            await until(lambda: pod.is_ready)
            async with connect(server.address, name="test") as bus:
                await bus.publish(event("after"))
            await until(lambda: made(target)["after"] == 1)
        finally:
            pod.signal(signal.SIGTERM)
            assert await asyncio.to_thread(pod.ended) == 0
            await server.stop()


async def test_the_buss_password_may_come_later(
    bus: JetStreamBus, nats: EmbeddedNats, target: Target, tmp_path: Path
) -> None:
    right = nats.address("default", "default")
    with deployment(tmp_path, manifest(), replace(right, password="wrong"), target.kubeconfig) as pods:
        pod = pods.pod("only")
        await until(lambda: pod.ask("/readyz")[0] == 503, 20, lambda: pod.log)
        auth = f"username: {right.user}\npassword: {right.password}\n"
        mount(tmp_path / "secrets", "bus-auth", {"client-auth": auth.encode()})
        assert await active(pods) is pod
        await bus.publish(event("one"))
        await until(lambda: made(target)["one"] == 1)
        [shown] = await asyncio.to_thread(pod.get, "events")
        assert shown["data"] == {"body": {}}, "who asks in the pod reads the bus with the new password, too"


async def test_a_sensor_that_cannot_run_is_not_ready_and_takes_nothing_over(
    bus: JetStreamBus, target: Target, tmp_path: Path, nats: EmbeddedNats
) -> None:
    address = nats.address("default", "default")
    broken = manifest()
    broken["spec"]["triggers"][0]["template"]["conditions"] = "push &&"
    with (
        deployment(tmp_path / "good", manifest(), address, target.kubeconfig) as good,
        deployment(tmp_path / "bad", broken, address, target.kubeconfig) as bad,
    ):
        worker = good.pod("good")
        assert await active(good) is worker
        pod = bad.pod("bad")
        await until(lambda: "conditions" in pod.ask("/readyz")[1], 20, lambda: pod.log)
        assert pod.ask("/livez")[0] == 200
        await bus.publish(event("one"))
        await until(lambda: made(target)["one"] == 1)
        assert worker.is_active
        pod.signal(signal.SIGTERM)
        assert await asyncio.to_thread(pod.ended) == 0


async def test_a_join_that_begins_in_one_pod_ends_in_another(
    bus: JetStreamBus, target: Target, tmp_path: Path, nats: EmbeddedNats
) -> None:
    names = ("push", "approval")
    pairs = manifest(dependencies=[{"name": n, "eventSourceName": "es", "eventName": n} for n in names])
    with deployment(tmp_path / "pods", pairs, nats.address("default", "default"), target.kubeconfig) as pods:
        first, second = pods.pod("first"), pods.pod("second")
        worker = await active(pods)
        other = second if worker is first else first
        await until(lambda: other.is_ready)
        sent: list[str] = []

        async def pair(between: Callable[[], object]) -> None:
            number = len(sent)
            await bus.publish(event(f"push-{number}", name="push"))
            await asyncio.sleep(0.3)  # some are saved by then, some are not
            between()
            await bus.publish(event(f"approval-{number}", name="approval"))
            sent.append(f"push-{number},approval-{number}")
            await until(lambda: sum(made(target).values()) >= len(sent), 30, lambda: [p.log[-1500:] for p in pods.pods])

        await pair(lambda: None)
        await pair(lambda: worker.signal(signal.SIGSTOP))
        await pair(lambda: None)
        worker.signal(signal.SIGCONT)
        await pair(lambda: None)
        assert await asyncio.to_thread(worker.ended) == 3
        worker.start()
        await until(lambda: worker.is_ready)
        await pair(other.lose)
        await asyncio.sleep(1)
        wanted = {frozenset(one.split(",")) for one in sent}
        assert {frozenset(one.split(",")) for one in made(target)} == wanted
        assert set(made(target).values()) == {1}
