"""Step 10 · the ledger: what became of each (event, trigger). At most one submission for each pair rests on it.

The order is always: submit, write it down here, acknowledge the message. A submission that was written down is never made
again, whatever the bus delivers. Kept in SQLite with group commit, in the state folder; readable by other processes.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from eventbus import changes, marks, rounds, tally
from eventbus.changes import Entry, EventRecord, Write
from eventbus.rounds import KeptRound, RoundState
from eventbus.tally import Account, Checkpoint, Units
from events.crashpoints import crash_at
from events.errors import Unavailable
from events.groupcommit import GroupCommit, connect, read

__all__ = [
    "FILE",
    "Commits",
    "Entry",
    "EventRecord",
    "Ledger",
    "find_event_ids",
    "open_ledger",
    "read_events",
    "read_outcomes",
]

FILE = "ledger.db"

_KNOWN = ("submitted", "pending", "refused")
"""Outcomes that matter to a second message with the same event."""


class Commits(Protocol):
    """Writes one after the other, in the order in which they are submitted."""

    def submit(self, item: Write, /) -> asyncio.Future[None]:
        """The future is done when it is durable, and read back by the ledger."""
        ...


class Ledger:
    """Reads are direct, writes go through group commit."""

    def __init__(self, path: Path, commits: Commits) -> None:
        self._commits = commits
        self._reader = connect(path, read_only=True)
        self.problem = ""
        """Why the last write failed; empty when it succeeded."""

    async def _write(self, write: Write) -> None:
        try:
            await self._commits.submit(write)
        except Unavailable as error:
            self.problem = str(error)
            raise
        self.problem = ""

    def close(self) -> None:
        """Close the reading side."""
        self._reader.close()

    def known(self, sensor: str, event_ids: Iterable[str]) -> dict[tuple[str, str, str], str]:
        """``submitted``, ``pending`` (it waits for its target) or ``refused``, by the ``(event, trigger, dependency)`` of this sensor among these events."""
        ids = list(event_ids)
        places = ",".join("?" * len(ids))
        query = f"SELECT event, trigger, dependency, outcome FROM outcome WHERE event IN ({places}) AND sensor = ? AND outcome IN (?, ?, ?)"  # noqa: S608
        rows = self._reader.execute(query, (*ids, sensor, *_KNOWN))
        return {(r["event"], r["trigger"], r["dependency"]): r["outcome"] for r in rows}

    def waiting(self, sensor: str) -> list[tuple[str, str, str]]:
        """The ``(event, trigger, dependency)`` of this sensor that wait for the other events of a condition."""
        query = "SELECT event, trigger, dependency FROM outcome WHERE sensor = ? AND outcome = 'waiting'"
        return [tuple(row) for row in self._reader.execute(query, (sensor,))]

    async def record(
        self,
        events: Sequence[EventRecord],
        entries: Sequence[Entry],
        *,
        kept: Sequence[KeptRound] = (),
        gone: Sequence[str] = (),
        settled: Sequence[marks.Mark] = (),
    ) -> None:
        """Write down events, what became of them, rounds to be kept and keys of rounds that are at their end; returns when it is on
        disk. Marks of what is ``settled`` go.
        """
        await self._write(Write(events, entries, kept, gone, settled=settled))

    # -- rounds that are kept ----------------------------------------------------------------------------------------

    def due(
        self, sensor: str, trigger: str, state: RoundState, now: float, limit: int, without: Sequence[str] = ()
    ) -> list[KeptRound]:
        """Kept rounds of a trigger whose time has come, the longest due first; not those that wait for one of some targets."""
        return rounds.due_rounds(self._reader, sensor, trigger, state, now, limit, without)

    def next_due(self, sensor: str, trigger: str) -> float | None:
        """When the next parked round of a trigger is due; None when there is none."""
        return rounds.next_due(self._reader, sensor, trigger)

    def parked(self, sensor: str) -> dict[str, int]:
        """How many rounds of a sensor wait for their target, by trigger."""
        return rounds.count_parked(self._reader, sensor)

    def has_round(self, sensor: str, trigger: str, event_id: str) -> bool:
        """Whether a round of a trigger with this event is kept: parked, or a dead letter."""
        return rounds.has_round(self._reader, sensor, trigger, event_id)

    def letters(self, sensor: str) -> int:
        """How many dead letters a sensor has."""
        return rounds.count_letters(self._reader, sensor)

    def ordered(self, sensor: str) -> set[str]:
        """The triggers of a sensor that have dead letters which are to be retried."""
        return rounds.ordered(self._reader, sensor)

    def ordered_rounds(self, ending: str, limit: int) -> list[KeptRound]:
        """Dead letters that are to be retried, of all sensors whose names end so."""
        return rounds.ordered_rounds(self._reader, ending, limit)

    # -- marks and holds ---------------------------------------------------------------------------------------------

    async def begin(self, sensor: str, what: Iterable[str]) -> None:
        """Mark what was under way when a process ended, before it is tried again."""
        await self._write(Write(begun=[(sensor, one) for one in what]))

    async def unmark(self, sensor: str, what: Iterable[str]) -> None:
        """It did not end the process."""
        await self._write(Write(settled=[(sensor, one) for one in what]))

    def marks(self, sensor: str) -> dict[str, int]:
        """How often a sensor has begun with what is not settled."""
        return marks.count_marks(self._reader, sensor)

    def held_since(self, sensor: str) -> float:
        """Since when a sensor is to be held; 0 when it is not."""
        return marks.held_since(self._reader, sensor)

    async def confirm(self, sensor: str, since: float) -> None:
        """A sensor is held by the hold of this moment, or (0) goes on."""
        await self._write(Write(obeyed=(sensor, since)))

    async def ignore(self, sensor: str, sequence: int) -> None:
        """A message that is no event is settled, and counts for no trigger."""
        await self._write(Write(ignored=[(sensor, sequence, "")]))

    # -- accounting --------------------------------------------------------------------------------------------------

    async def count_by(self, units: Sequence[Units]) -> None:
        """Make known how messages count, before the first of them is recorded."""
        await self._write(Write(units=units))

    def accounts(self) -> list[Account]:
        """The accounts of all triggers."""
        return tally.accounts_of(self._reader)

    def seen_between(self, sensor: str, after: int, until: int) -> int:
        """How many messages of a sensor were settled with a place in the stream in ``(after, until]``."""
        query = "SELECT count(*) FROM seen WHERE sensor = ? AND sequence > ? AND sequence <= ?"
        count: int = self._reader.execute(query, (sensor, after, until)).fetchone()[0]
        return count

    def last_seen(self, sensor: str) -> int:
        """The last place in the stream that a sensor has settled; 0 when there is none."""
        query = "SELECT max(sequence) FROM seen WHERE sensor = ?"
        return self._reader.execute(query, (sensor,)).fetchone()[0] or 0

    def checkpoint(self, sensor: str) -> Checkpoint | None:
        """How far a sensor was compared with its stream."""
        query = "SELECT sensor, stream, sequence, checked, lost FROM checkpoint WHERE sensor = ?"
        row = self._reader.execute(query, (sensor,)).fetchone()
        return None if row is None else Checkpoint(*row)

    async def check_off(self, checkpoint: Checkpoint) -> None:
        """A sensor was compared up to here; what was seen well before need not be remembered."""
        await self._write(Write(checkpoint=checkpoint))


def _apply(connection: sqlite3.Connection, writes: list[Write]) -> list[None]:
    changes.apply(connection, changes.changes_of(writes, time.time()))
    return [None] * len(writes)


@asynccontextmanager
async def open_ledger(folder: Path) -> AsyncIterator[Ledger]:
    """The ledger of a state folder."""
    path = folder / FILE
    _bring_up_to_date(path)
    async with GroupCommit(path, changes.SCHEMA, _apply) as commits:
        ledger = Ledger(path, commits)
        try:
            yield ledger
        finally:
            ledger.close()


def _bring_up_to_date(path: Path) -> None:
    """Give a ledger of an older version the columns that came later."""
    if not path.exists():
        return
    connection = connect(path)
    try:
        columns = {row["name"] for row in connection.execute("PRAGMA table_info(outcome)")}
        if columns and "sequence" not in columns:
            connection.execute("ALTER TABLE outcome ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0")
    except sqlite3.Error as error:
        raise Unavailable(f"{path} cannot be read: {error}") from None
    finally:
        connection.close()


def forget(folder: Path, before: int) -> int:
    """Drop what was recorded before this moment (seconds since 1970); returns how many rows went. Raises Unavailable."""
    path = folder / FILE
    if not path.exists():
        return 0
    connection = connect(path)
    crash_at("forget.before")
    try:
        gone = changes.forget(connection, before)
        crash_at("forget.after")
        return gone
    except sqlite3.Error as error:
        raise Unavailable(f"{path} cannot be written: {error}") from None
    finally:
        connection.close()


def read_events(folder: Path, *, event_id: str = "", namespace: str = "", limit: int = -1) -> Iterator[dict[str, Any]]:
    """Recorded events of a state folder, oldest first, the last ``limit`` of them (-1: all). Raises Unavailable when the file cannot be
    read.
    """
    query = (
        "SELECT * FROM (SELECT * FROM event WHERE (? = '' OR id = ?) AND (? = '' OR namespace = ?) "
        "ORDER BY recorded DESC, sequence DESC LIMIT ?) ORDER BY recorded, sequence"
    )
    return map(dict, read(folder / FILE, query, (event_id, event_id, namespace, namespace, limit)))


def find_event_ids(folder: Path, beginning: str) -> list[str]:
    """The ids that begin so, at most ten; one alone where it is a whole id. Raises Unavailable when the file cannot be read."""
    query = "SELECT DISTINCT id FROM event WHERE substr(id, 1, ?) = ? ORDER BY id != ?, id LIMIT 10"
    found = [row["id"] for row in read(folder / FILE, query, (len(beginning), beginning, beginning))]
    return found[:1] if beginning in found else found


def read_outcomes(folder: Path, event_id: str = "") -> Iterator[dict[str, Any]]:
    """What became of an event (or of all), by sensor and trigger. Raises Unavailable when the file cannot be read."""
    query = "SELECT * FROM outcome WHERE ? = '' OR event = ? ORDER BY sensor, trigger"
    return map(dict, read(folder / FILE, query, (event_id, event_id)))
