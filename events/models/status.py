"""What the controller writes into ``status`` (spec §5.3). The reference's fields, and ours beside them."""

from __future__ import annotations

from typing import Any

from events.models.base import Int64, Spec

__all__ = ["BusStatus", "Condition", "SensorStatus", "SourceStatus", "Status"]


class Condition(Spec):
    """One answer to a question about the object."""

    type: str = ""
    """The question, for example `Deployed`."""
    status: str = ""
    """The answer: `True`, `False` or `Unknown`."""
    reason: str = ""
    """The answer's cause, in one word."""
    message: str = ""
    """The answer's cause, in a sentence: what is wrong, and where."""
    last_transition_time: str = ""
    """When the answer changed last."""
    observed_generation: Int64 = 0
    """The generation of the object that was asked about."""


class Status(Spec):
    """What is so, as opposed to what is wanted."""

    conditions: list[Condition] = []
    """The object works when all of them are `True`."""
    observed_generation: Int64 = 0
    """The generation of the object that this status is about."""


class BusStatus(Status):
    """What is so, as opposed to what is wanted."""

    config: dict[str, Any] | None = None
    """How sources and sensors reach the bus."""


class Hooks(Spec):
    """How many hooks at the forges there are."""

    right: Int64 = 0
    """Those that are as they should be."""
    wrong: Int64 = 0
    """Those that could not be made or changed; why, is among the troubles."""


class SourceStatus(Status):
    """What is so, as opposed to what is wanted."""

    hooks: Hooks | None = None
    """Hooks at the forges that are looked after."""

    last_event: str = ""
    """When the last event was stored."""
    last_error: str = ""
    """What went wrong last, in the words of the process."""
    troubles: list[str] = []
    """What is wrong now, in the words of the pods."""


class SensorStatus(Status):
    """What is so, as opposed to what is wanted."""

    last_event: str = ""
    """When the last event came."""
    last_submission: str = ""
    """When a trigger was submitted last."""
    last_error: str = ""
    """What went wrong last, in the words of the process."""
    troubles: list[str] = []
    """What is wrong now, in the words of the pods."""
