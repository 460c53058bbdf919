"""Trigger ``azureEventHubs``: send an event (spec §2.8). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Spec
from events.models.sensor import TriggerParameter
from events.models.shared import SecretKeySelector
from sensor.triggers import TriggerKind, register


class AzureEventHubsConfig(Spec):
    """The hub, and the key to it."""

    fqdn: str = ""
    """Full name of the namespace."""
    hub_name: str = ""
    """Name of the hub."""
    shared_access_key_name: SecretKeySelector | None = None
    """Name of the shared access key."""
    shared_access_key: SecretKeySelector | None = None
    """The shared access key."""
    payload: list[TriggerParameter] | None = None
    """Values of the events that make up the body."""
    parameters: list[TriggerParameter] = []
    """Values of the events that are put into these settings."""


@register("azureEventHubs")
class AzureEventHubs(TriggerKind[AzureEventHubsConfig]):
    """The reference checks nothing here."""

    kind = "azureEventHubs"
    built = False
    Config = AzureEventHubsConfig
