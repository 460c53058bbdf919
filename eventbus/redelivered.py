"""What a delivery that came again was settled as: a line in the log, and what to do when it did not end well. Shell.

The sender is answered ``duplicate`` and nothing runs, which is right for what was submitted, and a riddle for who has repaired the manifests
and sends the delivery again. See docs/reliability.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog

from eventbus import ledger, rounds
from events.errors import Unavailable

__all__ = ["Redelivered", "advice"]

log = structlog.get_logger("redelivery")

_WAITING = 64
"""So many are looked up at most; what comes meanwhile has no line: a storm of redeliveries must not cost more than its answers."""

_PAUSE = 0.02
_DROPPED = ("filtered", "error", "replaced", "reset")


class Redelivered:
    """Tells about redelivered events, beside the answers. ``run`` works until cancelled; ``folder`` is the state folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._queue: asyncio.Queue[tuple[str, str]] = asyncio.Queue(_WAITING)

    def tell(self, event_id: str, delivery_id: str) -> None:
        """An event that was stored before has come again. Returns at once."""
        if not self._queue.full():
            self._queue.put_nowait((event_id, delivery_id))

    async def run(self) -> None:
        """Look up one after the other what became of them."""
        while True:
            event_id, delivery_id = await self._queue.get()
            try:
                rows, letters = await asyncio.to_thread(self._read, event_id)
            except Unavailable as error:
                log.warning("the ledger cannot be asked", event_id=event_id, error=str(error))
            else:
                settled = [f"{row['outcome']}: {row['sensor']}/{row['trigger']}" for row in rows]
                hint = advice([row["outcome"] for row in rows], letters)
                log.info(
                    "delivered again, nothing runs again",
                    event_id=event_id,
                    delivery_id=delivery_id,
                    settled=settled or ["not yet"],
                    **({"hint": hint} if hint else {}),
                )
            await asyncio.sleep(_PAUSE)

    def _read(self, event_id: str) -> tuple[list[dict[str, Any]], list[str]]:
        return list(ledger.read_outcomes(self._folder, event_id)), rounds.find_letters(self._folder, event_id)


def advice(outcomes: Sequence[str], letters: Sequence[str]) -> str:
    """What a person can do about an event with these outcomes and dead letters; empty when there is nothing to be done."""
    found = []
    if letters:
        found.append(f"`pointsman retry {' '.join(letters)}` submits it again")
    elif "refused" in outcomes:
        found.append("it was refused: send it under another delivery id")
    if any(one in _DROPPED for one in outcomes):
        found.append("what a filter dropped is not asked again: send it under another delivery id")
    return "; ".join(found)
