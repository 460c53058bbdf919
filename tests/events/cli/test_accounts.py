"""``get deadletters|accounting|sensors``, ``retry``, ``hold`` and ``release`` on a state folder."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import time
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from eventbus import subjects
from eventbus.embedded import EmbeddedNats
from eventbus.jetstream import JetStreamBus
from eventbus.ledger import Entry, EventRecord, open_ledger
from eventbus.marks import read_holds
from eventbus.rounds import KeptRound, RoundState, read_rounds
from eventbus.tally import Checkpoint, Units
from events.cli import get, hold, release, retry
from events.cli.state import StateFolder
from events.cli.wire import write_addresses
from events.models.event import Event
from sensor import kept
from tests.support.nats import bus, event, nats

__all__ = ["bus", "nats"]

EVENT = Event("e1", "es", "github", "push", "2026-01-01T00:00:00Z", b'{"ref":"main"}')
CLI = {"get": get.command, "retry": retry.command, "hold": hold.command, "release": release.command}


def letter(key: str, trigger: str, state: RoundState = RoundState.DEAD) -> KeptRound:
    now = time.time() - 100
    matches = kept.write_round({"push": EVENT}, {"push": "d1"})
    words = "quota\x1b[2J exceeded"
    return KeptRound(
        key, "default/ci", trigger, state, 0.0, "Refused", words, "the API server", 2, 1, now, now, "e1", "d1", matches
    )


@pytest.fixture
async def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "version").write_text("1\n")
    units = Units({"start": 1, "note": 1})
    async with open_ledger(folder) as ledger:
        await ledger.count_by([units])
        record = EventRecord(
            "e1", "default", "default", "es", "push", "github", EVENT.time, "d1", 7, "default/ci", units
        )
        entries = [
            Entry("e1", "default/ci", t, "push", o, sequence=7)
            for t, o in (("start", "refused"), ("note", "submitted"))
        ]
        letters = [letter("abcd1", "start"), letter("abcd2", "other"), letter("xyz", "start", RoundState.PARKED)]
        await ledger.record([record], entries, kept=letters)
        await ledger.check_off(Checkpoint("default/ci", "s", 7, 1, 0))
    return folder


def call(state: Path, *arguments: str) -> Result:
    name, *rest = arguments
    return CliRunner().invoke(CLI[name], [*rest, "--state", str(state)])


def output(state: Path, *arguments: str) -> str:
    done = call(state, *arguments)
    assert done.exit_code == 0, done.output
    return done.output


def test_dead_letters_are_listed_without_what_would_steer_the_terminal(state: Path) -> None:
    header, first, second = output(state, "get", "deadletters", "-o", "wide").splitlines()
    assert header.split() == ["ID", "SENSOR", "TRIGGER", "EVENT", "REASON", "ATTEMPTS", "AGE", "DELIVERY", "DETAIL"]
    assert first.split()[:6] == ["abcd1", "default/ci", "start", "e1", "Refused", "2"]
    assert first.endswith("quota\\x1b[2J exceeded")
    assert second.startswith("abcd2")


def test_a_dead_letter_by_the_beginning_of_its_id_with_its_event(state: Path) -> None:
    shown = yaml.safe_load(output(state, "get", "dl", "abcd1", "-o", "yaml"))
    assert (shown["detail"], shown["events"][0]["data"], shown["events"][0]["deliveryId"]) == (
        "quota\x1b[2J exceeded", {"ref": "main"}, "d1",
    )  # fmt: skip
    assert call(state, "get", "dl", "abcd").exit_code == 1
    assert call(state, "get", "dl", "none").exit_code == 1


def test_accounts_are_listed_by_trigger(state: Path) -> None:
    items = json.loads(output(state, "get", "accounting", "ci", "-o", "json"))["items"]
    assert [(i["trigger"], i["stored"], i["submitted"], i["dead"], i["difference"]) for i in items] == [
        ("note", 1, 1, 0, 0), ("start", 1, 0, 1, 0),
    ]  # fmt: skip
    assert call(state, "get", "accounting", "other").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [(["abcd1"], {"abcd1"}), (["--all"], {"abcd1", "abcd2"}), (["--all", "--trigger", "other"], {"abcd2"})],
)
def test_a_retry_is_ordered_for_the_next_start(arguments: list[str], keys: set[str], state: Path) -> None:
    told = output(state, "retry", *arguments)
    assert told.endswith("will be retried when `pointsman up` starts with this state folder.\n")
    assert {one.key for one in read_rounds(state, states=(RoundState.AGAIN,))} == keys


@pytest.mark.parametrize(
    "arguments", [[], ["abcd1", "--all"], [""], ["abcd1", "--trigger", "other"], ["abcd1", "--sensor", "other"]]
)
def test_a_retry_must_say_of_what(arguments: list[str], state: Path) -> None:
    assert call(state, "retry", *arguments).exit_code == 2
    assert not read_rounds(state, states=(RoundState.AGAIN,))


def test_a_retry_of_what_is_named_and_of_all_is_told_that_only_one_goes(state: Path) -> None:
    assert "name dead letters or give --all, not both" in str(call(state, "retry", "--all", "abcd1").stderr)
    assert "name dead letters, or give --all" in str(call(state, "retry").stderr)


@pytest.mark.parametrize("more", [[], ["--no-wait"]])
@pytest.mark.parametrize("runs", [True, False])
def test_a_retry_for_a_sensor_that_is_held_says_so_instead_of_waiting(
    runs: bool, more: list[str], state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "_WAIT", 0.0)
    output(state, "hold", "sensor", "ci")
    if runs:
        StateFolder(state).write_running({"pid": os.getpid(), "buses": {}})
    told = output(state, "retry", "abcd1", *more)
    assert told == "abcd1: default/ci is held: tried after pointsman release sensor default/ci\n"
    assert {one.key for one in read_rounds(state, states=(RoundState.AGAIN,))} == {"abcd1"}


def test_a_retry_that_nobody_carries_out_in_time_is_no_success(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_WAIT", 0.0)
    StateFolder(state).write_running({"pid": os.getpid(), "buses": {}})
    done = call(state, "retry", "abcd1")
    assert done.exit_code == 1
    assert "abcd1: the order is written, and not carried out yet" in done.stderr
    assert {one.key for one in read_rounds(state, states=(RoundState.AGAIN,))} == {"abcd1"}


def test_an_unknown_dead_letter_changes_nothing(state: Path) -> None:
    assert call(state, "retry", "abcd1", "none").exit_code == 1
    assert not read_rounds(state, states=(RoundState.AGAIN,))


def test_a_sensor_is_held_and_released(state: Path) -> None:
    assert "default/ci is held when" in output(state, "hold", "sensor", "ci")
    assert set(read_holds(state)) == {"default/ci"}
    [shown] = json.loads(output(state, "get", "sensors", "-o", "json"))["items"]
    assert (shown["held"], shown["waiting"], shown["deadLetters"]) == (True, 1, 2)
    assert "default/ci goes on when" in output(state, "release", "sensor", "default/ci")
    assert not read_holds(state)


@pytest.mark.parametrize(("word", "order"), [("hold", "hold it"), ("release", "let it go on")])
def test_an_order_that_a_sensor_does_not_confirm_is_not_told_as_done(
    word: str, order: str, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hold, "_WAIT", 0.0)
    StateFolder(state).write_running({"pid": os.getpid(), "buses": {}})
    done = call(state, word, "sensor", "ci")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"default/ci: the order to {order} is written; the sensor has not confirmed it yet\n"


def test_a_ledger_from_before_confirmations_takes_orders(state: Path) -> None:
    with sqlite3.connect(state / "ledger.db") as older:
        older.execute("DROP TABLE obeyed")
    assert "default/ci is held when" in output(state, "hold", "sensor", "ci")


def test_the_hold_of_a_sensor_that_nobody_knows_is_kept_and_says_so(state: Path) -> None:
    done = call(state, "hold", "sensor", "-n", "team", "other")
    assert done.stdout == "team/other is held once it runs here.\n"
    assert done.stderr == "warning: no sensor team/other has run with this state folder\n"
    assert set(read_holds(state)) == {"team/other"}


@pytest.mark.parametrize("name", ["", "a/", "/a", "a/b/c"])
def test_what_can_be_no_name_of_a_sensor_is_not_held(name: str, state: Path) -> None:
    assert "is no name of a sensor" in str(call(state, "hold", "sensor", name).exception)
    assert not read_holds(state)


async def test_events_that_a_sensor_has_not_pulled_are_told_while_the_bus_runs(
    state: Path, nats: EmbeddedNats, bus: JetStreamBus
) -> None:
    await bus.subscribe(subjects.durable("default", "ci"), ["default.es.push"], paused=True)
    for name in ("push", "push", "other"):
        await bus.publish(event(name=name))
    addresses = {("default", "default"): nats.address("default", "default")}
    StateFolder(state).write_running({"pid": os.getpid(), "buses": write_addresses(addresses)})

    async def told(*more: str) -> str:
        return await asyncio.to_thread(output, state, "get", "sensors", *more)

    [shown] = json.loads(await told("-o", "json"))["items"]
    assert (shown["unread"], shown["waiting"]) == (2, 1)
    assert (await told("--no-headers")).split() == ["default/ci", "no", "2", "1", "2"]

    (state / "up.json").unlink()
    [shown] = json.loads(await told("-o", "json"))["items"]
    assert "unread" not in shown
    assert (await told("--no-headers")).split() == ["default/ci", "no", "-", "1", "2"]
