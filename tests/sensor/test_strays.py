"""An event that has left its join does not wait for ever, whenever a process ends."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from eventbus import subjects
from eventbus.jetstream import JetStreamBus
from eventbus.ledger import read_outcomes
from eventbus.rounds import RoundState, order_retry, read_rounds
from eventbus.tally import read_accounts
from events.errors import Refused
from sensor import join, kept
from sensor.plan import CompiledSensor
from tests.support.nats import bus, event, nats, until
from tests.support.sensor import TWO, Target, run, sensor, trigger

__all__ = ["bus", "nats"]


def joining(conditions: str = "push && approval", *, dependencies: Any = TWO, reset: str = "") -> CompiledSensor:
    template = {**trigger("both")["template"], "conditions": conditions}
    if reset:
        template["conditionsReset"] = [{"byTime": {"cron": reset}}]
    return sensor({**trigger("both"), "template": template}, dependencies=dependencies)


def outcomes(folder: Path) -> dict[str, str]:
    return {row["event"]: row["outcome"] for row in read_outcomes(folder)}


def by_trigger(folder: Path) -> dict[str, str]:
    return {row["trigger"]: row["outcome"] for row in read_outcomes(folder)}


async def one_waits(bus: JetStreamBus, folder: Path) -> None:
    async with run(joining(), bus, Target(), folder):
        await bus.publish(event("e1"))
        await until(lambda: outcomes(folder) == {"e1": "waiting"})


async def save(bus: JetStreamBus, *ids: str, time: datetime | None = None) -> None:
    """The join's state as a process has left it that ended before it told the ledger."""
    matches = {}
    for one in ids:
        matches["push"] = join.Match("push", one, kept.Arrived(event(one), ""), time or datetime.now(UTC))
    state = await bus.state(subjects.bucket("default", "ci"))
    await state.put(subjects.key("both"), kept.write(join.JoinState(matches), {}))


async def test_an_event_that_was_replaced_as_its_process_ended_is_told(bus: JetStreamBus, tmp_path: Path) -> None:
    await one_waits(bus, tmp_path)
    await save(bus, "e2")
    target = Target()
    async with run(joining(), bus, target, tmp_path):
        await bus.publish(event("e2"))
        await until(lambda: outcomes(tmp_path) == {"e1": "replaced", "e2": "waiting"})
        await bus.publish(event("e3", name="approval"))
        await until(lambda: outcomes(tmp_path) == {"e1": "replaced", "e2": "submitted", "e3": "submitted"})
    [account] = read_accounts(tmp_path)
    assert (account.submitted, account.filtered, account.pending, account.difference) == (2, 1, 0, 0)
    assert len(target.created) == 1


async def test_an_event_that_waits_goes_on_waiting_after_a_restart(bus: JetStreamBus, tmp_path: Path) -> None:
    await one_waits(bus, tmp_path)
    target = Target()
    async with run(joining(), bus, target, tmp_path):
        await bus.publish(event("e2", name="approval"))
        await until(lambda: outcomes(tmp_path) == {"e1": "submitted", "e2": "submitted"})
    assert len(target.created) == 1


async def test_a_retry_that_is_ordered_meanwhile_is_carried_out_too(bus: JetStreamBus, tmp_path: Path) -> None:
    """It was carried out before that, when nothing was there yet to do it with, and ended the process."""
    both = {**trigger("both"), "template": {**trigger("both")["template"], "conditions": "push && approval"}}
    single = {**trigger("single"), "template": {**trigger("single")["template"], "conditions": "push"}}
    async with run(sensor(both, single, dependencies=TWO), bus, Target(Refused("no")), tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: by_trigger(tmp_path) == {"both": "waiting", "single": "refused"})
    order_retry(tmp_path, [one.key for one in read_rounds(tmp_path, states=[RoundState.DEAD])])
    async with run(sensor(single, dependencies=TWO), bus, Target(), tmp_path):
        await until(lambda: by_trigger(tmp_path) == {"both": "reset", "single": "submitted"})


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (sensor(trigger("other"), dependencies=TWO), "the trigger is no more"),
        (joining("approval"), "the trigger is no more, or does not wait"),
        (
            joining("approval && more", dependencies=[TWO[1], {**TWO[1], "name": "more"}]),
            "does not wait for it any more",
        ),
    ],
)
async def test_an_event_whose_condition_has_changed_waits_no_more(
    bus: JetStreamBus, tmp_path: Path, changed: CompiledSensor, words: str
) -> None:
    await one_waits(bus, tmp_path)
    async with run(changed, bus, Target(), tmp_path):
        await until(lambda: outcomes(tmp_path) == {"e1": "reset"})
    [row] = read_outcomes(tmp_path)
    assert words in row["detail"]


async def test_an_event_whose_join_has_lost_its_state_is_told(bus: JetStreamBus, tmp_path: Path) -> None:
    await one_waits(bus, tmp_path)
    state = await bus.state(subjects.bucket("default", "ci"))
    await state.delete(subjects.key("both"))
    async with run(joining(), bus, Target(), tmp_path):
        await until(lambda: outcomes(tmp_path) == {"e1": "reset"})
    [row] = read_outcomes(tmp_path)
    assert row["detail"] == "the state that it waited in is gone from the bus"


async def test_an_event_from_before_the_last_reset_is_told(bus: JetStreamBus, tmp_path: Path) -> None:
    await one_waits(bus, tmp_path)
    await save(bus, "e1", time=datetime(2020, 1, 1, tzinfo=UTC))
    async with run(joining(reset="0 0 1 1 *"), bus, Target(), tmp_path):
        await until(lambda: outcomes(tmp_path) == {"e1": "reset"})
    [row] = read_outcomes(tmp_path)
    assert row["detail"] == "a time of conditionsReset came"


async def test_an_event_that_a_reset_dropped_as_its_process_ended_is_told(bus: JetStreamBus, tmp_path: Path) -> None:
    await one_waits(bus, tmp_path)
    await save(bus)
    async with run(joining(reset="0 0 1 1 *"), bus, Target(), tmp_path):
        await until(lambda: outcomes(tmp_path) == {"e1": "replaced"})
    [row] = read_outcomes(tmp_path)
    assert "or a time of conditionsReset came; the process ended" in row["detail"]
