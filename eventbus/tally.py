"""Step 10 · accounting: for each trigger, stored = submitted + filtered + duplicate + dead-lettered + pending, always.

Both sides are counted in the ledger's own transactions, by rules of the database: an outcome cannot be written without being
counted, nor counted twice, whatever process is killed when. The left side counts messages of the bus (``seen``, by their place in the
stream), each as often as the trigger has dependencies that wait for it; the right side counts outcomes, by what they are now. That no
message of the bus is missing on the left side is checked against the bus itself (``checkpoint``; see ``sensor.auditing``).
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from events.errors import Unavailable
from events.groupcommit import connect, read

__all__ = ["SCHEMA", "Account", "Checkpoint", "Units", "read_accounts", "read_checkpoints", "write_seen"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (
  sensor TEXT NOT NULL, sequence INTEGER NOT NULL, units TEXT NOT NULL, PRIMARY KEY (sensor, sequence)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS arrived (
  sensor TEXT NOT NULL, units TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (sensor, units)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS units (
  id TEXT NOT NULL, trigger TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (id, trigger)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tally (
  sensor TEXT NOT NULL, trigger TEXT NOT NULL, outcome TEXT NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY (sensor, trigger, outcome)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS checkpoint (
  sensor TEXT NOT NULL PRIMARY KEY, stream TEXT NOT NULL, sequence INTEGER NOT NULL, checked INTEGER NOT NULL,
  lost INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS seen_new AFTER INSERT ON seen BEGIN
  INSERT INTO arrived VALUES (NEW.sensor, NEW.units, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER IF NOT EXISTS outcome_new AFTER INSERT ON outcome BEGIN
  INSERT INTO tally VALUES (NEW.sensor, NEW.trigger, NEW.outcome, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER IF NOT EXISTS outcome_changed AFTER UPDATE ON outcome WHEN NEW.outcome != OLD.outcome BEGIN
  UPDATE tally SET count = count - 1 WHERE sensor = OLD.sensor AND trigger = OLD.trigger AND outcome = OLD.outcome;
  INSERT INTO tally VALUES (NEW.sensor, NEW.trigger, NEW.outcome, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER IF NOT EXISTS outcome_again AFTER UPDATE ON outcome
WHEN OLD.sequence != 0 AND NEW.sequence != OLD.sequence
  AND NOT EXISTS (SELECT 1 FROM seen WHERE sensor = NEW.sensor AND sequence = NEW.sequence)
BEGIN
  INSERT INTO tally VALUES (NEW.sensor, NEW.trigger, 'duplicate', 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
"""
"""A row of ``outcome`` holds the last message that it is about. Another message with the same event is a duplicate, unless it was
counted before its process ended; so outcomes are written before ``seen``.
"""

FILTERED = ("filtered", "error", "replaced", "reset")
PENDING = ("pending", "waiting", "submitting")
DEAD = "refused"


@dataclass(frozen=True, eq=False)
class Units:
    """How often a message of one subject counts for each trigger of a sensor: once for each dependency that waits for it."""

    counts: Mapping[str, int]
    id: str = field(init=False)

    def __post_init__(self) -> None:
        text = orjson.dumps(self.counts, option=orjson.OPT_SORT_KEYS)
        object.__setattr__(self, "id", hashlib.sha256(text).hexdigest()[:16])


@dataclass(frozen=True, slots=True)
class Account:
    """The figures of one trigger, since its state folder was made. ``pending`` has begun and is not at its end yet."""

    sensor: str
    trigger: str
    stored: int
    submitted: int
    filtered: int
    duplicate: int
    dead: int
    pending: int

    @property
    def difference(self) -> int:
        """What nobody can tell the fate of; 0, or we have a bug."""
        return self.stored - self.submitted - self.filtered - self.duplicate - self.dead - self.pending


class Checkpoint(NamedTuple):
    """How far a sensor was compared with its stream (``stream`` tells streams apart that were made one after the other).

    ``checked`` messages were on both sides; ``lost`` ones the bus had handed over and nobody has seen.
    """

    sensor: str
    stream: str
    sequence: int
    checked: int
    lost: int


def write_units(connection: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> None:
    """Make units (id, trigger, count) known, before messages count by them."""
    connection.executemany("INSERT INTO units VALUES (?, ?, ?) ON CONFLICT DO NOTHING", rows)


def write_seen(connection: sqlite3.Connection, seen: Sequence[Sequence[Any]]) -> None:
    """Messages (sensor, sequence, units) that are settled now."""
    connection.execute(
        "INSERT INTO seen SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?) WHERE true ON CONFLICT DO NOTHING",
        (orjson.dumps(seen).decode("utf-8", "replace"),),
    )


def read_accounts(folder: Path) -> list[Account]:
    """The accounts of all triggers, by sensor and trigger. Raises Unavailable when the file cannot be read."""
    path = folder / "ledger.db"
    if not path.exists():
        return []
    connection = connect(path, read_only=True)
    try:
        return accounts_of(connection)
    except sqlite3.Error as error:
        raise Unavailable(f"{path} cannot be read: {error}") from None
    finally:
        connection.close()


def accounts_of(connection: sqlite3.Connection) -> list[Account]:
    """The accounts of all triggers, both sides of one moment."""
    connection.execute("BEGIN")
    try:
        return list(_accounts(connection.execute(_STORED), connection.execute(_TALLIES)))
    finally:
        connection.execute("COMMIT")


_STORED = (
    "SELECT sensor, trigger, sum(arrived.count * units.count) AS count FROM arrived JOIN units ON units.id = arrived.units "
    "GROUP BY sensor, trigger ORDER BY sensor, trigger"
)
_TALLIES = "SELECT sensor, trigger, outcome, count FROM tally"


def _accounts(stored: Iterable[Any], tallies: Iterable[Any]) -> Iterator[Account]:
    left = {(row["sensor"], row["trigger"]): row["count"] for row in stored}
    right: dict[tuple[str, str], dict[str, int]] = {key: {} for key in left}
    for row in tallies:
        right.setdefault((row["sensor"], row["trigger"]), {})[row["outcome"]] = row["count"]
    for key, count in left.items():
        of = right[key].get
        yield Account(
            *key,
            count,
            of("submitted", 0),
            sum(of(word, 0) for word in FILTERED),
            of("duplicate", 0),
            of(DEAD, 0),
            sum(of(word, 0) for word in PENDING),
        )


def read_checkpoints(folder: Path) -> list[Checkpoint]:
    """How far each sensor was compared with its stream. Raises Unavailable when the file cannot be read."""
    rows = read(folder / "ledger.db", "SELECT sensor, stream, sequence, checked, lost FROM checkpoint ORDER BY sensor")
    return [Checkpoint(*row) for row in rows]
