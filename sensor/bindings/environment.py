"""What the expressions of bindings see of an event: ``namespace``, ``discriminator``, ``metadata`` and ``payload``. Pure.

Spec: argo-workflows-events.md §3.3. The payload is decoded once for all bindings of the namespace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from events.errors import EvaluationError
from events.expressions import gojson
from events.models.base import Json
from events.models.dispatching import Post
from events.models.event import Event

__all__ = ["NAMES", "Environment", "decode_payload", "visible_metadata"]

NAMES = ("namespace", "discriminator", "metadata", "payload")
"""The names that an expression may use."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One event as all bindings of a namespace see it.

    ``metadata`` are the request's headers, keys in lower case, each with all its values; expressions see only those that begin
    with ``x-``. ``payload`` is what ``decode_payload`` gives. ``event_id`` is the same for each redelivery: names and random
    values follow from it. ``traceparent`` (W3C) is its trace, empty: none. ``now`` is the time that expressions see; give the time of the event, so that a repeat gives the same.
    """

    event_id: str
    namespace: str
    discriminator: str = ""
    metadata: Mapping[str, Sequence[str]] = field(default_factory=dict)
    payload: Json = None
    delivery_id: str = ""
    traceparent: str = ""
    now: datetime = field(default_factory=_now)
    names: dict[str, Any] = field(init=False, repr=False, compare=False)
    """The values that expressions see, by name."""

    @classmethod
    def of(cls, event: Event, post: Post, delivery_id: str) -> Environment:
        """What a posted event gives. Raises ``EvaluationError`` as ``decode_payload`` does."""
        return cls(
            event_id=event.id,
            namespace=post.namespace,
            discriminator=post.discriminator,
            metadata=post.metadata,
            payload=decode_payload(post.payload),
            delivery_id=delivery_id,
            traceparent=event.traceparent,
            now=_time(event),
        )

    def __post_init__(self) -> None:
        names = {
            "namespace": self.namespace,
            "discriminator": self.discriminator,
            "metadata": visible_metadata(self.metadata),
            "payload": self.payload,
        }
        object.__setattr__(self, "names", names)


def _time(event: Event) -> datetime:
    try:
        return datetime.fromisoformat(event.time)
    except ValueError:
        raise EvaluationError(f"'{event.time[:40]}' is no time") from None


def visible_metadata(metadata: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The headers that expressions may see: those that begin with ``x-``, so neither credentials nor ``content-type``."""
    return {key: list(values) for key, values in metadata.items() if key.startswith("x-")}


_EXACT = 2**53
_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 16  # 2^53 has so many digits


def decode_payload(data: bytes | None) -> Json:
    """The value of an event's data, None where there is none. All numbers are those of float64.

    Raises ``EvaluationError`` when it is no JSON, nested too deeply, or holds a number that is beyond float64.
    """
    if not data:
        return None
    value = gojson.decode(data)
    # Whole numbers stay ``int``, which expressions take for float64; those that it cannot hold exactly are rare.
    return _rounded(value) if _LONG_NUMBER in data.translate(_TO_ZERO) else value


def _rounded(root: Json) -> Json:
    """Whole numbers beyond 2^53 as the float64 next to them. Changes lists and objects in place."""
    holder = [root]
    waiting: list[Any] = [holder]
    while waiting:
        parent = waiting.pop()
        for key, item in parent.items() if isinstance(parent, dict) else enumerate(parent):
            if type(item) is int and not -_EXACT <= item <= _EXACT:
                parent[key] = float(item)
            elif isinstance(item, (dict, list)):
                waiting.append(item)
    return holder[0]
