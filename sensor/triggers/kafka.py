"""Trigger ``kafka``: produce a message (spec §2.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, Int32, Spec, required
from events.models.sensor import TriggerParameter
from events.models.shared import SASLConfig, SchemaRegistryConfig, SecureHeader, TLSConfig
from sensor.triggers import TriggerKind, register
from sensor.triggers._checks import check_payload


class KafkaConfig(Spec):
    """``url`` lists brokers, separated by commas."""

    url: str = ""
    """Addresses of the brokers, with commas."""
    topic: str = ""
    """Name of the topic."""
    partition: Int32 = 0
    """Not used."""
    parameters: list[TriggerParameter] = []
    """Values of the events that are put into these settings."""
    required_acks: Int32 = 0
    """How many brokers must confirm; -1 means all."""
    compress: bool = False
    """Whether messages are compressed."""
    flush_frequency: Int32 = 0
    """How often messages are sent, in milliseconds."""
    tls: TLSConfig | None = None
    """How to speak TLS."""
    payload: list[TriggerParameter] | None = None
    """Values of the events that make up the body."""
    partitioning_key: str | None = None
    """Key of the messages."""
    version: str = ""
    """Version of the brokers."""
    sasl: SASLConfig | None = None
    """How to log in."""
    schema_registry: SchemaRegistryConfig | None = None
    """The Avro schema of the messages."""
    headers: dict[str, str] = {}
    """Headers that are always the same."""
    secure_headers: list[SecureHeader | None] = []
    """Headers with values of Secrets."""


@register("kafka")
class Kafka(TriggerKind[KafkaConfig]):
    """Trigger kind ``kafka``."""

    kind = "kafka"
    built = False
    Config = KafkaConfig

    @classmethod
    def validate(cls, config: KafkaConfig, path: str) -> list[Finding]:
        """Brokers, topic and payload must be given. As in the reference, ``parameters`` is not looked at."""
        findings = required(path, url=config.url, topic=config.topic)
        return findings + check_payload(config.payload, f"{path}.payload")
