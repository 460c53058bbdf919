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
    topic: str = ""
    partition: Int32 = 0
    parameters: list[TriggerParameter] = []
    required_acks: Int32 = 0
    compress: bool = False
    flush_frequency: Int32 = 0
    tls: TLSConfig | None = None
    payload: list[TriggerParameter] | None = None
    partitioning_key: str | None = None
    version: str = ""
    sasl: SASLConfig | None = None
    schema_registry: SchemaRegistryConfig | None = None
    headers: dict[str, str] = {}
    secure_headers: list[SecureHeader | None] = []


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
