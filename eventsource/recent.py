"""The deliveries that came lately, for events with ``redeliverMissed``: what is here need not be asked for again."""

from __future__ import annotations

from collections.abc import Mapping

from eventbus import subjects
from eventsource.listener import Listener

__all__ = ["Recent", "Recents"]

MOST = 20_000


class Recent:
    """Ids of the latest deliveries of one event that were taken."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._ids: dict[str, None] = {}

    def add(self, delivery: str) -> None:
        """It was taken."""
        self._ids[delivery] = None
        if len(self._ids) > self._most:
            del self._ids[next(iter(self._ids))]

    def __contains__(self, delivery: str) -> bool:
        return delivery in self._ids


class Recents:
    """Of all events of a process. They outlive a change of what is served."""

    def __init__(self) -> None:
        self._events: dict[tuple[str, str], Recent] = {}

    def of(self, listener: Listener) -> Recent | None:
        """Where to note the deliveries of an event; None when nobody asks."""
        if not getattr(listener.webhook.config, "redeliver_missed", False):
            return None
        return self._events.setdefault((subjects.key(listener.namespace, listener.source), listener.name), Recent())

    def has(self, source: str, event: str, delivery: str) -> bool:
        """Whether this delivery has come; ``source`` is the ``subjects.key`` of its namespace and name."""
        found: Mapping[tuple[str, str], Recent] = self._events
        return (source, event) in found and delivery in found[source, event]
