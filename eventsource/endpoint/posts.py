"""A request as a post: where it goes, who sent it, what it says, and how it is told apart from others. Pure.

``service`` asks these in the order of the reference (signature, path, credentials, header fields, body); ``explain`` asks them, too.
Each raises a ``Refusal`` with the whole answer.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from eventbus import subjects
from events.models.dispatching import EVENT_TYPE, Post
from events.models.event import Event, event_id, rfc3339
from eventsource.delivery import Delivery, Headers
from eventsource.endpoint.gate import Poster, Proven
from eventsource.endpoint.metadata import SECRET_HEADERS, metadata
from eventsource.endpoint.paths import Target, routed
from eventsource.endpoint.payload import payload

__all__ = ["IDENTITIES", "Content", "Posted", "content", "posted", "target_of"]

IDENTITIES = ("Idempotency-Key", "Webhook-Id", "Ce-Id")
"""The header fields in which a poster with a token may name its delivery."""


@dataclass(frozen=True, slots=True)
class Content:
    """What expressions will see of a request: header fields, and the JSON text of the payload (None for an empty body)."""

    metadata: dict[str, list[str]]
    payload: bytes | None


@dataclass(frozen=True, slots=True)
class Posted:
    """An accepted post, and how it is told apart from others: by the client or user that sent it, and its id there."""

    post: Post
    sender: str
    delivery_id: str

    def event(self, received: int) -> Event:
        """The event to be stored; ``received`` is in nanoseconds since 1970. Sent again, it has the same id."""
        post = self.post
        identity = event_id(EVENT_TYPE, post.namespace, self.sender, post.discriminator, self.delivery_id)
        return Event(identity, post.namespace, EVENT_TYPE, post.discriminator, rfc3339(received), post.to_json())

    @property
    def subject(self) -> str:
        """Where the event goes on the bus."""
        return subjects.binding_subject(self.post.namespace, self.post.discriminator)


def target_of(method: str, path: str, headers: Headers) -> Target:
    """What a request to this (decoded) path is for."""
    return routed(
        method,
        path,
        override=_first(headers, "X-Http-Method-Override"),
        content_type=_first(headers, "Content-Type"),
    )


def _first(headers: Headers, name: str) -> str:
    return next((value for key, value in headers if key == name), "")


def content(delivery: Delivery, host: str, remote: str, *, signed: bool) -> Content:
    """Header fields and payload; of a ``signed`` delivery without what proves it. ``host`` and ``remote`` are those of the connection."""
    secrets = SECRET_HEADERS if signed else ()
    seen = metadata(delivery.headers, host, remote, secrets=secrets)
    return Content(seen, payload(delivery.body))


def posted(target: Target, content: Content, delivery: Delivery, poster: Poster, proven: Proven | None) -> Posted:
    """The post of ``poster``; when a signature has ``proven`` a client, that is the sender."""
    post = Post(target.namespace, target.discriminator, content.metadata, content.payload, poster.claims, poster.grants)
    if proven is not None:
        return Posted(post, proven.client, proven.delivery_id)
    named = next((value for name in IDENTITIES if (value := delivery.header(name))), "")
    return Posted(post, poster.claims.get("sub", ""), named or uuid.uuid4().hex)
