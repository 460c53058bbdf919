"""Names that are the same whenever the same events meet the same trigger, so that a repeated submission is recognised. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from events.kube.rules import generated_base
from events.models.event import Event

__all__ = [
    "ANNOTATION_DELIVERY",
    "ANNOTATION_EVENT",
    "ANNOTATION_TRACE",
    "ANNOTATION_TRIGGER",
    "Origin",
    "binding_key",
    "generated_name",
    "round_key",
]


ANNOTATION_EVENT = "pointsman/event-id"
ANNOTATION_DELIVERY = "pointsman/delivery-id"
ANNOTATION_TRACE = "pointsman/traceparent"
ANNOTATION_TRIGGER = "pointsman/trigger"

SUFFIX_LENGTH = 13

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
"""Two base32 characters for each ten bits; ``base64.b32encode`` takes three times as long."""
_SHIFTS = range(150, 20, -10)
"""The first 130 of 160 bits."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The trigger that submits: its sensor's namespace and name, and its own name."""

    namespace: str
    sensor: str
    trigger: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.sensor}/{self.trigger}"


def round_key(origin: Origin, events: Mapping[str, Event]) -> str:
    """26 base32 characters that name these events (by dependency) meeting this trigger."""
    parts = [origin.namespace, origin.sensor, origin.trigger]
    return _key(parts + [f"{dependency}={event.id}" for dependency, event in sorted(events.items())])


def binding_key(namespace: str, name: str, event_id: str) -> str:
    """26 base32 characters that name this event meeting this WorkflowEventBinding."""
    return _key(["WorkflowEventBinding", namespace, name, event_id])


def _key(parts: list[str]) -> str:
    digest = hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogateescape")).digest()
    number = int.from_bytes(digest[:20], "big")
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


def generated_name(generate_name: str, key: str) -> str:
    """``generateName`` and 13 characters of the key (65 bits), at most 63 in all."""
    return generated_base(generate_name, SUFFIX_LENGTH) + key[:SUFFIX_LENGTH]
