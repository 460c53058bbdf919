"""EventBus: which NATS carries the events (spec §4.7)."""

from __future__ import annotations

from pydantic import Field

from events.models.base import Int32, Json, Spec, Uint64
from events.models.kubernetes import ContainerTemplate, PersistenceStrategy, PodFields
from events.models.shared import Metadata, SASLConfig, SecretKeySelector, TLSConfig

__all__ = ["EventBus", "EventBusSpec", "Exotic", "JetStream", "JetStreamExotic", "Kafka", "KafkaConsumerGroup", "Nats"]


class Exotic(Spec):
    """Somebody's own NATS Streaming server. An empty cluster id is one; an absent one is an error."""

    url: str = ""
    cluster_id: str | None = Field(default=None, alias="clusterID")
    auth: str = ""
    access_secret: SecretKeySelector | None = None


class BusPods(PodFields):
    """Pods of a bus that the controller makes."""

    persistence: PersistenceStrategy | None = None
    container_template: ContainerTemplate | None = None
    metrics_container_template: ContainerTemplate | None = None


class Native(BusPods):
    """A NATS Streaming cluster of the controller's own."""

    replicas: Int32 = 0
    auth: str = ""
    max_age: str = ""
    max_msgs: Uint64 | None = None
    max_bytes: str = ""
    max_subs: Uint64 | None = None
    max_payload: str = ""
    raft_heartbeat_timeout: str = ""
    raft_election_timeout: str = ""
    raft_lease_timeout: str = ""
    raft_commit_timeout: str = ""


class Nats(Spec):
    """NATS Streaming (STAN): accepted, and run on JetStream."""

    native: Native | None = None
    exotic: Exotic | None = None


class JetStream(BusPods):
    """A JetStream that the controller makes."""

    version: str = ""
    replicas: Int32 | None = None
    settings: str = ""
    start_args: list[str] = []
    stream_config: str = ""
    max_payload: str = ""
    reloader_container_template: ContainerTemplate | None = None


class JetStreamExotic(Spec):
    """Somebody's own JetStream."""

    url: str = ""
    access_secret: SecretKeySelector | None = None
    stream_config: str = ""
    tls: TLSConfig | None = None


class KafkaConsumerGroup(Spec):
    """Who shares the reading of a topic (spec §3.5)."""

    group_name: str = ""
    oldest: bool = False
    rebalance_strategy: str = ""


class Kafka(Spec):
    """A Kafka bus (not run by us)."""

    url: str = ""
    topic: str = ""
    version: str = ""
    tls: TLSConfig | None = None
    sasl: SASLConfig | None = None
    consumer_group: KafkaConsumerGroup | None = None
    partitioner: str = ""


class EventBusSpec(Spec):
    """One of the kinds of bus."""

    nats: Nats | None = None
    jetstream: JetStream | None = Field(default=None, alias="jetstream")
    jetstream_exotic: JetStreamExotic | None = None
    kafka: Kafka | None = None


class EventBus(Spec):
    """EventBus of ``argoproj.io/v1alpha1``."""

    api_version: str = ""
    kind: str = "EventBus"
    metadata: Metadata = Metadata()
    spec: EventBusSpec = EventBusSpec()
    status: Json = None
