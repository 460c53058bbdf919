"""What a ledger tells of itself at a glance: when the last event came, when the last one was submitted, what was wrong last. Cheap to ask."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import NamedTuple

from eventbus.ledger import FILE
from events.errors import Unavailable
from events.groupcommit import connect

__all__ = ["Recent", "read_recent"]

_LOOKED_AT = 500
"""Outcomes that are looked at, the newest first: what is further back is no news."""


class Recent(NamedTuple):
    """Times in seconds since 1970, None: never, or long ago. ``letters``: dead letters; ``held``: a person holds the sensor."""

    event: float | None = None
    submission: float | None = None
    error: str | None = None
    letters: int = 0
    held: bool = False


_NEWEST = f"SELECT * FROM (SELECT * FROM outcome ORDER BY recorded DESC LIMIT {_LOOKED_AT}) WHERE outcome IN "  # noqa: S608


def read_recent(folder: Path, sensor: str) -> Recent:
    """Of the ledger in this state folder. Raises Unavailable when it cannot be read."""
    path = folder / FILE
    if not path.exists():
        return Recent()
    connection = connect(path, read_only=True)
    try:

        def one(query: str, *values: str) -> sqlite3.Row | None:
            row: sqlite3.Row | None = connection.execute(query, values).fetchone()
            return row

        event = one("SELECT max(recorded) FROM event")
        submitted = one(f"{_NEWEST} ('submitted') LIMIT 1")
        failed = one(f"{_NEWEST} ('refused', 'error') LIMIT 1")
        letters = one("SELECT count(*) FROM round WHERE sensor = ? AND state = 'dead'", sensor)
        held = one("SELECT 1 FROM hold WHERE sensor = ?", sensor)
        return Recent(
            event[0] if event else None,
            submitted["recorded"] if submitted else None,
            f"trigger {failed['trigger']}, event {failed['event']}: {failed['detail']}" if failed else None,
            letters[0] if letters else 0,
            held is not None,
        )
    except sqlite3.Error as error:
        raise Unavailable(f"{path} cannot be read: {error}") from None
    finally:
        connection.close()
