"""Step 10 · what one group commit does to a ledger, as plain rows: a value that can be applied to the SQLite file here, or written down as
bytes and applied to each copy elsewhere, with the same result.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from eventbus import marks, rounds, tally
from eventbus.rounds import KeptRound
from eventbus.tally import Checkpoint, Units
from events.crashpoints import crash_at
from events.errors import Unavailable
from events.groupcommit import insert

__all__ = ["SCHEMA", "Changes", "Entry", "EventRecord", "Write", "apply", "changes_of", "decode", "encode", "forget"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
  id TEXT NOT NULL, namespace TEXT NOT NULL, bus TEXT NOT NULL, source TEXT NOT NULL, name TEXT NOT NULL,
  type TEXT NOT NULL, time TEXT NOT NULL, delivery TEXT NOT NULL, sequence INTEGER NOT NULL, recorded INTEGER NOT NULL,
  PRIMARY KEY (namespace, bus, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS event_recorded ON event (recorded);
CREATE TABLE IF NOT EXISTS outcome (
  event TEXT NOT NULL, sensor TEXT NOT NULL, trigger TEXT NOT NULL, dependency TEXT NOT NULL, outcome TEXT NOT NULL,
  target TEXT NOT NULL, detail TEXT NOT NULL, recorded INTEGER NOT NULL, sequence INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (event, sensor, trigger, dependency)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS outcome_recorded ON outcome (recorded);
CREATE INDEX IF NOT EXISTS outcome_waiting ON outcome (sensor) WHERE outcome = 'waiting';
""" + "".join((rounds.SCHEMA, marks.SCHEMA, tally.SCHEMA))
"""All tables of a ledger."""


@dataclass(frozen=True, slots=True)
class EventRecord:
    """What is remembered of an event. ``sequence`` is its place in the bus's stream; ``delivery`` the forge's id.

    ``sensor`` has settled the message, which counts for its triggers as ``units`` say; nothing is counted without them.
    """

    id: str
    namespace: str
    bus: str
    source: str
    name: str
    type: str
    time: str
    delivery: str = ""
    sequence: int = 0
    sensor: str = ""
    units: Units | None = None


class Entry(NamedTuple):
    """What became of one event for one trigger, by the dependency that it came through.

    ``outcome`` is ``submitted``, ``filtered``, ``error``, ``waiting`` (for the other events of its condition), ``replaced`` (a newer event
    took its place), ``reset`` (it waited, and a time of conditionsReset came), ``pending`` (tried again later),
    ``submitting`` (an attempt is under way for more than a moment), ``duplicate`` or ``refused`` (a dead letter). ``sensor`` is ``namespace/name``; ``target`` names what was made; ``detail`` is the reason in words.
    ``sequence`` is the place of the message that brought it; 0 for later news of it.
    """

    event: str
    sensor: str
    trigger: str
    dependency: str
    outcome: str
    target: str = ""
    detail: str = ""
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Write:
    """What one caller wants written; all of it is, or nothing.

    ``held`` names sensors to hold (True) or release, ``obeyed`` which hold a sensor obeys by now; ``again`` keys of dead letters to be retried; what was recorded before ``forget``
    (seconds since 1970) goes. ``orders`` is the place of the last order that was carried out (``orders``), ``writer`` who writes from now on.
    """

    events: Sequence[EventRecord] = ()
    entries: Sequence[Entry] = ()
    kept: Sequence[KeptRound] = ()
    gone: Sequence[str] = ()
    begun: Sequence[marks.Mark] = ()
    settled: Sequence[marks.Mark] = ()
    units: Sequence[Units] = ()
    ignored: Sequence[tuple[str, int, str]] = ()
    checkpoint: Checkpoint | None = None
    held: Sequence[tuple[str, bool]] = ()
    obeyed: tuple[str, float] | None = None
    again: Sequence[str] = ()
    forget: int = 0
    orders: int = 0
    writer: str = ""


Row = Sequence[Any]


class Changes(NamedTuple):
    """The rows of a group, and the moment (seconds since 1970) that they were written at."""

    time: float
    events: Sequence[Row]
    outcomes: Sequence[Row]
    seen: Sequence[Row]
    kept: Sequence[Row]
    gone: Sequence[str]
    rare: Sequence[tuple[str, Any]]
    """What is not in every group, by its name (``_RARE``), in the order of the writes."""


def changes_of(writes: Iterable[Write], moment: float) -> Changes:
    """What these writes do, all at this moment."""
    events: list[Row] = []
    outcomes: list[Row] = []
    seen: list[Row] = []
    kept: list[Row] = []
    gone: list[str] = []
    rare: list[tuple[str, Any]] = []
    for w in writes:
        for e in w.events:
            events.append((e.id, e.namespace, e.bus, e.source, e.name, e.type, e.time, e.delivery, e.sequence))
            if e.units is not None:
                seen.append((e.sensor, e.sequence, e.units.id))
        outcomes += map(tuple, w.entries)
        seen += w.ignored
        kept += map(rounds.row_of, w.kept)
        gone += w.gone
        for name, value in (
            ("begun", w.begun),
            ("settled", w.settled),
            ("units", [(one.id, *row) for one in w.units for row in one.counts.items()]),
            ("checkpoint", w.checkpoint and tuple(w.checkpoint)),
            ("held", w.held),
            ("obeyed", w.obeyed),
            ("again", w.again),
            ("forget", w.forget),
            ("orders", w.orders),
            ("writer", w.writer),
        ):
            if value:
                rare.append((name, value))
    return Changes(moment, events, outcomes, seen, kept, gone, rare)


# -- to a database -------------------------------------------------------------------------------------------------------

# What was submitted stays so: a later word about the same pair (a duplicate, say) does not replace it. Nor does "waiting" replace what
# came of the wait, whichever was recorded first; only a message that is newer on the bus waits anew.
_KEEPS = """outcome.outcome = 'submitted' OR excluded.outcome = 'duplicate' OR (
  excluded.outcome = 'waiting' AND outcome.outcome NOT IN ('waiting', 'submitting', 'filtered', 'error', 'duplicate')
  AND (outcome.sequence = 0 OR excluded.sequence <= outcome.sequence))"""
_UPDATE = "ON CONFLICT DO UPDATE SET " + ", ".join(
    [f"{name} = CASE WHEN {_KEEPS} THEN outcome.{name} ELSE excluded.{name} END" for name in ("outcome", "target", "detail", "recorded")]
    + ["sequence = CASE WHEN excluded.sequence = 0 THEN outcome.sequence ELSE excluded.sequence END"]
)  # fmt: skip


def apply(connection: sqlite3.Connection, changes: Changes) -> None:
    """Into the tables, in the transaction that is open."""
    now = int(changes.time)
    crash_at("commit.begun")
    insert(connection, "INSERT OR IGNORE INTO event", [(*row, now) for row in changes.events])
    outcomes = [(*row[:7], now, row[7]) for row in changes.outcomes]
    insert(connection, "INSERT INTO outcome", outcomes, _UPDATE)
    if changes.seen:
        tally.write_seen(connection, changes.seen)
    if changes.kept or changes.gone:
        rounds.write_rounds(connection, changes.kept, changes.gone)
    for name, value in changes.rare:
        change = _RARE.get(name)
        if change is not None:  # or a newer version wrote it, for which another format was not called for
            change(connection, value, changes.time)
    crash_at("commit.applied")


def _check_off(connection: sqlite3.Connection, last: Row, moment: float) -> None:
    """A sensor was compared with its stream up to here; what was seen well before need not be remembered.

    A name that begins with a slash stands for those of all namespaces.
    """
    sensor, _, sequence, *_ = last
    connection.execute("INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?, ?, ?)", last)
    of = "substr(sensor, -length(?1)) = ?1" if sensor.startswith("/") else "sensor = ?1"
    connection.execute(f"DELETE FROM seen WHERE {of} AND sequence <= ?2", (sensor, sequence - _REMEMBERED))  # noqa: S608


_REMEMBERED = 10_000
"""Places before a checkpoint that are remembered: the bus may hand a message over again that was acknowledged."""

_RARE: dict[str, Callable[[sqlite3.Connection, Any, float], object]] = {
    "begun": lambda connection, rows, moment: marks.write_marks(connection, rows, ()),
    "settled": lambda connection, rows, moment: marks.write_marks(connection, (), rows),
    "units": lambda connection, rows, moment: tally.write_units(connection, rows),
    "checkpoint": _check_off,
    "held": marks.write_holds,
    "obeyed": lambda connection, row, moment: marks.write_obeyed(connection, *row),
    "again": rounds.write_again,
    "forget": lambda connection, before, moment: forget(connection, before),
    "orders": lambda connection, sequence, moment: None,  # only a copy remembers it
    "writer": lambda connection, name, moment: None,
}


def forget(connection: sqlite3.Connection, before: int) -> int:
    """Drop what was recorded before this moment (seconds since 1970) and is at its end; returns how many rows went."""
    pending = ", ".join(f"'{word}'" for word in tally.PENDING)
    query = f"DELETE FROM outcome WHERE recorded < ? AND outcome NOT IN ({pending})"  # noqa: S608
    gone = connection.execute(query, (before,)).rowcount
    gone += connection.execute("DELETE FROM round WHERE state = 'dead' AND last < ?", (before,)).rowcount
    gone += connection.execute("DELETE FROM event WHERE recorded < ?", (before,)).rowcount
    return gone


# -- as bytes ------------------------------------------------------------------------------------------------------------

_FORMAT = 1
_MATCHES = -1
"""The column of a kept round that holds bytes."""


def encode(changes: Changes) -> bytes:
    """Compressed JSON; what is no character becomes ``?``, as in the database."""
    kept = [(*row[:_MATCHES], row[_MATCHES].decode("latin-1")) for row in changes.kept]
    value = [_FORMAT, *changes._replace(kept=kept)]
    try:
        text = orjson.dumps(value)
    except TypeError:  # a lone surrogate
        text = orjson.dumps(_cleaned(value))
    return zlib.compress(text, 1)


def decode(data: bytes) -> Changes:
    """What ``encode`` wrote. Raises Unavailable for what another version has written."""
    try:
        version, *fields = orjson.loads(zlib.decompress(data))
        if version != _FORMAT:
            raise ValueError(f"format {version}")
        changes = Changes(*fields)
        kept = [(*row[:_MATCHES], row[_MATCHES].encode("latin-1")) for row in changes.kept]
        return changes._replace(kept=kept)
    except (ValueError, TypeError, zlib.error) as error:
        raise Unavailable(f"a record of the ledger cannot be read: {error}") from None


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, (list, tuple)):
        return [_cleaned(one) for one in value]
    return value
