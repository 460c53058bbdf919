"""What takes long is written down before it has settled, and counts once whatever comes then."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from eventbus.jetstream import JetStreamBus
from eventbus.ledger import open_ledger, read_events, read_outcomes
from eventbus.rounds import KeptRound, RoundState, read_rounds
from eventbus.tally import read_accounts
from events.errors import Unavailable
from events.kube import Object
from sensor import kept, settling
from tests.support.nats import bus, event, nats, until
from tests.support.sensor import TWO, Target, run, sensor, trigger

__all__ = ["bus", "nats"]


class Hanging(Target):
    """Gives no answer before it is told to."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.answered = asyncio.Event()
        self._names = names

    async def create(self, obj: Object) -> Object:
        if not self._names or obj["metadata"]["name"].startswith(self._names):
            await self.answered.wait()
        return await super().create(obj)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "SLOW", 0.1)


def outcomes(folder: Path) -> dict[str, str]:
    return {row["trigger"]: row["outcome"] for row in read_outcomes(folder)}


def differences(folder: Path) -> list[int]:
    return [account.difference for account in read_accounts(folder) if account.difference]


async def test_an_event_whose_target_hangs_is_seen_and_counts_once(bus: JetStreamBus, tmp_path: Path) -> None:
    target = Hanging()
    async with run(sensor(), bus, target, tmp_path):
        await bus.publish(event("e1"), delivery_id="d1")
        await until(lambda: outcomes(tmp_path) == {"start": "submitting"})
        assert [one["delivery"] for one in read_events(tmp_path)] == ["d1"]
        [account] = read_accounts(tmp_path)
        assert (account.stored, account.pending, account.difference) == (1, 1, 0)
        target.answered.set()
        await until(lambda: outcomes(tmp_path) == {"start": "submitted"})

    [account] = read_accounts(tmp_path)
    assert (account.stored, account.submitted, account.pending, account.difference) == (1, 1, 0, 0)


async def test_what_settles_in_time_is_written_once(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "SLOW", 60.0)
    written: list[int] = []
    old = settling.Settling._write

    async def write(self: settling.Settling, events: list[object], *rest: object) -> None:
        written.append(len(events))
        await old(self, events, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(settling.Settling, "_write", write)
    async with run(sensor(), bus, Target(), tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: outcomes(tmp_path) == {"start": "submitted"})
    assert written == [1]


async def test_a_trigger_that_hangs_keeps_no_sibling_from_being_recorded_or_tried_again(
    bus: JetStreamBus, tmp_path: Path
) -> None:
    class Both(Hanging):
        async def create(self, obj: Object) -> Object:
            if obj["metadata"]["name"].startswith("away") and not self.calls:
                self.calls += 1
                raise Unavailable("away", retry_after=0.01)
            return await super().create(obj)

    target = Both("hangs")
    compiled = sensor(trigger("hangs"), trigger("away"), {"template": {"name": "note", "log": {}}})
    async with run(compiled, bus, target, tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: outcomes(tmp_path) == {"hangs": "submitting", "away": "submitted", "note": "submitted"})
        assert not differences(tmp_path)
        target.answered.set()
        await until(lambda: outcomes(tmp_path)["hangs"] == "submitted")

    assert len(target.created) == 2
    assert not read_rounds(tmp_path, states=RoundState)
    assert not differences(tmp_path)


async def test_an_event_that_was_under_way_when_the_process_ended_counts_once(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensor.runner.DRAIN", 0.1)
    async with run(sensor(), bus, Hanging(), tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: outcomes(tmp_path) == {"start": "submitting"})
    target = Target()
    async with run(sensor(), bus, target, tmp_path):
        await until(lambda: outcomes(tmp_path) == {"start": "submitted"})
    assert len(target.created) == 1
    [account] = read_accounts(tmp_path)
    assert (account.stored, account.submitted, account.difference) == (1, 1, 0)


async def test_a_dead_letter_that_is_offered_again_stays_until_all_has_settled(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensor.runner.DRAIN", 0.1)
    letter = KeptRound(
        "key", "default/ci", "", RoundState.AGAIN, 0.0, "Poison", "", "", 3, 0, 1.0, 1.0, "e1", "",
        kept.write_round({"": event("e1")}, {"": ""}),
    )  # fmt: skip
    async with open_ledger(tmp_path) as ledger:
        await ledger.record([], [], kept=[letter])
    async with run(sensor(), bus, Hanging(), tmp_path):
        await until(lambda: outcomes(tmp_path) == {"start": "submitting"})
    target = Target()
    async with run(sensor(), bus, target, tmp_path):
        await until(lambda: bool(target.created))
        await until(lambda: not read_rounds(tmp_path, states=RoundState))


async def test_while_a_join_cannot_write_its_state_its_event_is_seen(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = {**trigger("both"), "template": {**trigger("both")["template"], "conditions": "push && approval"}}
    written = asyncio.Event()
    from sensor.joining import Joining

    old = Joining._save

    async def save(self: Joining, beside: int | None = None) -> None:
        await written.wait()
        await old(self, beside)

    monkeypatch.setattr(Joining, "_save", save)
    async with run(sensor(both, dependencies=TWO), bus, Target(), tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: outcomes(tmp_path) == {"both": "submitting"})
        written.set()
        await until(lambda: outcomes(tmp_path) == {"both": "waiting"})
    assert not differences(tmp_path)


async def test_an_acknowledgement_that_cannot_be_sent_ends_nothing(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is being opened anew, say: the bus will deliver again what is written down by then."""
    send, unsent = bus._connection.send, ["e1", "e2"]

    async def fails_at_first(subject: str, data: bytes = b"", **more: Any) -> None:
        if data == b"+ACK" and unsent:
            raise Unavailable(f"the bus is away: {unsent.pop()}")
        await send(subject, data, **more)

    monkeypatch.setattr(bus._connection, "send", fails_at_first)
    async with run(sensor(), bus, Target(), tmp_path) as runner:
        for name in ("e1", "e2", "e3"):
            await bus.publish(event(name))
        await until(lambda: len(list(read_outcomes(tmp_path))) == 3)
        await until(lambda: not runner._settling.held)
    assert not unsent
    assert not differences(tmp_path)
