"""A sensor process that stood still for longer than the acknowledgement deadline (stopped, swapped out, on a sleeping laptop)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from eventbus import subscription
from eventbus.embedded import EmbeddedNats
from eventbus.jetstream import JetStreamBus, connect
from eventbus.ledger import read_outcomes
from events.kube import Object
from sensor import settling as settling_module
from tests.support.nats import bus, event, nats, until
from tests.support.sensor import Target, run, sensor

__all__ = ["bus", "nats"]


class Slow(Target):
    """A target that takes its time with everything."""

    def __init__(self) -> None:
        super().__init__()
        self.released = asyncio.Event()
        self.begun = 0

    async def create(self, obj: Object) -> Object:
        self.begun += 1
        await self.released.wait()
        return await super().create(obj)


async def consumer(bus: JetStreamBus) -> dict[str, Any]:
    page = await bus._api.call("CONSUMER.LIST.default")
    found: dict[str, Any] = page["consumers"][0]
    return found


async def test_a_second_delivery_fires_nothing_again(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No heartbeat reaches the bus, so it delivers again and again while the first submission is under way."""
    monkeypatch.setattr(subscription, "ACK_WAIT", 0.3)
    monkeypatch.setattr(settling_module, "HEARTBEAT", 1000.0)
    target = Slow()
    async with run(sensor(), bus, target, tmp_path):
        await bus.publish(event("e1"))

        async def redelivered() -> bool:
            return bool((await consumer(bus))["num_redelivered"]) and target.begun > 0

        await until(redelivered)
        await asyncio.sleep(0.7)  # two more deliveries
        target.released.set()

        async def settled() -> bool:
            now = await consumer(bus)
            return not now["num_ack_pending"] and not now["num_pending"]

        await until(settled)
    assert target.begun == 1
    assert [row["outcome"] for row in read_outcomes(tmp_path)] == ["submitted"]


async def test_a_stale_acknowledgement_takes_nothing_from_another_process(
    nats: EmbeddedNats, bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it stood still another process got the event, and submitted it; what the first does then is done already."""
    monkeypatch.setattr(subscription, "ACK_WAIT", 0.3)
    monkeypatch.setattr(settling_module, "HEARTBEAT", 1000.0)
    target, slow = Target(), Slow()
    async with (
        run(sensor(), bus, slow, tmp_path),
        connect(nats.address("default", "default"), name="second") as other,
    ):
        await bus.publish(event("e1"))
        await until(lambda: slow.begun == 1)
        slow.created = target.created  # one cluster
        async with run(sensor(), other, target, tmp_path):
            await until(lambda: bool(target.created))
            slow.released.set()
            await until(lambda: slow.calls == 1)
    assert len(target.created) == 1
    assert {row["outcome"] for row in read_outcomes(tmp_path)} <= {"submitted", "duplicate"}
