"""What the desire modules answer: which objects shall be there, and what is to be said. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from events.controller.conditions import Condition

__all__ = ["Bus", "Desired", "Json"]

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Desired:
    """``children`` in the order in which they are written; None: those that there are stay as they are."""

    conditions: tuple[Condition, ...]
    children: tuple[Json, ...] | None = None
    status: Mapping[str, Any] = field(default_factory=dict)
    """What else the status says, beside what all of them say."""


@dataclass(frozen=True, slots=True)
class Bus:
    """The EventBus of an EventSource or Sensor, as its own status tells of it."""

    name: str
    config: Json | None = None
    """How it is reached; None when that is not known, or it is not ready."""
    ours: bool = False
    reason: str = ""
    message: str = ""
