"""Places where a test makes a process end, as a power cut or kill -9 would: nothing is flushed, closed or answered.

``POINTSMAN_CRASH_AT=NAME[:COUNT][=TEXT]`` (several with commas) ends the process with status 137 when it passes the point NAME for the
COUNT-th time; with TEXT only passages count whose subject holds that text. A child that is started again would end again, so
``POINTSMAN_CRASH_ONCE=FOLDER`` keeps in FOLDER a file for each point that has fired, and such a point does not fire again.

Without the variable ``crash_at`` is an empty function. The points stand around each step that writes or promises something.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["NAMES", "armed", "crash_at"]

VARIABLE = "POINTSMAN_CRASH_AT"
ONCE = "POINTSMAN_CRASH_ONCE"
STATUS = 137

NAMES: Mapping[str, str] = {
    "accept.received": "a request is read, its signature is not checked",
    "accept.converted": "the events are made, none is published",
    "accept.stored": "all events are stored, nothing is answered",
    "publish.before": "nothing has gone to the bus",
    "publish.after": "the bus has acknowledged the event, nobody knows",
    "publish.again": "an acknowledgement was lost, the event is about to be sent again",
    "spool.before": "the event is about to be put into the spool",
    "spool.written": "a group of events is written to the spool, not synced",
    "spool.synced": "a group of spooled events is on the disk, nobody is told",
    "forward.before": "a batch of spooled events is about to go to the bus",
    "forward.sent": "the bus has a batch of spooled events, the spool does not know",
    "forward.done": "the spool knows that a batch was forwarded",
    "bind.before": "the consumer is about to be created or brought up to date",
    "bind.after": "the consumer exists",
    "consume.pulled": "a batch has arrived, nothing is decoded",
    "consume.decoded": "the batch is decoded, the ledger is not asked",
    "consume.known": "the ledger has said what was submitted before",
    "filter.before": "a dependency has not looked at the event",
    "filter.after": "the dependencies have looked at the event, no trigger has it",
    "join.before": "a match has not reached the state of its join",
    "join.offered": "the match is in the state in memory, it is not written",
    "join.saved": "the state is written, the message is not settled",
    "join.settled": "the message is settled by the join, the round is not submitted",
    "join.submitted": "the round is submitted, its entries are not recorded",
    "join.recorded": "the round is recorded, and still in the state",
    "join.forgotten": "the round is gone from the state",
    "render.before": "parameters are not resolved",
    "render.after": "the submission is rendered, not sent",
    "submit.before": "an attempt is about to begin",
    "submit.after": "the target has answered, nothing is written down",
    "submit.at_once": "triggers that need no waiting are submitted, nothing is written down",
    "submit.unavailable": "an attempt failed and will be repeated",
    "create.before": "an object is about to be created in the cluster or the local store",
    "create.after": "the object is created, nobody knows",
    "http.before": "a request is about to be sent",
    "http.after": "the answer's head has come, its body is not read",
    "refused.before": "a submission is refused, no dead letter is written",
    "deadletter.kept": "the dead letter is in the ledger, the message is not acknowledged",
    "dlq.before": "the dlqTrigger is about to be submitted",
    "dlq.after": "the dlqTrigger is submitted, nothing is written down",
    "retry.taken": "dead letters that are to be retried are read, none is submitted",
    "retry.submitted": "a dead letter is submitted again, it still counts as dead",
    "park.before": "a round that waits for its target is about to be put aside",
    "park.kept": "rounds are put aside on disk, nobody looks after them yet",
    "park.submitted": "a round that was put aside is submitted, it still counts as waiting",
    "tell.before": "a message is at work for long, the ledger does not know of it",
    "tell.written": "the ledger knows that a message is at work",
    "settle.before": "every trigger has settled the message, nothing is recorded",
    "settle.recorded": "the ledger has the outcome, the message is not acknowledged",
    "ack.before": "one message of the batch is about to be acknowledged",
    "ack.after": "one message of the batch is acknowledged",
    "commit.begun": "a group commit has begun its transaction",
    "commit.applied": "the rows of a group are written, not committed",
    "commit.done": "the group is on disk, nobody is told",
    "hold.kept": "a hold or release is on disk, the consumer does not know",
    "drain.begun": "the sensors pull no more",
    "drain.ended": "everything under way has settled, the bus is still connected",
    "forget.before": "old records are about to be dropped",
    "forget.after": "old records are dropped",
    "up.bus": "the parent has started the bus, nothing else",
    "up.sensors": "the sensors run, no port is open",
    "up.sources": "the sources serve, up.json is not written",
    "up.running": "everything runs",
    "up.died": "the parent has seen a child die, and has not started another",
    "up.restarted": "the parent has started another child",
    "up.changing": "edited manifests are about to be taken up",
    "up.changed": "the sensors run with edited manifests, the sources with the old ones",
    "up.stopping": "the parent is about to drain its children",
}
"""Every point, and what has happened when it is passed."""


@dataclass(slots=True)
class _Point:
    count: int
    text: str


class _Armed:
    """What the environment asks for."""

    def __init__(self, wanted: str, once: str) -> None:
        self._points = dict(_read(part) for part in wanted.split(",") if part)
        self._once = Path(once) if once else None

    def __call__(self, name: str, subject: str | bytes | None = None) -> None:
        point = self._points.get(name)
        if point is None:
            return
        if point.text and point.text not in _text(subject):
            return
        point.count -= 1
        if point.count <= 0 and self._is_first(name):
            os._exit(STATUS)

    def _is_first(self, name: str) -> bool:
        if self._once is None:
            return True
        try:
            os.close(os.open(self._once / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        return True


def _read(text: str) -> tuple[str, _Point]:
    head, _, subject = text.partition("=")
    name, _, count = head.partition(":")
    if name not in NAMES or not (count or "1").isdigit():
        raise SystemExit(f"{VARIABLE}: '{text}' names no crash point; those are {', '.join(NAMES)}")
    return name, _Point(int(count or "1"), subject)


def _text(subject: str | bytes | None) -> str:
    return subject.decode("utf-8", "replace") if isinstance(subject, bytes) else subject or ""


def _off(name: str, subject: str | bytes | None = None) -> None:
    """Nothing."""


def armed(wanted: str, once: str = "") -> Callable[..., None]:
    """What ``crash_at`` is for these values of the two variables."""
    return _Armed(wanted, once) if wanted else _off


crash_at = armed(os.environ.get(VARIABLE, ""), os.environ.get(ONCE, ""))
"""``crash_at(name, subject)``: the process is at this point, with this subject (an event's data, or a name)."""
