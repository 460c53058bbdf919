"""Source ``kafka``: messages of a topic (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, Int64, Spec, required
from events.models.eventbus import KafkaConsumerGroup
from events.models.shared import Backoff, SASLConfig, SchemaRegistryConfig, TLSConfig, check_sasl, check_tls
from eventsource.pollers import Poller, PollerConfig, register


class AWSMSKIAMConfig(Spec):
    """Log in with the IAM role of the pod."""

    region: str = ""


class KafkaConfig(PollerConfig):
    """``url`` lists brokers, separated by commas; ``config`` is YAML text."""

    url: str = ""
    partition: str = ""
    topic: str = ""
    connection_backoff: Backoff | None = None
    tls: TLSConfig | None = None
    json_body: bool = False
    consumer_group: KafkaConsumerGroup | None = None
    limit_events_per_second: Int64 = 0
    version: str = ""
    sasl: SASLConfig | None = None
    config: str = ""
    schema_registry: SchemaRegistryConfig | None = None
    aws_msk_iam_auth: AWSMSKIAMConfig | None = None


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
