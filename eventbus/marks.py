"""Step 10 · what the ledger keeps beside outcomes: which sensors are held, and at what a process ended before.

``hold``: a person wants a sensor to pull no more. ``mark``: a sensor has begun with a message (or a round) that was under way when a process
ended; the mark goes when it is settled. What is marked again and again ends the process each time. ``obeyed``: which hold the process that
works obeys; as a hold is told by its moment, what a process that has ended has left is no answer to a later order.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from events.errors import Unavailable
from events.groupcommit import connect, read

__all__ = ["SCHEMA", "change_hold", "read_holds", "read_obeyed"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS hold (sensor TEXT NOT NULL PRIMARY KEY, since REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS obeyed (sensor TEXT NOT NULL PRIMARY KEY, since REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mark (
  sensor TEXT NOT NULL, what TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (sensor, what)
) WITHOUT ROWID;
"""

Mark = tuple[str, str]
"""Sensor, and the sequence of a message or the key of a round."""


def write_marks(connection: sqlite3.Connection, begun: Sequence[Mark], settled: Sequence[Mark]) -> None:
    """Count what a sensor begins with, and forget what is settled."""
    if begun:
        rows = "INSERT INTO mark VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1"
        connection.executemany(rows, begun)
    if settled:
        connection.executemany("DELETE FROM mark WHERE sensor = ? AND what = ?", settled)


def write_holds(connection: sqlite3.Connection, holds: Iterable[tuple[str, bool]], moment: float) -> None:
    """Hold sensors (True), or release them."""
    for sensor, held in holds:
        if held:
            connection.execute("INSERT INTO hold VALUES (?, ?) ON CONFLICT DO NOTHING", (sensor, moment))
        else:
            connection.execute("DELETE FROM hold WHERE sensor = ?", (sensor,))


def held_since(connection: sqlite3.Connection, sensor: str) -> float:
    """Since when a sensor is to be held; 0 when it is not."""
    row = connection.execute("SELECT since FROM hold WHERE sensor = ?", (sensor,)).fetchone()
    return 0.0 if row is None else float(row[0])


def write_obeyed(connection: sqlite3.Connection, sensor: str, since: float) -> None:
    """The process that works obeys the hold of this moment; 0: it is not held."""
    connection.execute("INSERT OR REPLACE INTO obeyed VALUES (?, ?)", (sensor, since))


def count_marks(connection: sqlite3.Connection, sensor: str) -> dict[str, int]:
    """How often a sensor has begun with what is not settled."""
    return {row[0]: row[1] for row in connection.execute("SELECT what, count FROM mark WHERE sensor = ?", (sensor,))}


def read_holds(folder: Path) -> dict[str, float]:
    """The sensors (namespace/name) that are held, and since when. Raises Unavailable when the file cannot be read."""
    return {row["sensor"]: row["since"] for row in read(folder / "ledger.db", "SELECT sensor, since FROM hold")}


def read_obeyed(folder: Path) -> dict[str, bool | None]:
    """Whether the sensors that have run here are held, as their process has confirmed; None for one that has not obeyed yet what a person
    wants of it. Raises Unavailable when the file cannot be read.
    """
    query = (
        "SELECT obeyed.sensor, obeyed.since > 0 AS held, obeyed.since = coalesce(hold.since, 0) AS done "
        "FROM obeyed LEFT JOIN hold ON hold.sensor = obeyed.sensor"
    )
    return {row["sensor"]: bool(row["held"]) if row["done"] else None for row in read(folder / "ledger.db", query)}


def change_hold(folder: Path, sensors: Iterable[str], *, held: bool) -> None:
    """Hold or release sensors; one that runs obeys within a second, and so does the next start. Raises Unavailable."""
    path = folder / "ledger.db"
    connection = connect(path)
    try:
        connection.executescript(SCHEMA)  # an older ledger has not all of it
        connection.execute("BEGIN IMMEDIATE")
        write_holds(connection, [(sensor, held) for sensor in sensors], time.time())
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise Unavailable(f"{path} cannot be written: {error}") from None
    finally:
        connection.close()
