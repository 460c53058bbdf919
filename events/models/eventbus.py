"""EventBus: which NATS carries the events (spec §4.7)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from events.models.base import Json, Spec
from events.models.shared import Metadata, SecretKeySelector, TLSConfig

__all__ = ["EventBus", "EventBusSpec", "Exotic", "JetStream", "Kafka", "Nats"]


class Exotic(Spec):
    """Somebody's own NATS Streaming server."""

    url: str = ""
    cluster_id: str = Field(default="", alias="clusterID")
    auth: str = ""
    access_secret: SecretKeySelector | None = None


class Nats(Spec):
    """NATS Streaming (STAN): accepted, and run on JetStream."""

    native: dict[str, Any] | None = None
    exotic: Exotic | None = None


class JetStream(Spec):
    """A JetStream that the controller makes. Pod fields are free here; the controller reads them."""

    free_form: ClassVar[bool] = True

    version: str = ""
    replicas: int | None = None
    settings: str = ""
    start_args: list[str] = []
    stream_config: str = ""
    max_payload: str = ""


class JetStreamExotic(Spec):
    """Somebody's own JetStream."""

    url: str = ""
    access_secret: SecretKeySelector | None = None
    stream_config: str = ""
    tls: TLSConfig | None = None


class Kafka(Spec):
    """A Kafka bus (not run by us)."""

    free_form: ClassVar[bool] = True

    url: str = ""


class EventBusSpec(Spec):
    """One of the kinds of bus."""

    nats: Nats | None = None
    jetstream: JetStream | None = Field(default=None, alias="jetstream")
    jetstream_exotic: JetStreamExotic | None = None
    kafka: Kafka | None = None


class EventBus(Spec):
    """EventBus of ``argoproj.io/v1alpha1``."""

    api_version: str = ""
    kind: Literal["EventBus"] = "EventBus"
    metadata: Metadata = Metadata()
    spec: EventBusSpec = EventBusSpec()
    status: Json = None
