"""Events that no sensor waits for are written down; what cannot be written down now waits."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from eventbus.jetstream import JetStreamBus
from eventbus.ledger import open_ledger, read_events
from events.errors import Unavailable
from sensor import process
from sensor.process import Recorded, Recorder
from tests.support.nats import bus, event, nats, until

__all__ = ["bus", "nats"]


async def test_a_ledger_that_cannot_be_written_for_a_while_ends_nothing(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "full_jitter", lambda *_, **__: iter([0.0, 0.0]))
    async with open_ledger(tmp_path) as ledger:
        record, refusals = ledger.record, iter(("the disk is full", "the disk is full"))

        async def full(*args: Any) -> None:
            if (why := next(refusals, None)) is not None:
                raise Unavailable(why)
            await record(*args)

        monkeypatch.setattr(ledger, "record", full)
        recorder = Recorder(("default", "default"), bus, ledger, [Recorded(("default", "default"), "es", "push")])
        await recorder.start()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(recorder.run())
            await bus.publish(event("e1"))
            await until(lambda: [one["id"] for one in read_events(tmp_path)] == ["e1"])
            await recorder.drain()
    assert next(refusals, None) is None


async def test_a_ledger_that_cannot_be_written_says_so_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(write: object) -> asyncio.Future[None]:
        raise Unavailable("ledger.db cannot be written: database or disk is full")

    async with open_ledger(tmp_path) as ledger:
        sensors = process.SensorProcess([], [], ledger)
        assert sensors.unready() == []
        with monkeypatch.context() as broken:
            broken.setattr(ledger._commits, "submit", full)
            with pytest.raises(Unavailable):
                await ledger.record([], [])
        assert sensors.unready() == ["ledger.db cannot be written: database or disk is full"]
        await ledger.record([], [])
        assert sensors.unready() == []
