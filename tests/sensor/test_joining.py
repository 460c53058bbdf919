"""A join on a real bus: each event is part of one round, whatever comes again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from eventbus import jetstream, subjects
from eventbus.jetstream import JetStreamBus
from eventbus.ledger import Entry, open_ledger, read_outcomes
from eventbus.rounds import KeptRound, RoundState, order_retry, read_rounds
from eventbus.tally import read_accounts
from events.errors import Refused
from events.kube import Object
from events.models.event import Event
from sensor import join, kept
from sensor.dependencies import Decision
from sensor.joining import Joining
from sensor.naming import Origin, round_key
from sensor.plan import CompiledSensor
from sensor.poison import POISON
from sensor.settling import Work
from tests.support.bus import Server
from tests.support.nats import bus, event, nats, until
from tests.support.sensor import TWO, Target, run, sensor, trigger

__all__ = ["bus", "nats"]


async def test_a_match_that_comes_again_as_its_round_ends_is_part_of_no_other(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger is asked when the message comes, and the round that was under way ends before the join has its turn."""
    both = {**trigger("both"), "template": {**trigger("both")["template"], "conditions": "push && approval"}}
    compiled = sensor(both, dependencies=TWO)
    offered = asyncio.Event()

    class Late(Target):
        async def create(self, obj: Object) -> Object:
            await offered.wait()
            return await super().create(obj)

    old = Joining._take

    async def take(self: Joining, work: Work, decision: Decision) -> Any:
        offered.set()
        while self._rounds and "e1" in str(self._rounds):
            await asyncio.sleep(0.01)
        return await old(self, work, decision)

    events = {"push": event("e1"), "approval": event("e2", name="approval")}
    matches = {name: join.Match(name, one.id, kept.Arrived(one, ""), datetime.now(UTC)) for name, one in events.items()}
    state = await bus.state(subjects.bucket("default", "ci"))
    await state.put(subjects.key("both"), kept.write(join.JoinState(), {"round": matches}))
    monkeypatch.setattr(Joining, "_take", take)
    target = Late()
    async with run(compiled, bus, target, tmp_path):
        await bus.publish(events["push"])
        await until(lambda: bool(target.created))
        await bus.publish(event("e3", name="approval"))
        await until(lambda: by_event(tmp_path).get("e3") == "waiting")
    assert by_event(tmp_path) == {"e1": "submitted", "e2": "submitted", "e3": "waiting"}
    assert len(target.created) == 1


async def test_an_event_of_a_refused_round_is_part_of_no_other_after_a_restart(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensor.runner.DRAIN", 0.1)
    both = {**trigger("both"), "template": {**trigger("both")["template"], "conditions": "push && approval"}}
    slow = {**trigger("slow"), "template": {**trigger("slow")["template"], "conditions": "push"}}
    compiled = sensor(both, slow, dependencies=TWO)

    class Half(Target):
        async def create(self, obj: Object) -> Object:
            if obj["metadata"]["name"].startswith("slow"):
                await asyncio.sleep(60)
            raise Refused("no")

    async with run(compiled, bus, Half(), tmp_path):
        await bus.publish(event("e1"))
        await bus.publish(event("e2", name="approval"))
        await until(lambda: by_event(tmp_path, "both") == {"e1": "refused", "e2": "refused"})
    target = Target()
    async with run(compiled, bus, target, tmp_path):
        await until(lambda: bool(target.created))
        await bus.publish(event("e3", name="approval"))
        await until(lambda: by_event(tmp_path, "both").get("e3") == "waiting")
    assert [name.partition("-")[0] for name in target.created] == ["slow"]


async def test_a_round_that_ended_processes_is_a_dead_letter_that_runs_when_it_is_retried(
    bus: JetStreamBus, tmp_path: Path
) -> None:
    compiled, _, key = await poisoned(bus, tmp_path)
    target = Target()
    async with run(compiled, bus, target, tmp_path):
        await until(lambda: [one.reason for one in read_rounds(tmp_path, states=[RoundState.DEAD])] == ["Poison"])
        order_retry(tmp_path, [key])
        await until(lambda: bool(target.created))
        await until(lambda: not read_rounds(tmp_path, states=RoundState))
    assert by_event(tmp_path) == dict.fromkeys(("e1", "e2"), "submitted")


async def test_an_event_that_was_poison_and_is_in_a_round_already_is_part_of_no_other_when_it_is_retried(
    bus: JetStreamBus, tmp_path: Path
) -> None:
    """Its process ended after its match was kept, so that there are two dead letters: the round, and the event."""
    compiled, events, key = await poisoned(bus, tmp_path)
    letter = KeptRound(
        "letter", "default/ci", "", RoundState.DEAD, 0.0, "Poison", "", "", 3, 0, 1.0, 1.0, "e1", "",
        kept.write_round({"": events["push"]}, {"": ""}),
    )  # fmt: skip
    async with open_ledger(tmp_path) as ledger:
        await ledger.record([], [Entry("e1", "default/ci", "both", "push", "refused", "", "", 1)], kept=[letter])
    target = Target()
    async with run(compiled, bus, target, tmp_path):
        await until(lambda: len(read_rounds(tmp_path, states=[RoundState.DEAD])) == 2)
        order_retry(tmp_path, ["letter"])
        await until(lambda: [one.key for one in read_rounds(tmp_path, states=RoundState)] == [key])
        await bus.publish(event("e3", name="approval"))
        await until(lambda: by_event(tmp_path).get("e3") == "waiting")
        order_retry(tmp_path, [key])
        await until(lambda: not read_rounds(tmp_path, states=RoundState))
    assert by_event(tmp_path) == {"e1": "submitted", "e2": "submitted", "e3": "waiting"}
    assert len(target.created) == 1


async def poisoned(bus: JetStreamBus, folder: Path) -> tuple[CompiledSensor, dict[str, Event], str]:
    """A join with a round that has ended processes: the sensor, the round's events and its key."""
    both = {**trigger("both"), "template": {**trigger("both")["template"], "conditions": "push && approval"}}
    events = {"push": event("e1"), "approval": event("e2", name="approval")}
    key = round_key(Origin("default", "ci", "both"), events)
    matches = {name: join.Match(name, one.id, kept.Arrived(one, ""), datetime.now(UTC)) for name, one in events.items()}
    state = await bus.state(subjects.bucket("default", "ci"))
    await state.put(subjects.key("both"), kept.write(join.JoinState(), {key: matches}))
    async with open_ledger(folder) as ledger:
        for _ in range(POISON):
            await ledger.begin("default/ci", [key])
    return sensor(both, dependencies=TWO), events, key


def by_event(folder: Path, name: str = "both") -> dict[str, str]:
    return {row["event"]: row["outcome"] for row in read_outcomes(folder) if row["trigger"] == name}


async def test_rounds_that_together_are_more_than_the_bus_takes_wait_for_each_other(tmp_path: Path) -> None:
    """The target is slow, and the events are large."""
    both = {**trigger("both"), "template": {**trigger("both")["template"], "conditions": "push && approval"}}
    answered = asyncio.Event()

    class Slow(Target):
        async def create(self, obj: Object) -> Object:
            await answered.wait()
            return await super().create(obj)

    server = Server(tmp_path / "nats")
    await server.start(max_payload=100_000)
    try:
        async with jetstream.connect(server.address, name="test") as bus:
            await bus.ensure_stream()
            target = Slow()
            async with run(sensor(both, dependencies=TWO), bus, target, tmp_path) as runner:
                for number in range(3):
                    await bus.publish(event(f"p{number}", data=b"x" * 20_000))
                    await bus.publish(event(f"a{number}", name="approval", data=b"x" * 20_000))
                await until(lambda: len(runner._joins["both"]._rounds) == 2)
                answered.set()
                await until(lambda: len(target.created) == 3)
    finally:
        await server.stop()
    assert set(by_event(tmp_path).values()) == {"submitted"}


async def test_an_event_that_is_too_large_beside_what_it_waits_for_is_a_dead_letter(tmp_path: Path) -> None:
    """It ended the process, three times, and nobody was told why."""
    both = {**trigger("both"), "template": {**trigger("both")["template"], "conditions": "push && approval"}}
    compiled = sensor(both, dependencies=TWO)
    server = Server(tmp_path / "nats")
    await server.start(max_payload=100_000)
    try:
        async with jetstream.connect(server.address, name="test") as bus:
            await bus.ensure_stream()
            target = Target()
            async with run(compiled, bus, target, tmp_path):
                await bus.publish(event("large", data=b"x" * 40_000))
                await bus.publish(event("too-large", name="approval", data=b"x" * 40_000))
                await until(lambda: bool(read_rounds(tmp_path, states=(RoundState.DEAD,))))
                await bus.publish(event("small", name="approval"))
                await until(lambda: by_event(tmp_path).get("small") == "submitted")
                [letter] = read_rounds(tmp_path, states=(RoundState.DEAD,))
                assert (letter.events, letter.reason) == ("too-large", "CannotWait")
                assert "trigger 'both' waits with cannot be kept" in letter.detail
                assert by_event(tmp_path) == {"large": "submitted", "too-large": "refused", "small": "submitted"}
                order_retry(tmp_path, [letter.key])
                await bus.publish(event("next"))
                await until(lambda: by_event(tmp_path).get("too-large") == "submitted")
                await until(lambda: not read_rounds(tmp_path, states=RoundState))
    finally:
        await server.stop()
    assert by_event(tmp_path)["next"] == "submitted"
    [account] = [one for one in read_accounts(tmp_path) if one.trigger == "both"]
    assert account.difference == 0
