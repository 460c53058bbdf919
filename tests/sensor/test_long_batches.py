"""Filters that take long hold up neither the other tasks of the process nor the count of what is at work."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from eventbus.jetstream import JetStreamBus
from sensor.plan import CompiledSensor
from tests.support.nats import bus, event, nats, until
from tests.support.sensor import Target, run, sensor

__all__ = ["bus", "nats"]


async def test_a_batch_of_slow_filters_lets_others_have_their_turn(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = CompiledSensor.decide

    def slow(self: CompiledSensor, *args: object) -> object:
        time.sleep(0.02)
        return decide(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(CompiledSensor, "decide", slow)
    target, gaps = Target(), [0.0]

    async def tick() -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0)
            gaps.append(time.monotonic() - began)

    async with run(sensor(), bus, target, tmp_path) as runner:
        await runner._subscription.pause()
        for _ in range(100):
            await bus.publish(event())
        ticking = asyncio.create_task(tick())
        await runner._subscription.resume()
        await until(lambda: len(target.created) == 100)
        await until(lambda: not runner._settling.held)
        ticking.cancel()
    assert max(gaps) < 1.0, "100 filters of 20 ms take two seconds"
