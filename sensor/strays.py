"""Step 10 · events that the ledger says wait for others, though no join holds them: they have left it, and the ledger is told so.

A join saves its state before the ledger hears of the change, so that a crash loses no match. A process that ends between the two leaves
events "waiting" that a newer one has replaced, or that a time of conditionsReset dropped; the next start finds them. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from eventbus.ledger import Entry
from sensor.joining import Joining

__all__ = ["find_strays"]

_REPLACED = "by a newer event; the process ended before it was written down"
_LEFT = "by a newer event, or a time of conditionsReset came; the process ended before it was written down"
_LOST = "the state that it waited in is gone from the bus"
_NOBODY = "the trigger is no more, or does not wait for it any more"


def find_strays(sensor: str, waiting: Iterable[tuple[str, str, str]], joins: Mapping[str, Joining]) -> list[Entry]:
    """What became of those ``waiting`` (event, trigger, dependency) that the joins of this sensor, just loaded, do not hold."""
    entries: list[Entry] = [entry for join in joins.values() for entry in join.forgotten]
    told = {(entry.event, entry.trigger, entry.dependency) for entry in entries}
    for event, trigger, dependency in waiting:
        join = joins.get(trigger)
        if (event, trigger, dependency) in told or (join is not None and join.holds(event, dependency)):
            continue
        if join is None or not join.asks_for(dependency):
            outcome, detail = "reset", _NOBODY
        elif not join.was_kept:
            outcome, detail = "reset", _LOST
        else:
            outcome, detail = "replaced", _LEFT if join.resets else _REPLACED
        entries.append(Entry(event, sensor, trigger, dependency, outcome, "", detail))
    return entries
