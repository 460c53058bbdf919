"""Group commit: many writers share one fsync. ``Gathering`` makes the groups, ``GroupCommit`` commits them to SQLite.

A thread takes what has gathered, applies it in one transaction, commits, and only then answers all of it. While a commit
runs, the next group gathers, so that the number of fsyncs follows the disk and not the number of writes.

A group is applied by a few statements, not by one for each row: every statement lets go of the interpreter's lock, and beside a
busy event loop waits up to 5 ms to get it back. ``insert`` writes many rows with one.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from events.crashpoints import crash_at
from events.errors import PointsmanError, Unavailable

__all__ = ["Gathering", "GroupCommit", "connect", "insert", "read"]

Item = TypeVar("Item")
Result = TypeVar("Result")

Row = Sequence[str | bytes | float]

_MAX_GROUP = 1_000
_GATHER_SECONDS = 0.004
"""How long a group gathers when the one before it had company: under load, fewer and larger commits."""
_MAX_ROWS = 500
"""SQLite takes 32,766 values in a statement."""


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open a database in WAL mode with full durability (a commit is on disk when it returns). Raises Unavailable."""
    try:
        if read_only:
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10, check_same_thread=False
            )
        else:
            connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
    except sqlite3.Error as error:
        raise Unavailable(f"{path} cannot be opened: {error}") from None
    connection.row_factory = sqlite3.Row
    return connection


def read(path: Path, query: str, values: Sequence[str | int] = ()) -> Iterator[sqlite3.Row]:
    """The rows of a query; none when the database has not been made yet. Another process may be writing. Raises Unavailable."""
    if not path.exists():
        return
    connection = connect(path, read_only=True)
    try:
        yield from connection.execute(query, values)
    except sqlite3.Error as error:
        raise Unavailable(f"{path} cannot be read: {error}") from None
    finally:
        connection.close()


def insert(connection: sqlite3.Connection, into: str, table: Sequence[Row], conflict: str = "") -> None:
    """``<into> VALUES …<conflict>`` with all rows of a table. What is no character in a text becomes ``?``."""
    for start in range(0, len(table), _MAX_ROWS):
        part = table[start : start + _MAX_ROWS]
        marks = "(" + ", ".join("?" * len(part[0])) + ")"
        values = [_storable(value) for row in part for value in row]
        connection.execute(f"{into} VALUES {', '.join([marks] * len(part))} {conflict}", values)


def _storable(value: str | bytes | float) -> str | bytes | float:
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "replace").decode()  # a lone surrogate would fail the whole group
    return value


class Gathering(Generic[Item]):
    """Puts items of any thread into groups for one other thread, which iterates over them; it ends after ``end``."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Item | None] = queue.SimpleQueue()

    def put(self, item: Item) -> None:
        """Into the next group."""
        self._queue.put(item)

    def end(self) -> None:
        """What was put before is still handed out."""
        self._queue.put(None)

    def __iter__(self) -> Iterator[list[Item]]:
        group: list[Item] = []
        while True:
            entry = self._queue.get()
            if len(group) > 1 and entry is not None:
                time.sleep(_GATHER_SECONDS)
            group = []
            while entry is not None:
                group.append(entry)
                if len(group) >= _MAX_GROUP:
                    break
                try:
                    entry = self._queue.get_nowait()
                except queue.Empty:
                    break
            if group:
                yield group
            if entry is None:
                return


class GroupCommit(Generic[Item, Result]):
    """Applies items in the order in which they are submitted. Use it as ``async with``; closing waits for what is queued.

    ``apply`` runs in the writer's thread inside a transaction and gives each item's result, or the error that belongs to that item
    alone. A database error fails the whole group with Unavailable.
    """

    def __init__(
        self,
        path: Path,
        schema: str,
        apply: Callable[[sqlite3.Connection, list[Item]], Sequence[Result | PointsmanError]],
    ) -> None:
        self._path = path
        self._schema = schema
        self._apply = apply
        self._gathering: Gathering[tuple[Item, asyncio.Future[Result]]] = Gathering()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> GroupCommit[Item, Result]:
        self._loop = asyncio.get_running_loop()
        connection = connect(self._path)
        connection.executescript(self._schema)
        self._thread = threading.Thread(target=self._run, args=(connection,), name=f"commit {self._path.name}")
        self._thread.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._gathering.end()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def submit(self, item: Item) -> asyncio.Future[Result]:
        """Queue an item; the future is done after the commit that holds it."""
        assert self._loop is not None, "use it as a context manager"
        future: asyncio.Future[Result] = self._loop.create_future()
        self._gathering.put((item, future))
        return future

    def _run(self, connection: sqlite3.Connection) -> None:
        assert self._loop is not None
        for group in self._gathering:
            answers = self._commit(connection, [item for item, _ in group])
            futures = [future for _, future in group]
            self._loop.call_soon_threadsafe(_answer, futures, answers)
        connection.close()

    def _commit(self, connection: sqlite3.Connection, items: list[Item]) -> Sequence[Result | PointsmanError]:
        try:
            connection.execute("BEGIN IMMEDIATE")
            answers = self._apply(connection, items)
            connection.execute("COMMIT")
            crash_at("commit.done")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            return [Unavailable(f"{self._path.name} cannot be written: {error}") for _ in items]
        except Exception as error:  # a bug in ``apply``; without this thread everybody would wait for ever
            connection.execute("ROLLBACK")
            return [PointsmanError(f"{self._path.name} cannot be written: {error!r}") for _ in items]
        return answers


def _answer(futures: list[asyncio.Future[Result]], answers: Sequence[Result | PointsmanError]) -> None:
    for future, answer in zip(futures, answers, strict=True):
        if future.done():  # its waiter was cancelled
            continue
        if isinstance(answer, PointsmanError):
            future.set_exception(answer)
        else:
            future.set_result(answer)
