"""What the controller asks about a manifest, and is answered by those who know the kinds: they are handed in. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from events.models.base import Finding

__all__ = ["Judge", "Judgement", "Reference"]


class Reference(NamedTuple):
    """A key of a Secret or ConfigMap of the object's namespace that a field names; ``path`` is the field."""

    kind: str
    name: str
    key: str
    path: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be said about an object, without running it."""

    errors: tuple[Finding, ...] = ()
    """Why it cannot run: nothing is deployed."""
    troubles: tuple[Finding, ...] = ()
    """What will not work, although the rest does: told, and deployed."""
    warnings: tuple[Finding, ...] = ()
    """What is done, but perhaps not as its author thinks, such as fields that nobody knows."""
    references: tuple[Reference, ...] = ()
    needs_token: bool = False
    """Whether its process talks to the API server."""
    low_ports: bool = False
    """Whether it listens on a port below 1024, which only root may, unless its pod says otherwise."""
    deletes_hooks: bool = False
    """Whether its hooks are to be deleted with it."""
    alone: bool = False
    """Whether two of its processes must not run beside each other, not even during an update."""


Judge = Callable[[dict[str, Any], dict[str, Any] | None], Judgement]
"""Judges an EventBus, an EventSource, or a Sensor (with the EventBus that it is on, as JSON); raises nothing."""
