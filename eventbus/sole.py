"""A value of a KV bucket that one process writes at a time: who takes it over is the only one whose writes count from then on."""

from __future__ import annotations

from eventbus.interface import State
from events.errors import Superseded

__all__ = ["SoleValue"]


class SoleValue:
    """One key. ``take`` it before the first ``put``."""

    def __init__(self, state: State, key: str) -> None:
        self._state = state
        self._key = key
        self._revision = 0

    async def take(self, empty: bytes) -> bytes | None:
        """Read the value (None: there is none), and write it again, so that who had it before can write no more. Raises Unavailable."""
        while True:
            found = await self._state.revision(self._key)
            number = await self._state.update(self._key, empty if found.value is None else found.value, found.number)
            if number is not None:  # otherwise it was written meanwhile
                self._revision = number
                return found.value

    async def put(self, value: bytes) -> None:
        """Write it. Raises Unavailable (then nobody knows; put it again), and Superseded when another process has taken it over."""
        number = await self._state.update(self._key, value, self._revision)
        if number is None:
            found = await self._state.revision(self._key)
            if found.value != value:
                raise Superseded("another process has taken over what this one has kept on the bus")
            number = found.number  # our own write, whose answer was lost
        self._revision = number
