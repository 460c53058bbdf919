"""Source ``kafka``: messages of a topic (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, Int64, Spec, required
from events.models.eventbus import KafkaConsumerGroup
from events.models.shared import Backoff, SASLConfig, SchemaRegistryConfig, TLSConfig, check_sasl, check_tls
from eventsource.pollers import Poller, PollerConfig, register


class AWSMSKIAMConfig(Spec):
    """Log in with the IAM role of the pod."""

    region: str = ""
    """The region."""


class KafkaConfig(PollerConfig):
    """``url`` lists brokers, separated by commas; ``config`` is YAML text."""

    url: str = ""
    """Addresses of the brokers, with commas."""
    partition: str = ""
    """The partition, where there is no consumer group."""
    topic: str = ""
    """Name of the topic."""
    connection_backoff: Backoff | None = None
    """How often a connection is tried."""
    tls: TLSConfig | None = None
    """How to speak TLS."""
    json_body: bool = False
    """Whether the message is JSON; else it is put into the data in base64."""
    consumer_group: KafkaConsumerGroup | None = None
    """Who shares the reading."""
    limit_events_per_second: Int64 = 0
    """How many events a second at most."""
    version: str = ""
    """Version of the brokers."""
    sasl: SASLConfig | None = None
    """How to log in."""
    config: str = ""
    """Settings of the client, YAML text."""
    schema_registry: SchemaRegistryConfig | None = None
    """The Avro schema of the messages."""
    aws_msk_iam_auth: AWSMSKIAMConfig | None = None
    """Log in at Amazon MSK."""


@register("kafka")
class Kafka(Poller[KafkaConfig]):
    """Source kind ``kafka``."""

    kind = "kafka"
    built = False
    config_model = KafkaConfig

    @classmethod
    def validate(cls, config: KafkaConfig, path: str = "") -> list[Finding]:
        """Brokers, topic, and a partition or a group. As in the reference, the first of TLS, SASL and IAM is the only one checked."""
        findings = required(path, url=config.url, topic=config.topic)
        if not config.partition and config.consumer_group is None:
            findings.append(Finding("error", path, "consumerGroup or partition must be given"))
        if config.tls is not None:
            return findings + check_tls(config.tls, f"{path}.tls")
        if config.sasl is not None:
            return findings + check_sasl(config.sasl, f"{path}.sasl")
        if config.aws_msk_iam_auth is not None:
            findings += required(f"{path}.awsMskIamAuth", region=config.aws_msk_iam_auth.region)
        return findings
