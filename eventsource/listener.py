"""Steps 2 and 3: one event of one EventSource, from a delivery to its events. Pure.

What ``server`` does with each request, and ``explain`` without one.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Any, NamedTuple

from events.errors import EvaluationError
from events.models.event import Event, event_id, rfc3339
from eventsource.delivery import Delivery
from eventsource.filtering import Keep
from eventsource.webhooks import Webhook

__all__ = ["Listener", "Received"]


class Received(NamedTuple):
    """What became of a delivery: the sender's id, the ids of all its events, the events that the filter keeps, and why the filter
    had no answer (then the event is dropped, too).
    """

    delivery_id: str
    ids: list[str]
    events: list[Event]
    problem: str = ""


@dataclass(frozen=True)
class Listener:
    """An event as it is served. ``keep`` is ``filter.expression`` over the data; None keeps everything."""

    webhook: Webhook[Any]
    namespace: str
    source: str
    name: str
    bus: str
    keep: Keep | None = None

    @property
    def kind(self) -> str:
        """The kind of event source, and the type of its events."""
        return self.webhook.kind

    @property
    def owner(self) -> str:
        """How it is named in messages."""
        return f"EventSource {self.namespace}/{self.source}, {self.kind} event '{self.name}'"

    def receive(self, delivery: Delivery) -> Received:
        """Verify, convert and filter. Raises Rejected."""
        self.verify(delivery)
        return self.take(delivery)

    def verify(self, delivery: Delivery) -> None:
        """Raises Rejected(401)."""
        self.webhook.verify(delivery, delivery.received // 1_000_000_000)

    def take(self, delivery: Delivery, left_out: Container[int] = ()) -> Received:
        """Convert and filter, whoever sent it; ``left_out`` events, by their place in the delivery, are dropped. Raises Rejected."""
        webhook = self.webhook
        data = webhook.convert(delivery)
        identifier = webhook.delivery_id(delivery)
        # No forge says which attempt this is; the moment tells attempts apart.
        unique = f"{identifier} at {delivery.received}" if webhook.reruns else identifier
        if len(data) == 1:
            ids = [self._id(unique, None)]
        else:
            ids = [self._id(unique, index) for index in range(len(data))]
        time = rfc3339(delivery.received)
        problem = ""
        events = []
        for index, (one, content) in enumerate(zip(ids, data, strict=True)):
            if index in left_out:
                continue
            try:
                kept = self.keep is None or self.keep(content)
            except EvaluationError as error:
                kept, problem = False, error.message
            if kept:
                event = Event(id=one, source=self.source, type=self.kind, subject=self.name, time=time, data=content)
                events.append(event)
        return Received(identifier, ids, events, problem)

    def _id(self, delivery_id: str, index: int | None) -> str:
        return event_id(self.kind, self.namespace, self.source, self.name, delivery_id, index)
