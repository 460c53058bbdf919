"""What the ledger is told of posted events: which bindings were asked, what became of each, and dead letters. Pure.

There a namespace counts as one sensor, ``NAMESPACE/WorkflowEventBinding``, and its bindings as the triggers of it. Nobody can name a Sensor
so, since names of objects have no capitals.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import lru_cache

from eventbus.interface import Message
from eventbus.ledger import Entry, EventRecord
from eventbus.rounds import KeptRound, RoundState
from eventbus.tally import Units
from events.errors import EvaluationError, PointsmanError
from events.models.event import Event
from events.models.values import value_text
from sensor import kept
from sensor.bindings.dispatch import Result
from sensor.bindings.submission import KIND
from sensor.naming import binding_key
from sensor.triggers._objects import API_SERVER

__all__ = ["ALL", "LEDGER_BUS", "Key", "asked", "buried", "entry", "ledger_name", "letter", "outcome", "records"]

LEDGER_BUS = "_bindings"
"""How the ledger names the bus of these events; no EventBus has this name."""

ALL = f"/{KIND}"
"""The name for all posted events, of whatever namespace."""

Key = tuple[str, str]
"""Namespace and name of a binding."""


def ledger_name(namespace: str) -> str:
    """The sensor that the bindings of a namespace count for."""
    return f"{namespace}{ALL}"


@lru_cache(maxsize=1_000)
def asked(names: tuple[str, ...]) -> Units:
    """How an event counts that these bindings of a namespace are asked about."""
    return Units(dict.fromkeys(names, 1))


def records(event: Event, namespace: str, message: Message, keys: Iterable[Key]) -> list[EventRecord]:
    """The event, posted to ``namespace``: once for all, and once for each namespace whose bindings were asked."""
    by_namespace: dict[str, list[str]] = {}
    for where, name in sorted(keys):
        by_namespace.setdefault(where, []).append(name)
    counted = [(ledger_name(n), asked(tuple(names))) for n, names in by_namespace.items()]
    if message.timestamp:  # it comes from the bus, and is not a dead letter that is tried again
        counted.append((ALL, asked(())))
    return [_record(event, namespace, message, message.sequence, name, units) for name, units in counted]


def buried(event: Event, namespace: str, message: Message, letter: KeptRound) -> tuple[list[EventRecord], list[Entry]]:
    """An event that became a dead letter as a whole. It counts for no binding, but for all, under a place of its own."""
    place = time.time_ns()
    counted = [(place, ledger_name(namespace), asked(("",)))]
    if message.timestamp:
        counted.insert(0, (message.sequence, ALL, asked(())))
    found = [_record(event, namespace, message, *one) for one in counted]
    return found, [entry(event.id, (namespace, ""), "refused", "", letter.detail, place)]


def _record(event: Event, namespace: str, message: Message, sequence: int, sensor: str, units: Units) -> EventRecord:
    return EventRecord(
        event.id,
        namespace,
        LEDGER_BUS,
        event.source,
        event.subject,
        event.type,
        event.time,
        message.delivery_id,
        sequence,
        sensor,
        units if sequence else None,
    )


def entry(event_id: str, key: Key, word: str, target: str = "", detail: str = "", sequence: int = 0) -> Entry:
    """What became of an event at a binding."""
    return Entry(event_id, ledger_name(key[0]), key[1], "", word, target, detail, sequence)


def outcome(result: Result, workflow: str) -> tuple[str, str, str]:
    """The word for it, what was made, and the reason in words."""
    error = result.error
    if error is not None:
        # What the selector cannot say of an event it says of no other attempt either, as a filter.
        word = "error" if isinstance(error, EvaluationError) and not result.matched else "refused"
        return word, "", str(error)
    if not result.matched:
        verdict = result.verdict
        return "filtered", "", f"{verdict.clause}: {verdict.reason} (seen: {value_text(verdict.seen)})"
    if not workflow:
        return "filtered", "", "it matches, and submits nothing"
    return "submitted", f"Workflow/{result.namespace}/{workflow}", ""


def letter(
    event: Event, key: Key, delivery_id: str, error: PointsmanError, attempts: int, before: KeptRound | None
) -> KeptRound:
    """A dead letter: of one binding, or with an empty name of all, which were not asked. ``before``: as it was until now."""
    namespace, name = key
    now = time.time()
    return KeptRound(
        binding_key(namespace, name, event.id),
        ledger_name(namespace),
        name,
        RoundState.DEAD,
        0.0,
        error.reason,
        str(error),
        API_SERVER,
        attempts + (before.attempts if before is not None else 0),
        0,
        before.first if before is not None else now,
        now,
        event.id,
        delivery_id,
        kept.write_round({"": event}, {"": delivery_id}),
    )
