"""Trigger ``azureServiceBus``: send a message (spec §2.9). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Spec
from events.models.sensor import TriggerParameter
from events.models.shared import SecretKeySelector, TLSConfig
from sensor.triggers import TriggerKind, register


class AzureServiceBusConfig(Spec):
    """A queue or a topic; the queue counts if both are given."""

    connection_string: SecretKeySelector | None = None
    """The connection string."""
    queue_name: str = ""
    """Name of the queue."""
    topic_name: str = ""
    """Name of the topic, instead of a queue."""
    subscription_name: str = ""
    """Not used."""
    tls: TLSConfig | None = None
    """How to speak TLS."""
    payload: list[TriggerParameter] | None = None
    """Values of the events that make up the body."""
    parameters: list[TriggerParameter] = []
    """Values of the events that are put into these settings."""


@register("azureServiceBus")
class AzureServiceBus(TriggerKind[AzureServiceBusConfig]):
    """The reference checks nothing here."""

    kind = "azureServiceBus"
    built = False
    Config = AzureServiceBusConfig
