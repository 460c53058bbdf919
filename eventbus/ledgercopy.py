"""The local copy of a ledger that lies on the bus (``ledgerlog``): the same SQLite file as that of ``up``, so the same code reads it.

It says how far it has come; a process that takes over replays what is new since then, or all when it has nothing. The bus's copy is what is
durable: this one is not written through to the disk, and after a crash of the machine just stands a little further back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

from eventbus import carryover, changes
from eventbus.carryover import Marker
from eventbus.changes import Changes, Write
from eventbus.ledger import FILE
from eventbus.ledgerlog import LedgerLog, Record
from events.errors import Superseded, Unavailable
from events.groupcommit import connect, read

__all__ = ["SCHEMA", "LedgerCopy", "apply_record", "orders_done", "trail_before"]

log = logging.getLogger(__name__)

SCHEMA = (
    "PRAGMA synchronous=NORMAL;"
    + changes.SCHEMA
    + """
CREATE TABLE IF NOT EXISTS replica (
  stream TEXT NOT NULL, sequence INTEGER NOT NULL, orders INTEGER NOT NULL, whole INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS trail (hour INTEGER NOT NULL PRIMARY KEY, sequence INTEGER NOT NULL);
"""
)
"""``replica``: which stream, how far, orders done, whether it was replayed to an end. ``trail``: the first record of each hour."""


def apply_record(connection: sqlite3.Connection, sequence: int, record: Changes) -> None:
    """One record into the tables, in the transaction that is open."""
    changes.apply(connection, record)
    connection.execute("UPDATE replica SET sequence = ?", (sequence,))
    connection.execute("INSERT OR IGNORE INTO trail VALUES (?, ?)", (int(record.time) // 3600, sequence))
    for name, value in record.rare:
        if name == "orders":
            connection.execute("UPDATE replica SET orders = ?", (value,))


def orders_done(folder: Path) -> int:
    """The place of the last order that was carried out, as far as the copy in this folder knows. Raises Unavailable when it cannot be read."""
    return max((row["orders"] for row in read(folder / FILE, "SELECT orders FROM replica")), default=0)


def trail_before(path: Path, moment: float) -> tuple[int, int]:
    """The hours of the log that are wholly older than this moment, and the place where the rest begins."""
    connection = connect(path, read_only=True)
    try:
        hour = int(moment) // 3600
        query = "SELECT (SELECT count(*) FROM trail WHERE hour < ?), (SELECT min(sequence) FROM trail WHERE hour >= ?)"
        old, place = connection.execute(query, (hour, hour)).fetchone()
        return old, place or 0
    finally:
        connection.close()


class LedgerCopy:
    """``open`` it, ``catch_up`` as often as one likes, ``claim`` the right to write; ``close``."""

    def __init__(self, folder: Path, ledger: LedgerLog) -> None:
        self.path = folder / FILE
        self.log = ledger
        self.place = 0
        """Of the last record that was applied."""
        self.orders = 0
        """Place of the last order that was carried out."""
        self.orphaned = False
        """The bus has lost the log, and this is all that is left of it."""
        self._stream = ""
        self._seen = 0
        """The last place of the stream when it was replayed last."""
        self._connection: sqlite3.Connection | None = None

    def open(self) -> None:
        """Read where it stands; what cannot be read is made anew. Raises Unavailable when the folder cannot be written."""
        try:
            self._open()
        except (sqlite3.Error, Unavailable) as error:
            log.warning("the copy of the ledger is made anew: %s", error)
            self._remove()
            try:
                self._open()
            except sqlite3.Error as problem:
                raise Unavailable(f"{self.path} cannot be written: {problem}") from None

    def look(self) -> None:
        """Read where it stands, after somebody else has written it."""
        row = self._opened().execute("SELECT stream, sequence, orders FROM replica").fetchone()
        self._stream, self.place, self.orders = ("", 0, 0) if row is None else row

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def catch_up(self) -> int:
        """Apply what is new in the log; returns how many records that was. Raises Unavailable, also when the file cannot be written."""
        info = await self.log.info()
        created = str(info["created"])
        first = int(info["state"]["first_seq"])
        if self._stream and self._stream != created and await self.log.end() == 0:
            log.error("the bus has lost the ledger of this sensor; it begins anew with the copy that is here")
            self._set("stream = ?, sequence = 0, orders = 0", created)
            self._execute("DELETE FROM trail")
            self._stream, self.place, self.orders, self.orphaned = created, 0, 0, True
        elif self._stream and (self._stream != created or first > self.place + 1 > 1):
            log.warning("the copy of the ledger is too old; it is made anew")
            self._remove()
            self._open()
        last = int(info["state"]["last_seq"])
        if self._stream and last == self._seen:
            return 0
        count = await self._replay() if self._stream else await self._begin(created)
        self._seen = last
        return count

    async def claim(self, owner: str) -> int:
        """Catch up, and be the one who writes from now on; returns the end of the log. Others find that they are superseded."""
        while True:
            end = await self.log.end()
            await self.catch_up()
            record = changes.changes_of([Write(writer=owner)], time.time())
            try:
                place = await self.log.append(changes.encode(record), end)
            except Superseded:
                continue  # somebody has written meanwhile
            await self._apply([Record(place, changes.encode(record))])
            return place

    # -- replay --------------------------------------------------------------------------------------------------------

    async def _begin(self, created: str) -> int:
        """From nothing."""
        began = time.monotonic()
        if self.place:  # a replay that was cut off
            self._remove()
            self._open()
        self._execute("INSERT INTO replica VALUES (?, 0, 0, 0)", created)
        found = await self.log.api.message(self.log.stream, {"last_by_subj": self.log.based})
        count = 0
        if found is not None:
            marker = Marker.from_json(found.data)
            count = await self._replay(marker.upto)
            await self._load(marker)
        count += await self._replay()
        self._set("whole = 1")
        self._stream = created
        if count:
            log.info("the ledger was replayed: %d records in %.1f s", count, time.monotonic() - began)
        return count

    async def _replay(self, upto: int = 0) -> int:
        """Apply the records behind our place, up to that of a carry-over or to the end."""
        count = 0
        async with contextlib.aclosing(self.log.records(self.place)) as batches:
            async for batch in batches:
                wanted = [record for record in batch if not upto or record.sequence <= upto]
                if wanted:
                    await self._apply(wanted)
                    count += len(wanted)
                if len(wanted) < len(batch):
                    break
        return count

    async def _load(self, marker: Marker) -> None:
        """Take a carry-over, in one transaction."""
        connection = self._opened()
        left, counted = marker.records, set[str]()
        connection.execute("BEGIN IMMEDIATE")
        try:
            carryover.wipe(connection)
            async with contextlib.aclosing(self.log.records(marker.after, self.log.base)) as batches:
                async for batch in batches:
                    for record in batch:
                        if left and await asyncio.to_thread(
                            carryover.load, connection, marker.id, record.data, counted
                        ):
                            left -= 1
                    if not left:
                        break
            if left:
                raise Unavailable("a carry-over of the ledger is not whole")
            connection.execute("UPDATE replica SET sequence = ?, orders = ?", (marker.upto, marker.orders))
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        self.place, self.orders = marker.upto, marker.orders

    async def _apply(self, records: Sequence[Record]) -> None:
        await asyncio.to_thread(self._apply_all, records)
        self.place = records[-1].sequence

    def _apply_all(self, records: Sequence[Record]) -> None:
        connection = self._opened()
        try:
            connection.execute("BEGIN IMMEDIATE")
            for record in records:
                apply_record(connection, record.sequence, changes.decode(record.data))
            connection.execute("COMMIT")
            self.orders = connection.execute("SELECT orders FROM replica").fetchone()[0]
        except sqlite3.Error as error:
            raise Unavailable(f"{self.path} cannot be written: {error}") from None
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    # -- the file ------------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self._connection = connection = connect(self.path)
        connection.executescript(SCHEMA)
        row = connection.execute("SELECT whole FROM replica").fetchone()
        if row is not None and not row["whole"]:  # a replay that came to no end
            self._remove()
            self._open()
        else:
            self.look()

    def _remove(self) -> None:
        self.close()
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                self.path.with_name(self.path.name + suffix).unlink()

    def _opened(self) -> sqlite3.Connection:
        assert self._connection is not None, "opened before"
        return self._connection

    def _set(self, what: str, *values: str) -> None:
        self._execute(f"UPDATE replica SET {what}", *values)  # noqa: S608 - constants

    def _execute(self, query: str, *values: str) -> None:
        try:
            self._opened().execute(query, values)
        except sqlite3.Error as error:
            raise Unavailable(f"{self.path} cannot be written: {error}") from None
