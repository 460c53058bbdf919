"""Trigger ``azureEventHubs``: send an event (spec §2.8). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Spec
from events.models.sensor import TriggerParameter
from events.models.shared import SecretKeySelector
from sensor.triggers import TriggerKind, register


class AzureEventHubsConfig(Spec):
    """The hub, and the key to it."""

    fqdn: str = ""
    hub_name: str = ""
    shared_access_key_name: SecretKeySelector | None = None
    shared_access_key: SecretKeySelector | None = None
    payload: list[TriggerParameter] | None = None
    parameters: list[TriggerParameter] = []


@register("azureEventHubs")
class AzureEventHubs(TriggerKind[AzureEventHubsConfig]):
    """The reference checks nothing here."""

    kind = "azureEventHubs"
    built = False
    Config = AzureEventHubsConfig
