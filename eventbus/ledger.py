"""Step 10 · the ledger: what became of each (event, trigger). At most one submission for each pair rests on it.

The order is always: submit, write it down here, acknowledge the message. A submission that was written down is never made
again, whatever the bus delivers. Kept in SQLite with group commit, in the state folder; readable by other processes.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from events.errors import Unavailable
from events.groupcommit import GroupCommit, connect, insert, read

__all__ = ["Entry", "EventRecord", "Ledger", "open_ledger", "read_events", "read_outcomes"]

FILE = "ledger.db"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
  id TEXT NOT NULL, namespace TEXT NOT NULL, bus TEXT NOT NULL, source TEXT NOT NULL, name TEXT NOT NULL,
  type TEXT NOT NULL, time TEXT NOT NULL, delivery TEXT NOT NULL, sequence INTEGER NOT NULL, recorded INTEGER NOT NULL,
  PRIMARY KEY (namespace, bus, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS event_recorded ON event (recorded);
CREATE TABLE IF NOT EXISTS outcome (
  event TEXT NOT NULL, sensor TEXT NOT NULL, trigger TEXT NOT NULL, dependency TEXT NOT NULL, outcome TEXT NOT NULL,
  target TEXT NOT NULL, detail TEXT NOT NULL, recorded INTEGER NOT NULL,
  PRIMARY KEY (event, sensor, trigger, dependency)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS outcome_recorded ON outcome (recorded);
"""

SUBMITTED = "submitted"


@dataclass(frozen=True, slots=True)
class EventRecord:
    """What is remembered of an event. ``sequence`` is its place in the bus's stream; ``delivery`` the forge's id."""

    id: str
    namespace: str
    bus: str
    source: str
    name: str
    type: str
    time: str
    delivery: str = ""
    sequence: int = 0


class Entry(NamedTuple):
    """What became of one event for one trigger, by the dependency that it came through.

    ``outcome`` is ``submitted``, ``filtered``, ``error``, ``waiting`` (for the other events of its condition), ``duplicate`` or
    ``refused``. ``sensor`` is ``namespace/name``; ``target`` names what was made; ``detail`` is the reason in words.
    """

    event: str
    sensor: str
    trigger: str
    dependency: str
    outcome: str
    target: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Write:
    events: list[EventRecord] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)


class Ledger:
    """Reads are direct, writes go through group commit."""

    def __init__(self, path: Path, commits: GroupCommit[_Write, None]) -> None:
        self._commits = commits
        self._reader = connect(path, read_only=True)

    def close(self) -> None:
        """Close the reading side."""
        self._reader.close()

    def submitted(self, sensor: str, event_ids: Iterable[str]) -> set[tuple[str, str, str]]:
        """The ``(event, trigger, dependency)`` of this sensor that were submitted already, among these events."""
        ids = list(event_ids)
        marks = ",".join("?" * len(ids))
        query = (
            f"SELECT event, trigger, dependency FROM outcome WHERE event IN ({marks}) AND sensor = ? AND outcome = ?"  # noqa: S608
        )
        rows = self._reader.execute(query, (*ids, sensor, SUBMITTED))
        return {(r["event"], r["trigger"], r["dependency"]) for r in rows}

    async def record(self, events: list[EventRecord], entries: list[Entry]) -> None:
        """Write down events and what became of them; returns when it is on disk."""
        await self._commits.submit(_Write(events, entries))


# What was submitted stays so: a later word about the same pair (a duplicate, say) does not replace it.
_UNLESS_SUBMITTED = (
    "ON CONFLICT DO UPDATE SET outcome = excluded.outcome, target = excluded.target, detail = excluded.detail, "
    "recorded = excluded.recorded WHERE outcome != 'submitted'"
)


def _apply(connection: sqlite3.Connection, writes: list[_Write]) -> list[None]:
    now = int(time.time())
    events = [
        (e.id, e.namespace, e.bus, e.source, e.name, e.type, e.time, e.delivery, e.sequence, now)
        for write in writes
        for e in write.events
    ]
    outcomes = [
        (e.event, e.sensor, e.trigger, e.dependency, e.outcome, e.target, e.detail, now)
        for write in writes
        for e in write.entries
    ]
    insert(connection, "INSERT OR IGNORE INTO event", events)
    insert(connection, "INSERT INTO outcome", outcomes, _UNLESS_SUBMITTED)
    return [None] * len(writes)


@asynccontextmanager
async def open_ledger(folder: Path) -> AsyncIterator[Ledger]:
    """The ledger of a state folder."""
    path = folder / FILE
    async with GroupCommit(path, _SCHEMA, _apply) as commits:
        ledger = Ledger(path, commits)
        try:
            yield ledger
        finally:
            ledger.close()


def forget(folder: Path, before: int) -> int:
    """Drop what was recorded before this moment (seconds since 1970); returns how many rows went. Raises Unavailable."""
    path = folder / FILE
    if not path.exists():
        return 0
    connection = connect(path)
    try:
        gone = connection.execute("DELETE FROM outcome WHERE recorded < ?", (before,)).rowcount
        return gone + connection.execute("DELETE FROM event WHERE recorded < ?", (before,)).rowcount
    except sqlite3.Error as error:
        raise Unavailable(f"{path} cannot be written: {error}") from None
    finally:
        connection.close()


def read_events(folder: Path, *, event_id: str = "", namespace: str = "") -> Iterator[dict[str, Any]]:
    """Recorded events of a state folder, oldest first. Raises Unavailable when the file cannot be read."""
    query = "SELECT * FROM event WHERE (? = '' OR id = ?) AND (? = '' OR namespace = ?) ORDER BY recorded, sequence"
    return map(dict, read(folder / FILE, query, (event_id, event_id, namespace, namespace)))


def read_outcomes(folder: Path, event_id: str = "") -> Iterator[dict[str, Any]]:
    """What became of an event (or of all), by sensor and trigger. Raises Unavailable when the file cannot be read."""
    query = "SELECT * FROM outcome WHERE ? = '' OR event = ? ORDER BY sensor, trigger"
    return map(dict, read(folder / FILE, query, (event_id, event_id)))
