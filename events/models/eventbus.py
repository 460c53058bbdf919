"""EventBus: which NATS carries the events (spec §4.7)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from events.models.base import Int32, Json, Spec, Uint64
from events.models.kubernetes import ContainerTemplate, PersistenceStrategy, PodFields
from events.models.shared import Metadata, SASLConfig, SecretKeySelector, TLSConfig

__all__ = ["EventBus", "EventBusSpec", "Exotic", "JetStream", "JetStreamExotic", "Kafka", "KafkaConsumerGroup", "Nats"]


class Exotic(Spec):
    """Somebody's own NATS Streaming server. An empty cluster id is one; an absent one is an error."""

    url: str = ""
    """Address of the server."""
    cluster_id: str | None = Field(default=None, alias="clusterID")
    """Name of the cluster."""
    auth: str = ""
    """`none` or `token`."""
    access_secret: SecretKeySelector | None = None
    """The token."""


class BusPods(PodFields):
    """Pods of a bus that the controller makes."""

    persistence: PersistenceStrategy | None = None
    """The volume under the bus; without it events are gone with the pods."""
    container_template: ContainerTemplate | None = None
    """The container of the server."""
    metrics_container_template: ContainerTemplate | None = None
    """Read but ignored: there is no such container."""


class Native(BusPods):
    """A NATS Streaming cluster of the controller's own."""

    replicas: Int32 = 0
    """How many servers; 3 at least."""
    auth: str = ""
    """`none` or `token`."""
    max_age: str = ""
    """Read but ignored: on JetStream an event is kept until it has been read."""
    max_msgs: Uint64 | None = None
    """Read but ignored: on JetStream an event is kept until it has been read."""
    max_bytes: str = ""
    """Read but ignored: on JetStream an event is kept until it has been read."""
    max_subs: Uint64 | None = None
    """Read but ignored."""
    max_payload: str = ""
    """Bytes of an event at most."""
    raft_heartbeat_timeout: str = ""
    """Read but ignored."""
    raft_election_timeout: str = ""
    """Read but ignored."""
    raft_lease_timeout: str = ""
    """Read but ignored."""
    raft_commit_timeout: str = ""
    """Read but ignored."""


class Nats(Spec):
    """NATS Streaming (STAN): accepted, and run on JetStream."""

    native: Native | None = None
    """Servers that the controller runs; JetStream takes their place."""
    exotic: Exotic | None = None
    """Somebody's own server."""


class JetStream(BusPods):
    """A JetStream that the controller makes."""

    rules: ClassVar = (
        ("!has(self.version) || self.version != ''", "version must be given"),
        ("!has(self.replicas) || self.replicas == 1 || self.replicas >= 3", "replicas must be 1, or 3 and more"),
    )

    version: str = ""
    """Version of the server, for example `latest`."""
    replicas: Int32 | None = None
    """How many servers: 1, or 3 and more; 3 when absent."""
    settings: str = ""
    """Text of the server's `jetstream` block."""
    start_args: list[str] = []
    """Further arguments of the server."""
    stream_config: str = ""
    """Settings of the stream, YAML text, for example `maxAge: 72h`."""
    max_payload: str = ""
    """Bytes of a message at most; 1MB when absent."""
    reloader_container_template: ContainerTemplate | None = None
    """Read but ignored: there is no such container."""


class JetStreamExotic(Spec):
    """Somebody's own JetStream."""

    rules: ClassVar = (("!has(self.url) || self.url != ''", "url must be given"),)

    url: str = ""
    """Address of the servers, for example `nats://nats.example:4222`."""
    access_secret: SecretKeySelector | None = None
    """How to log in: YAML text with `username` and `password`, or `token`."""
    stream_config: str = ""
    """Settings of the stream, YAML text."""
    tls: TLSConfig | None = None
    """How to speak TLS with the servers."""


class KafkaConsumerGroup(Spec):
    """Who shares the reading of a topic (spec §3.5)."""

    group_name: str = ""
    """Name of the group."""
    oldest: bool = False
    """Begin with the oldest message instead of the newest."""
    rebalance_strategy: str = ""
    """`sticky`, `roundrobin` or `range` (when absent)."""


class Kafka(Spec):
    """A Kafka bus (not run by us)."""

    url: str = ""
    """Addresses of the brokers, with commas."""
    topic: str = ""
    """Name of the topic."""
    version: str = ""
    """Version of the brokers."""
    tls: TLSConfig | None = None
    """How to speak TLS."""
    sasl: SASLConfig | None = None
    """How to log in."""
    consumer_group: KafkaConsumerGroup | None = None
    """Who shares the reading."""
    partitioner: str = ""
    """How messages are spread over partitions."""


class EventBusSpec(Spec):
    """One of the kinds of bus."""

    nats: Nats | None = None
    """NATS Streaming, which is no more: run on JetStream."""
    jetstream: JetStream | None = Field(default=None, alias="jetstream")
    """A JetStream that the controller runs."""
    jetstream_exotic: JetStreamExotic | None = None
    """A JetStream that is there already."""
    kafka: Kafka | None = None
    """Kafka; not run by Pointsman."""


class EventBus(Spec):
    """EventBus of ``argoproj.io/v1alpha1``."""

    api_version: str = ""
    kind: str = "EventBus"
    metadata: Metadata = Metadata()
    spec: EventBusSpec = EventBusSpec()
    status: Json = None
