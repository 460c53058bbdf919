"""What must outlive a ledger's log: rounds that wait, dead letters, accounts, holds and marks, as rows that are written to the bus from time
to time. What grows with the number of events (their records and outcomes) is left to the log, which is kept for as long as those are.

A copy that begins anew replays the log, puts the carry-over in the place of what came of these tables up to then, and goes on.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from eventbus import tally
from events.errors import Unavailable
from events.groupcommit import connect

__all__ = ["Dump", "Marker", "load", "wipe"]

_PENDING = ", ".join(f"'{word}'" for word in tally.PENDING)

_TABLES = {
    "seen": "",
    "outcome": f"WHERE outcome IN ({_PENDING})",
    "arrived": "",
    "tally": "",
    "units": "",
    "round": "",
    "hold": "",
    "obeyed": "",
    "mark": "",
    "checkpoint": "",
}
"""Tables and which of their rows, in the order in which they are loaded: the database counts ``seen`` and ``outcome`` as they come in."""

_COUNTED = {"arrived", "tally"}
_BYTES = 512 << 10
"""Bytes of a record, about, before it is compressed."""


class Marker(NamedTuple):
    """A whole carry-over: its id, the log up to which it counts, the place behind which its records are, and the orders that were done."""

    id: str
    upto: int
    after: int
    records: int
    orders: int

    def to_json(self) -> bytes:
        """As it is stored."""
        return orjson.dumps(list(self))

    @classmethod
    def from_json(cls, data: bytes) -> Marker:
        """What ``to_json`` made. Raises Unavailable."""
        try:
            return cls(*orjson.loads(data))
        except (ValueError, TypeError) as error:
            raise Unavailable(f"a carry-over of the ledger cannot be read: {error}") from None


class Dump:
    """The rows of a copy as records, all of one moment: ``upto`` its place in the log, ``orders`` the last that was done. ``close`` it."""

    def __init__(self, path: Path, id: str) -> None:
        self._connection = connect(path, read_only=True)
        self._connection.execute("BEGIN")
        self.upto, self.orders = self._connection.execute("SELECT sequence, orders FROM replica").fetchone()
        self._records = self._read(id)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def next(self) -> bytes | None:
        """The next record; None when that was all."""
        return next(self._records, None)

    def _read(self, id: str) -> Iterator[bytes]:
        for table, which in _TABLES.items():
            cursor = self._connection.execute(f"SELECT * FROM {table} {which}")  # noqa: S608 - constants
            columns = [column[0] for column in cursor.description]
            rows: list[list[Any]] = []
            size = 0
            for row in cursor:
                values = [value.decode("latin-1") if isinstance(value, bytes) else value for value in row]
                size += sum(len(value) if isinstance(value, str) else 8 for value in values)
                rows.append(values)
                if size > _BYTES:
                    yield _record(id, table, columns, rows)
                    rows, size = [], 0
            if rows:
                yield _record(id, table, columns, rows)


def _record(id: str, table: str, columns: list[str], rows: list[list[Any]]) -> bytes:
    return zlib.compress(orjson.dumps([id, table, columns, rows]), 1)


def wipe(connection: sqlite3.Connection) -> None:
    """Make room for a carry-over."""
    for table in _TABLES:
        if table != "outcome":
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - constants


def load(connection: sqlite3.Connection, id: str, data: bytes, counted: set[str]) -> bool:
    """Insert the rows of a record, in the transaction that is open; False when it is of another carry-over.

    ``counted`` is a set of the caller's, empty at first. Raises Unavailable.
    """
    try:
        whose, table, columns, rows = orjson.loads(zlib.decompress(data))
    except (ValueError, TypeError, zlib.error) as error:
        raise Unavailable(f"a carry-over of the ledger cannot be read: {error}") from None
    if whose != id:
        return False
    if table in _COUNTED and table not in counted:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - what the database has counted meanwhile
        counted.add(table)
    if table == "round":
        place = columns.index("matches")
        for row in rows:
            row[place] = row[place].encode("latin-1")
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    connection.executemany(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608
    return True
