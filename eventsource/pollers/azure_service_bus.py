"""Source ``azureServiceBus``: messages of a queue or a subscription (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding
from events.models.shared import SecretKeySelector, TLSConfig
from eventsource.pollers import Poller, PollerConfig, register


class AzureServiceBusConfig(PollerConfig):
    """A queue, or a topic with a subscription."""

    connection_string: SecretKeySelector | None = None
    """The connection string."""
    fully_qualified_namespace: str = ""
    """Full name of the namespace."""
    queue_name: str = ""
    """Name of the queue."""
    topic_name: str = ""
    """Name of the topic, instead of a queue."""
    subscription_name: str = ""
    """Name of the subscription to the topic."""
    tls: TLSConfig | None = None
    """How to speak TLS."""
    json_body: bool = False
    """Whether the message is JSON; else it is put into the data in base64."""
    defer_delete: bool = False
    """Whether a message is deleted only after it was stored."""


@register("azureServiceBus")
class AzureServiceBus(Poller[AzureServiceBusConfig]):
    """Source kind ``azureServiceBus``."""

    kind = "azureServiceBus"
    built = False
    config_model = AzureServiceBusConfig

    @classmethod
    def validate(cls, config: AzureServiceBusConfig, path: str = "") -> list[Finding]:
        """Where the bus is, and either a queue or a topic with a subscription."""
        findings = []
        if config.connection_string is None and not config.fully_qualified_namespace:
            findings.append(Finding("error", path, "connectionString or fullyQualifiedNamespace must be given"))
        if config.queue_name and (config.topic_name or config.subscription_name):
            findings.append(Finding("error", path, "queueName excludes topicName and subscriptionName"))
        if not config.queue_name and not (config.topic_name and config.subscription_name):
            findings.append(Finding("error", path, "queueName, or topicName with subscriptionName, must be given"))
        return findings
