"""All kinds of event sources, whichever package they live in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from events.errors import SpecError
from events.models.base import Json
from events.models.eventsource import EventSourceSpec
from events.registry import did_you_mean
from eventsource import pollers, webhooks
from eventsource.pollers import Poller
from eventsource.webhooks import Webhook

__all__ = ["KINDS", "Kind", "entries", "find", "get"]

Kind = type[Webhook[Any]] | type[Poller[Any]]

KINDS = (
    "amqp",
    "azureEventsHub",
    "azureQueueStorage",
    "azureServiceBus",
    "bitbucket",
    "bitbucketserver",
    "calendar",
    "emitter",
    "file",
    "generic",
    "gerrit",
    "github",
    "gitlab",
    "hdfs",
    "kafka",
    "minio",
    "mns",
    "mqtt",
    "nats",
    "nsq",
    "pubSub",
    "pulsar",
    "redis",
    "redisStream",
    "resource",
    "sftp",
    "slack",
    "sns",
    "sqs",
    "storageGrid",
    "stripe",
    "webhook",
)
"""The reference's kinds, as they are written in a manifest."""

_BY_FOLD = {kind.casefold(): kind for kind in KINDS}


def find(kind: str) -> Kind | None:
    """The implementation of a kind, in whatever case it is written, as Go reads JSON; None when nobody knows it."""
    kind = _BY_FOLD.get(kind.casefold(), kind)
    if kind in webhooks.registry:
        return webhooks.registry[kind]
    if kind in pollers.registry:
        return pollers.registry[kind]
    return None


def get(kind: str) -> Kind:
    """The implementation of a kind; raises SpecError when nobody knows it."""
    found = find(kind)
    if found is None:
        hint = did_you_mean(kind, [*KINDS]) or f"known: {', '.join(KINDS)}"
        raise SpecError(f"unknown event source '{kind}'", hint=hint, reason="UnknownKind")
    return found


def entries(spec: EventSourceSpec) -> Iterator[tuple[str, Json]]:
    """``(kind as it is written, what stands under it)`` in the order of the manifest, also unknown ones."""
    yield from (spec.model_extra or {}).items()
