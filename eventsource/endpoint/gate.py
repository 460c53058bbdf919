"""Who may post to a namespace, and as whom it counts: what the endpoint asks of its surroundings. See ``local`` and ``cluster``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from events.kube import Object
from events.models.dispatching import Grants
from eventsource.delivery import Delivery
from eventsource.endpoint.credentials import Claims, Credentials

__all__ = ["Gate", "Poster", "Proven"]


@dataclass(frozen=True, slots=True)
class Poster:
    """Who posts. Without ``grants`` it may do what we may."""

    claims: Claims = field(default_factory=dict)
    grants: Grants | None = None


@dataclass(frozen=True, slots=True)
class Proven:
    """A signature names the client that posts: its name, its type, the sender's id of the delivery, the credentials it gets."""

    client: str
    type: str
    delivery_id: str
    credentials: Credentials


class Gate(Protocol):
    """Every method raises a Rejected with what the poster is answered, or Unavailable."""

    async def prove(self, delivery: Delivery, now: int) -> Proven | None:
        """The client that signed the delivery; None for a request that goes on as its headers say. ``now`` is in seconds."""

    async def admit(self, credentials: Credentials, namespace: str) -> Poster:
        """The poster of an event to this namespace."""

    def ways_in(self, namespace: str) -> str:
        """How a post to this namespace gets in, for the log when one did not. Never with a secret."""

    async def bindings(self, credentials: Credentials, namespace: str) -> list[Object]:
        """The WorkflowEventBindings that the poster may see."""
