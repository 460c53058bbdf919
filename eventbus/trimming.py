"""Which events may go: those that everybody has settled, when they are old or space is short. Pure.

On a bus of our own the stream refuses new events when it is full and drops none by itself. So that only what is unread takes space for long,
events go from its beginning: never one that a durable consumer has not settled.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

__all__ = ["ALARM", "Reader", "Usage", "below", "reader", "settled_by_all", "unread_bytes"]

ALARM = 0.7
"""Share of the space that unread events may take before somebody should know."""

_SHORT, _ENOUGH = 0.8, 0.6
"""Above the first share of the space read events go, until the second is reached."""

_MARGIN = 16 << 20
"""So many bytes of read events stay before the first unread one. Trimming rewrites the file (of up to 8 MiB) where it ends without writing
it through to the disk, so that a power cut in the next two minutes may take all of that file
(``compactLocked`` in https://github.com/nats-io/nats-server/blob/main/server/filestore.go).
"""


class Reader(NamedTuple):
    """A durable consumer: all up to ``settled`` is settled by it; ``waiting`` events it has not seen or not settled."""

    name: str
    settled: int
    waiting: int


class Usage(NamedTuple):
    """What a stream holds: first and last position, events, bytes; ``limit`` in bytes, 0 for none."""

    first: int
    last: int
    events: int
    bytes: int
    limit: int

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> Usage:
        """From STREAM.INFO."""
        state = info["state"]
        limit = max(int(info["config"].get("max_bytes") or 0), 0)
        return cls(int(state["first_seq"]), int(state["last_seq"]), int(state["messages"]), int(state["bytes"]), limit)


def reader(info: Mapping[str, Any], quiet: int) -> Reader | None:
    """From CONSUMER.INFO; None for one that settles nothing or goes with its client.

    The positions that the server gives are those of the consumer's own subjects. One for which nothing is waiting has settled all up to
    ``quiet``, the end of the stream some seconds ago (what came just now may not be counted yet).
    """
    config = info["config"]
    if config.get("ack_policy") == "none" or not config.get("durable_name"):
        return None
    at_work = int(info.get("num_ack_pending", 0))
    waiting = int(info.get("num_pending", 0)) + at_work
    settled = int(info["ack_floor"]["stream_seq"])
    if not at_work:
        settled = max(settled, int(info["delivered"]["stream_seq"]))
    return Reader(str(info["name"]), max(settled, quiet) if waiting == 0 else settled, waiting)


def settled_by_all(
    readers: Iterable[Reader],
    quiet: int,
    *,
    old: int = 0,
    expected: AbstractSet[str] | None = None,
    gone: AbstractSet[str] = frozenset(),
) -> int:
    """The last position up to which everybody has settled everything.

    ``expected`` are the consumers of the sensors among the manifests. While one of them is missing (somebody has deleted it, and it is about
    to come back where it stood), nobody knows what it has settled. For others (their sensors are gone), and those that are ``gone`` for other reasons, nothing below ``old`` is kept.
    """
    floor, missing = quiet, set(expected or ())
    for one in readers:
        missing.discard(one.name)
        known = (expected is None or one.name in expected) and one.name not in gone
        floor = min(floor, one.settled if known else max(one.settled, old - 1))
    return 0 if missing else floor


def unread_bytes(usage: Usage, settled: int) -> int:
    """About how many bytes the events have that somebody has not settled."""
    unread = min(max(usage.last - max(settled, usage.first - 1), 0), usage.events)
    return usage.bytes * unread // usage.events if usage.events else 0


def below(usage: Usage, settled: int, old: int, *, margin: int = _MARGIN) -> int:
    """All events below this position may go; 0 when none has to. ``old`` is the position of the first that is younger than the retention."""
    if not usage.events:
        return 0
    each = max(usage.bytes // usage.events, 1)
    if usage.limit:
        margin = min(margin, usage.limit // 8)
    wanted = old
    if usage.limit and usage.bytes > _SHORT * usage.limit:
        wanted = max(wanted, usage.first + math.ceil((usage.bytes - _ENOUGH * usage.limit) / each))
    end = min(wanted, settled + 1 - math.ceil(margin / each))
    return end if end > usage.first else 0
