"""What the bus handed over is compared with what was settled; a loss is noticed and told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import structlog
from prometheus_client import REGISTRY

from eventbus.jetstream import JetStreamBus
from eventbus.ledger import Ledger, open_ledger
from eventbus.tally import Checkpoint, read_accounts, read_checkpoints
from events.errors import Unavailable
from sensor import auditing
from tests.support.nats import bus, event, nats, until
from tests.support.sensor import Target, run, sensor

__all__ = ["bus", "nats"]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "EVERY", 0.05)
    monkeypatch.setattr(auditing, "ALARM", 0.3)


async def test_all_is_well_when_each_message_was_settled(bus: JetStreamBus, tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as lines:
        async with run(sensor(), bus, Target(), tmp_path):
            await until(lambda: bool(read_checkpoints(tmp_path)))
            for n in range(20):
                await bus.publish(event(f"e{n}"))
            await until(lambda: read_checkpoints(tmp_path)[0].checked == 20)
    assert read_checkpoints(tmp_path)[0].lost == 0
    assert not [line for line in lines if line["log_level"] == "error"]


async def test_a_message_that_is_acknowledged_and_not_settled_is_an_alarm(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Ledger.record

    async def forgetful(self: Ledger, events: Any, entries: Any, **more: Any) -> None:
        kept = [e for e in events if e.id != "e2"]
        await record(self, kept, [e for e in entries if e.event != "e2"], **more)

    monkeypatch.setattr(Ledger, "record", forgetful)
    with structlog.testing.capture_logs() as lines:
        async with run(sensor(), bus, Target(), tmp_path):
            await until(lambda: bool(read_checkpoints(tmp_path)))
            for n in range(5):
                await bus.publish(event(f"e{n}"))
            await until(lambda: read_checkpoints(tmp_path)[0].lost == 1)
    [told] = [line for line in lines if line["event"] == "events are lost"]
    assert told["events"] == 1


@pytest.mark.parametrize("lost", [0, 2])
async def test_losses_are_shown_before_the_first_is_found(lost: int, tmp_path: Path) -> None:
    class Away:
        async def progress(self, after: int) -> None:
            raise Unavailable("the bus is away")

    name = f"ns/lost-{lost}"
    async with open_ledger(tmp_path) as ledger:
        if lost:
            await ledger.check_off(Checkpoint(name, "s", 7, 1, lost))
        with pytest.raises(Unavailable):
            await auditing.Auditing(name, lambda _: False, ledger, Away()).compare()  # type: ignore[arg-type]
    assert REGISTRY.get_sample_value("pointsman_accounting_lost_total", {"sensor": name}) == lost


async def test_a_trigger_that_an_event_did_not_reach_is_an_alarm(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Ledger.record

    async def forgetful(self: Ledger, events: Any, entries: Any, **more: Any) -> None:
        await record(self, events, [e for e in entries if e.event != "e2"], **more)

    monkeypatch.setattr(Ledger, "record", forgetful)
    with structlog.testing.capture_logs() as lines:
        async with run(sensor(), bus, Target(), tmp_path):
            await until(lambda: bool(read_checkpoints(tmp_path)))
            for n in range(5):
                await bus.publish(event(f"e{n}"))
            await until(lambda: any(line["event"] == "accounts do not add up" for line in lines))
    [account] = read_accounts(tmp_path)
    assert (account.stored, account.submitted, account.difference) == (5, 4, 1)
