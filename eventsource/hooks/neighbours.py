"""Which other EventSources look after a hook: those that share the store of what is remembered. Shell."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

import orjson

from events.errors import Unavailable
from eventsource.hooks.memory import Hook, Remembered, Store, may_be_one
from eventsource.hooks.plan import Existing

__all__ = ["Neighbours"]

_SOURCES = "sources"
"""The key of the EventSources that have looked after hooks: until when they count as there, by name. (Theirs have a dot.)"""


class Neighbours:
    """``names``: all EventSources that there are; None: those that have said so in the store (``is_here``), each from a process of its own."""

    def __init__(self, store: Store, names: Collection[str] | None = None) -> None:
        self._store = store
        self._names = names

    async def is_here(self, name: str, now: float, life: float) -> None:
        """Write down that an EventSource looks after its hooks, and does so again within ``life`` seconds.

        Two that say so at the same moment may undo each other's entry, until they say so again.
        """
        if self._names is not None:
            return
        with suppress(Unavailable):  # told by those who load and save
            known = _untils(await self._store.get(_SOURCES))
            if known.get(name, 0.0) < now + life / 2:
                there = {one: until for one, until in known.items() if until > now}
                await self._store.put(_SOURCES, orjson.dumps({**there, name: now + life}))

    async def first(
        self, name: str, instance: str, hook: Existing, now: float, *, later: bool = False
    ) -> tuple[str, Hook] | None:
        """The first EventSource before this one, by name, that wants this hook and has looked at it, and what it remembers of it.

        ``later``: those after this one, too.
        """
        try:
            for other in await self._others(now):
                if other == name or (other > name and not later):
                    continue
                record = Remembered.from_bytes(await self._store.get(other) or b"[]")
                for (where, target, id), theirs in record.hooks.items():
                    same = (where, id, theirs.url) == (instance, hook.id, hook.url) and may_be_one(target, hook.target)
                    if same and theirs.form:
                        return other, theirs
        except Unavailable:  # told by those who load and save
            return None
        return None

    async def _others(self, now: float) -> list[str]:
        if self._names is not None:
            return sorted(self._names)
        known = _untils(await self._store.get(_SOURCES))
        return sorted(one for one, until in known.items() if until > now)


def _untils(data: bytes | None) -> dict[str, float]:
    try:
        return {str(name): float(until) for name, until in orjson.loads(data or b"{}").items()}
    except (orjson.JSONDecodeError, AttributeError, TypeError, ValueError):
        return {}
