"""What became of hooks, for ``/status`` and for who runs a reconciler. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from events.errors import PointsmanError, Refused, Unavailable
from eventsource.hooks import Desired, Forge

__all__ = ["Result", "State", "contested", "explained", "failure", "titled"]

State = Literal["kept", "created", "updated", "deleted", "failing", "refused", "contested"]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one hook. ``failing``: it is tried again; ``refused``: too, but somebody should do something; ``contested``: another
    EventSource has it, and wants it otherwise.

    ``wait``: seconds that the forge wants to be left alone, where it said so.
    """

    event: str
    target: str
    url: str
    state: State
    message: str = ""
    wait: float | None = None
    crowded: bool = False
    """Whether it was refused because of other hooks that are there."""

    @property
    def well(self) -> bool:
        """Whether the hook is as it should be."""
        return self.state not in ("failing", "refused", "contested")

    def to_json(self) -> dict[str, Any]:
        """For ``/status``."""
        return {
            "event": self.event,
            "target": self.target,
            "url": self.url,
            "state": self.state,
            "message": self.message,
        }


def titled(name: str) -> str:
    """``ns.source``, as it is remembered, as it is told: ``ns/source``. A namespace has no dots."""
    return name.replace(".", "/", 1)


def explained(forge: Forge[Any], wish: Desired | None, error: PointsmanError) -> PointsmanError:
    """With what a user should know about it, where its forge knows that."""
    return forge.explain(wish, error) if isinstance(error, Refused) and wish is not None else error


def contested(other: str, reasons: Iterable[str]) -> str:
    """Of a hook that another EventSource has and wants otherwise: in which ways this one differs."""
    return f"EventSource {other} wants this hook otherwise, and comes first ({'; '.join(reasons)}): give each its own endpoint"


def failure(event: str, target: str, url: str, error: PointsmanError) -> Result:
    """Of a hook with which something went wrong."""
    later = isinstance(error, Unavailable)
    wait = error.retry_after if isinstance(error, Unavailable) else None
    return Result(event, target, url, "failing" if later else "refused", str(error), wait)
