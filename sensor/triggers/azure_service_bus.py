"""Trigger ``azureServiceBus``: send a message (spec §2.9). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Spec
from events.models.sensor import TriggerParameter
from events.models.shared import SecretKeySelector, TLSConfig
from sensor.triggers import TriggerKind, register


class AzureServiceBusConfig(Spec):
    """A queue or a topic; the queue counts if both are given."""

    connection_string: SecretKeySelector | None = None
    queue_name: str = ""
    topic_name: str = ""
    subscription_name: str = ""
    tls: TLSConfig | None = None
    payload: list[TriggerParameter] | None = None
    parameters: list[TriggerParameter] = []


@register("azureServiceBus")
class AzureServiceBus(TriggerKind[AzureServiceBusConfig]):
    """The reference checks nothing here."""

    kind = "azureServiceBus"
    built = False
    Config = AzureServiceBusConfig
