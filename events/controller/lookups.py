"""The keys of Secrets and ConfigMaps, asked for by name: they are never listed nor watched. Shell."""

from __future__ import annotations

import time
from collections.abc import Iterable

from events.controller.judging import Reference
from events.controller.references import keys_of
from events.errors import Refused
from events.kube.control import Control

__all__ = ["Lookups"]

Known = dict[tuple[str, str], frozenset[str] | None]

_FRESH_SECONDS = 10.0
_MOST = 5000


class Lookups:
    """What was found lately is not asked for again: many objects name the same Secret."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._found: dict[tuple[str, str, str], tuple[float, frozenset[str] | None]] = {}

    async def keys(self, namespace: str, wanted: Iterable[Reference]) -> Known:
        """The keys of each object that is named; without those that we may not read. Raises Unavailable."""
        known: Known = {}
        for kind, name in {(reference.kind, reference.name) for reference in wanted}:
            try:
                known[kind, name] = await self._keys(kind, namespace, name)
            except Refused:
                continue
        return known

    async def _keys(self, kind: str, namespace: str, name: str) -> frozenset[str] | None:
        now, key = time.monotonic(), (kind, namespace, name)
        at, keys = self._found.get(key, (float("-inf"), None))
        if now - at < _FRESH_SECONDS:
            return keys
        keys = keys_of(await self._control.get("v1", kind, namespace, name))
        if len(self._found) > _MOST:
            self._found.clear()
        self._found[key] = (now, keys)
        return keys
