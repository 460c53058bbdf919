"""Step 10 · rounds that are kept in the ledger: those that wait for their target, and dead letters.

Each holds all that submitting it again needs (its events too: the bus may drop them), under the key that the same events and trigger
always have. So a round that is submitted again has the same names as before, and makes at most one object.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson

from events.errors import SpecError, Unavailable
from events.groupcommit import connect, insert, read

__all__ = ["SCHEMA", "KeptRound", "RoundState", "find_letters", "order_retry", "read_rounds"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS round (
  key TEXT NOT NULL PRIMARY KEY, sensor TEXT NOT NULL, trigger TEXT NOT NULL, state TEXT NOT NULL, due REAL NOT NULL,
  reason TEXT NOT NULL, detail TEXT NOT NULL, target TEXT NOT NULL, attempts INTEGER NOT NULL, refusals INTEGER NOT NULL,
  first REAL NOT NULL, last REAL NOT NULL, events TEXT NOT NULL, deliveries TEXT NOT NULL, matches BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS round_due ON round (sensor, trigger, state, due);
CREATE INDEX IF NOT EXISTS round_again ON round (sensor) WHERE state = 'again';
"""


class RoundState(StrEnum):
    """``parked`` waits for its target; ``dead`` is a dead letter; ``again`` is one that somebody wants to be retried."""

    PARKED = "parked"
    DEAD = "dead"
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class KeptRound:
    """A round on disk. Times are seconds since 1970; ``due`` is when it is tried next.

    ``reason`` is a CamelCase word, ``detail`` what the other side said, ``target`` whom it waits for; ``attempts`` counts all, ``refusals``
    those that failed otherwise than by an absence. ``events`` and ``deliveries`` are ids with commas; ``matches`` its events as JSON.
    """

    key: str
    sensor: str
    trigger: str
    state: RoundState
    due: float
    reason: str
    detail: str
    target: str
    attempts: int
    refusals: int
    first: float
    last: float
    events: str
    deliveries: str
    matches: bytes


_COLUMNS = [f.name for f in fields(KeptRound)]
_ALL = ", ".join(_COLUMNS)
_CHANGED = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name not in ("key", "first"))


def row_of(one: KeptRound) -> tuple[Any, ...]:
    """The columns of a kept round."""
    return tuple(getattr(one, name) for name in _COLUMNS)


def write_rounds(connection: sqlite3.Connection, kept: Sequence[Sequence[Any]], gone: Collection[str]) -> None:
    """Keep rounds (or what is new about them), given by ``row_of``, and forget others by key."""
    if gone:  # first: a round that was submitted may be kept anew
        connection.execute(
            "DELETE FROM round WHERE key IN (SELECT value FROM json_each(?))", (orjson.dumps(list(gone)).decode(),)
        )
    insert(connection, "INSERT INTO round", kept, f"ON CONFLICT DO UPDATE SET {_CHANGED}")


def write_again(connection: sqlite3.Connection, keys: Sequence[str], moment: float) -> None:
    """Mark dead letters that are to be retried; their time begins anew."""
    rows = [(moment, key) for key in keys]
    connection.executemany(
        "UPDATE round SET state = 'again', due = ?1, first = ?1 WHERE key = ?2 AND state = 'dead'", rows
    )


def due_rounds(
    connection: sqlite3.Connection,
    sensor: str,
    trigger: str,
    state: RoundState,
    now: float,
    limit: int,
    without: Sequence[str] = (),
) -> list[KeptRound]:
    """Rounds of a trigger whose time has come, the longest due first; not those that wait for one of some targets."""
    query = (
        f"SELECT {_ALL} FROM round WHERE sensor = ? AND trigger = ? AND state = ? AND due <= ? "  # noqa: S608
        "AND target NOT IN (SELECT value FROM json_each(?)) ORDER BY due, first LIMIT ?"
    )
    values = (sensor, trigger, state.value, now, orjson.dumps(without).decode(), limit)
    return [_round(row) for row in connection.execute(query, values)]


def next_due(connection: sqlite3.Connection, sensor: str, trigger: str) -> float | None:
    """When the next parked round of a trigger is due; None when there is none."""
    query = "SELECT min(due) FROM round WHERE sensor = ? AND trigger = ? AND state = 'parked'"
    found: float | None = connection.execute(query, (sensor, trigger)).fetchone()[0]
    return found


def count_parked(connection: sqlite3.Connection, sensor: str) -> dict[str, int]:
    """How many rounds of a sensor wait for their target, by trigger."""
    query = "SELECT trigger, count(*) FROM round WHERE sensor = ? AND state = 'parked' GROUP BY trigger"
    return {row[0]: row[1] for row in connection.execute(query, (sensor,))}


def has_round(connection: sqlite3.Connection, sensor: str, trigger: str, event_id: str) -> bool:
    """Whether a round of a trigger with this event is kept."""
    query = "SELECT 1 FROM round WHERE sensor = ? AND trigger = ? AND instr(events, ?) LIMIT 1"
    return connection.execute(query, (sensor, trigger, event_id)).fetchone() is not None


def count_letters(connection: sqlite3.Connection, sensor: str) -> int:
    """How many dead letters a sensor has."""
    query = "SELECT count(*) FROM round WHERE sensor = ? AND state != 'parked'"
    count: int = connection.execute(query, (sensor,)).fetchone()[0]
    return count


def ordered(connection: sqlite3.Connection, sensor: str) -> set[str]:
    """The triggers of a sensor that have dead letters which are to be retried."""
    query = "SELECT DISTINCT trigger FROM round WHERE sensor = ? AND state = 'again'"
    return {row[0] for row in connection.execute(query, (sensor,))}


def ordered_rounds(connection: sqlite3.Connection, ending: str, limit: int) -> list[KeptRound]:
    """Dead letters that are to be retried, of all sensors whose names end so."""
    query = (
        f"SELECT {_ALL} FROM round WHERE state = 'again' AND substr(sensor, -length(?1)) = ?1 ORDER BY first LIMIT ?2"  # noqa: S608
    )
    return [_round(row) for row in connection.execute(query, (ending, limit))]


def read_rounds(folder: Path, *, states: Iterable[RoundState], key: str = "", namespace: str = "") -> list[KeptRound]:
    """Kept rounds of a state folder in some states, oldest first; ``key`` may be the beginning of one. Raises Unavailable."""
    marks = ", ".join(f"'{state.value}'" for state in states)
    query = (
        f"SELECT {_ALL} FROM round WHERE state IN ({marks}) AND substr(key, 1, ?) = ? AND (? = '' OR sensor LIKE ? || '/%') "  # noqa: S608
        "ORDER BY first, key"
    )
    return [_round(row) for row in read(folder / "ledger.db", query, (len(key), key, namespace, namespace))]


def find_letters(folder: Path, event_id: str) -> list[str]:
    """The keys of the dead letters that an event is in. Raises Unavailable."""
    query = "SELECT key FROM round WHERE state = 'dead' AND instr(events, ?) ORDER BY first, key LIMIT 10"
    return [row["key"] for row in read(folder / "ledger.db", query, (event_id,))]


def order_retry(folder: Path, keys: Sequence[str]) -> None:
    """Mark dead letters: they are retried by the sensor that runs, or by the next that starts. Raises Unavailable."""
    path = folder / "ledger.db"
    connection = connect(path)
    try:
        connection.execute("BEGIN IMMEDIATE")
        write_again(connection, keys, time.time())
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise Unavailable(f"{path} cannot be written: {error}") from None
    finally:
        connection.close()


def find_letter(folder: Path, wanted: str) -> KeptRound:
    """The dead letter whose id begins like this. Raises SpecError when there is none, or several; Unavailable."""
    found = read_rounds(folder, states=(RoundState.DEAD, RoundState.AGAIN), key=wanted)
    if len(found) != 1:
        text = "no dead letter has" if not found else f"{len(found)} dead letters have"
        raise SpecError(f"{text} an id that begins with '{wanted}'", hint="see pointsman get deadletters")
    return found[0]


def _round(row: Any) -> KeptRound:
    values = dict(row)
    return KeptRound(**{**values, "state": RoundState(values["state"])})
