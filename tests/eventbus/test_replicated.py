"""A ledger on the bus: every copy is equal, one process writes, and what it answered for survives the loss of its disk."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from eventbus import changes, ledgercopy, ledgerlog, replicated
from eventbus.api import JetStreamApi
from eventbus.connection import Connection, open_connection
from eventbus.embedded import EmbeddedNats
from eventbus.ledger import Entry, EventRecord
from eventbus.ledgercopy import LedgerCopy, orders_done
from eventbus.ledgerlog import LedgerLog
from eventbus.marks import read_holds, read_obeyed
from eventbus.replicated import ReplicatedLedger, open_replicated
from eventbus.rounds import KeptRound, RoundState, read_rounds
from eventbus.tally import Checkpoint, Units, read_accounts
from events.errors import PointsmanError, Superseded
from events.groupcommit import connect
from tests.support.nats import kill, nats

__all__ = ["nats"]

DAY = 24 * 3600.0
SENSOR = "default/ci"
UNITS = Units({"start": 1})


@pytest.fixture
async def connection(nats: EmbeddedNats) -> AsyncIterator[Connection]:
    async with open_connection(nats.address("default", "default"), name="test") as one:
        await LedgerLog(JetStreamApi(one), "default", "ci").ensure()
        yield one


def copy_at(folder: Path, connection: Connection) -> LedgerCopy:
    folder.mkdir(exist_ok=True)
    copy = LedgerCopy(folder, LedgerLog(JetStreamApi(connection), "default", "ci"))
    copy.open()
    return copy


@asynccontextmanager
async def writing(copy: LedgerCopy, owner: str = "a") -> AsyncIterator[ReplicatedLedger]:
    async with open_replicated(copy, owner, retention=7 * DAY) as ledger:
        running = asyncio.create_task(ledger.run())
        await asyncio.sleep(0)
        try:
            yield ledger
        finally:
            await ledger.flush()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def tables(copy: LedgerCopy, *, without: tuple[str, ...] = ()) -> dict[str, list[Any]]:
    connection = sqlite3.connect(copy.path)
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    return {name: sorted(connection.execute(f"SELECT * FROM {name}")) for name in names if name not in without}


def record(number: int) -> EventRecord:
    return EventRecord(f"e{number}", "default", "default", "es", "push", "github", "t", "", number + 1, SENSOR, UNITS)


def entry(number: int, outcome: str = "submitted", sequence: int = -1) -> Entry:
    return Entry(
        f"e{number}", SENSOR, "start", "push", outcome, "", "é \ud800", number + 1 if sequence < 0 else sequence
    )


def kept(number: int, state: RoundState = RoundState.PARKED, matches: bytes = b'{"a":"\xc3\xa9"}') -> KeptRound:
    now = time.time()
    return KeptRound(
        f"k{number}", SENSOR, "start", state, now, "Away", "no", "t", 1, 0, now, now, f"e{number}", "", matches
    )


async def write_at_random(ledger: ReplicatedLedger, rng: random.Random, count: int) -> None:
    await ledger.count_by([UNITS])

    async def one(number: int) -> None:
        what = rng.choice(("submitted", "waiting", "pending", "refused", "again", "mark", "check"))
        if what == "mark":
            await ledger.begin(SENSOR, [str(number)])
            if rng.random() < 0.5:
                await ledger.unmark(SENSOR, [str(number)])
        elif what == "check":
            await ledger.check_off(Checkpoint(SENSOR, "s", number, number, 0))
        elif what == "again":
            await ledger.record([record(number // 2)], [entry(number // 2, "duplicate", number)])
        else:
            rounds = {"pending": [kept(number)], "refused": [kept(number, RoundState.DEAD)]}.get(what, [])
            await ledger.record([record(number)], [entry(number, what)], kept=rounds)
            if what == "pending" and rng.random() < 0.5:
                await ledger.record([], [entry(number, "submitted", 0)], gone=[f"k{number}"])

    for start in range(0, count, 50):
        await asyncio.gather(*(one(start + number) for number in range(50)))


async def test_every_copy_is_equal(tmp_path: Path, connection: Connection) -> None:
    first, second = copy_at(tmp_path / "a", connection), copy_at(tmp_path / "b", connection)
    async with writing(first) as ledger:
        await write_at_random(ledger, random.Random(1), 300)
        await second.catch_up()
        await write_at_random(ledger, random.Random(2), 300)
        await ledger.obey(7, held=[(SENSOR, True), ("default/other", False)], again=["k1"])
        await second.catch_up()
        assert read_obeyed(tmp_path / "b") == {}
        await ledger.confirm(SENSOR, ledger.held_since(SENSOR))
    third = copy_at(tmp_path / "c", connection)
    for copy in (first, second, third):
        await copy.catch_up()
    assert tables(first) == tables(second) == tables(third)
    assert third.orders == orders_done(tmp_path / "c") == 7
    assert read_obeyed(tmp_path / "c") == {SENSOR: True}
    [account] = read_accounts(tmp_path / "c")
    assert account.stored > 200


async def test_of_two_writers_the_earlier_is_superseded_and_loses_nothing_that_it_answered(
    tmp_path: Path, connection: Connection
) -> None:
    first, second = copy_at(tmp_path / "a", connection), copy_at(tmp_path / "b", connection)
    answered: list[int] = []

    async def write(ledger: ReplicatedLedger) -> None:
        for number in range(10_000):
            await ledger.record([record(number)], [entry(number)])
            answered.append(number)

    async with open_replicated(first, "a", retention=7 * DAY) as ledger:
        running = asyncio.create_task(ledger.run())
        writers = asyncio.create_task(write(ledger))
        while len(answered) < 50:
            await asyncio.sleep(0.01)
        async with writing(second, "b") as other:
            await other.record([record(20_000)], [entry(20_000)])
            with pytest.raises(Superseded):
                await writers
            with pytest.raises(ExceptionGroup) as caught:
                await running
            assert caught.group_contains(Superseded)
            with pytest.raises(Superseded):
                await ledger.record([], [])
        found = {row[0] for row in tables(second)["event"]}
    assert found == {f"e{number}" for number in [*answered, 20_000]}


async def test_a_record_may_be_larger_than_a_message_and_one_that_was_cut_off_is_left_out(
    tmp_path: Path, connection: Connection
) -> None:
    copy = copy_at(tmp_path / "a", connection)
    noise = random.Random(3).randbytes(3 << 20)
    async with writing(copy) as ledger:
        await ledger.record([], [], kept=[kept(1, matches=noise)])
    log = copy.log
    await log.api.store(log.stream, log.log, b"x", {ledgerlog._PART: "1/3"})
    await log.api.store(log.stream, log.log, b"x", {ledgerlog._PART: "2/3"})
    fresh = copy_at(tmp_path / "b", connection)
    async with writing(fresh, "b") as ledger:
        await ledger.record([], [], kept=[kept(2)])
    for folder in ("b", "c"):
        copy = copy_at(tmp_path / folder, connection)
        await copy.catch_up()
        found = read_rounds(tmp_path / folder, states=RoundState)
        assert [one.key for one in found] == ["k1", "k2"]
        assert found[0].matches == noise


async def test_what_must_outlive_the_log_does(
    tmp_path: Path, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=time.time() - 20 * DAY)
    for module in (replicated, ledgercopy):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: clock.now, monotonic=time.monotonic))
    monkeypatch.setattr(replicated, "_TRIMMED_HOURS", 1)
    copy = copy_at(tmp_path / "a", connection)
    async with writing(copy) as ledger:
        await write_at_random(ledger, random.Random(4), 300)
        await ledger.obey(5, held=[(SENSOR, True)])
        await ledger.confirm(SENSOR, ledger.held_since(SENSOR))
        clock.now += 15 * DAY
        await ledger.record([record(9_000)], [entry(9_000)])
        dropped = await ledger.trim(clock.now)
        assert dropped > 10
        await ledger.record([record(9_001)], [entry(9_001), entry(1, "submitted", 0)])
    fresh = copy_at(tmp_path / "b", connection)
    await fresh.catch_up()
    assert tables(copy, without=("trail",)) == tables(fresh, without=("trail",))
    assert len(tables(fresh)["round"]) > 20
    assert fresh.orders == 5
    assert read_obeyed(tmp_path / "b") == {SENSOR: True}
    assert read_accounts(tmp_path / "b")[0].stored > 100
    async with writing(fresh, "b") as ledger:  # and again
        await ledger.trim(clock.now)
        assert await ledger.trim(clock.now + 20 * DAY) > 0
        await ledger.record([record(9_002)], [entry(9_002)])
    again = copy_at(tmp_path / "c", connection)
    await again.catch_up()
    assert tables(fresh, without=("trail",)) == tables(again, without=("trail",))


async def test_nothing_is_lost_or_doubled_while_the_bus_is_killed(
    tmp_path: Path, nats: EmbeddedNats, connection: Connection
) -> None:
    copy = copy_at(tmp_path / "a", connection)
    async with writing(copy) as ledger:
        await ledger.count_by([UNITS])
        stop = asyncio.Event()
        answered = 0

        async def write(writer: int) -> None:
            nonlocal answered
            number = writer
            while not stop.is_set():
                await ledger.record([record(number)], [entry(number)])
                await ledger.begin(SENSOR, ["count"])  # not the same when it is done twice
                answered += 1
                number += 20

        writers = [asyncio.create_task(write(one)) for one in range(20)]
        for _ in range(3):
            await asyncio.sleep(0.5)
            await kill(nats)
        await asyncio.sleep(1)
        stop.set()
        await asyncio.gather(*writers)
        assert ledger.marks(SENSOR) == {"count": answered}
    fresh = copy_at(tmp_path / "b", connection)
    await fresh.catch_up()
    assert tables(copy) == tables(fresh)


async def test_when_the_bus_has_lost_the_log_the_copy_begins_it_anew(tmp_path: Path, connection: Connection) -> None:
    copy = copy_at(tmp_path / "a", connection)
    async with writing(copy) as ledger:
        await ledger.record([record(1)], [entry(1, "pending")], kept=[kept(1)])
    await copy.log.api.call(f"STREAM.DELETE.{copy.log.stream}")
    await copy.log.ensure()
    async with writing(copy) as ledger:
        await asyncio.sleep(0.5)
        await ledger.record([record(2)], [entry(2)])
        assert ledger.parked(SENSOR) == {"start": 1}
    fresh = copy_at(tmp_path / "b", connection)
    await fresh.catch_up()
    assert [one.key for one in read_rounds(tmp_path / "b", states=RoundState)] == ["k1"]


async def test_a_copy_that_cannot_be_read_or_was_cut_off_is_made_anew(tmp_path: Path, connection: Connection) -> None:
    copy = copy_at(tmp_path / "a", connection)
    async with writing(copy) as ledger:
        await write_at_random(ledger, random.Random(5), 100)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "ledger.db").write_bytes(b"this is no database" * 100)
    cut = copy_at(tmp_path / "c", connection)
    await cut.catch_up()
    cut._execute("UPDATE replica SET whole = 0")
    cut._execute("DELETE FROM outcome")
    cut.close()
    for folder in ("b", "c"):
        fresh = copy_at(tmp_path / folder, connection)
        await fresh.catch_up()
        assert tables(copy) == tables(fresh)


def test_a_record_of_another_version_is_an_error_and_no_crash() -> None:
    for data in (b"", b"x", changes.encode(changes.changes_of([], 1.0))[:-3]):
        with pytest.raises(PointsmanError):
            changes.decode(data)


def test_what_a_newer_version_adds_to_a_record_is_left_out(tmp_path: Path) -> None:
    written = changes.changes_of([changes.Write(held=[("default/ci", True)])], 1.0)
    newer = changes.decode(changes.encode(written._replace(rare=[("added later", ["x"]), *written.rare])))
    with closing(connect(tmp_path / "ledger.db")) as connection:
        connection.executescript(changes.SCHEMA)
        changes.apply(connection, newer)
    assert read_holds(tmp_path) == {"default/ci": 1.0}
