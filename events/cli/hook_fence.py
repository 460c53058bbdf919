"""Which of several pods may act on hooks when their specifications differ: never one whose specification a later one has replaced. Shell.

In a rolling update an old pod may get the lease back after a new one has acted, and would set back or delete what that made. The one with
the lease writes down which object it has read, by ``metadata.uid`` and ``generation``.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson

from events.errors import PointsmanError
from events.models.eventsource import EventSource
from eventsource.hooks.memory import Store
from eventsource.hooks.running import Holder

__all__ = ["Fence", "Turn"]


class Fence:
    """Of one EventSource. ``source`` is as the pod serves it; ``read`` gives it as it is mounted now."""

    def __init__(self, store: Store, key: str, source: EventSource, read: Callable[[], EventSource]) -> None:
        self._store = store
        self._key = key
        self._source = source
        self._read = read

    async def passes(self) -> bool:
        """Whether this pod may act; then it is written down that it does. To be asked by who has the lease. Raises Unavailable."""
        uid, ours = _version(self._source)
        if not uid:
            return True
        before = _known(await self._store.get(self._key))
        if before[0] == uid and before[1] > ours:
            ours = self._renewed(uid, ours)
            if before[1] > ours:
                return False
        if before != (uid, ours):
            await self._store.put(self._key, orjson.dumps({"uid": uid, "generation": ours}))
        return True

    def _renewed(self, uid: str, ours: int) -> int:
        """The generation now, if what we serve is still what it says: a change of ``replicas`` makes no new pods."""
        try:
            now = self._read()
        except PointsmanError:
            return ours
        same = [*now.spec.events()] == [*self._source.spec.events()]
        return _version(now)[1] if same and _version(now)[0] == uid else ours


class Turn:
    """A lease with a fence: ``held`` by who has it and may act."""

    def __init__(self, lease: Holder) -> None:
        self._lease = lease
        self.passed = False

    @property
    def held(self) -> bool:
        """Whether it is our turn."""
        return self.passed and self._lease.held


def _version(source: EventSource) -> tuple[str, int]:
    """``metadata.uid`` and ``generation``; no uid when it is not known."""
    more = source.metadata.model_extra or {}
    uid, generation = more.get("uid"), more.get("generation")
    return (uid, generation) if isinstance(uid, str) and type(generation) is int else ("", 0)


def _known(value: bytes | None) -> tuple[str, int]:
    try:
        known = orjson.loads(value or b"{}")
        return str(known["uid"]), int(known["generation"])
    except (KeyError, TypeError, ValueError):
        return "", 0
