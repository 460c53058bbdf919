"""Source ``azureEventsHub``: events of a hub (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, required
from events.models.shared import SecretKeySelector
from eventsource.pollers import Poller, PollerConfig, register


class AzureEventsHubConfig(PollerConfig):
    """Without keys the identity of the pod is used."""

    fqdn: str = ""
    """Full name of the namespace."""
    shared_access_key_name: SecretKeySelector | None = None
    """Name of the shared access key."""
    shared_access_key: SecretKeySelector | None = None
    """The shared access key."""
    hub_name: str = ""
    """Name of the hub."""


@register("azureEventsHub")
class AzureEventsHub(Poller[AzureEventsHubConfig]):
    """Source kind ``azureEventsHub``."""

    kind = "azureEventsHub"
    built = False
    config_model = AzureEventsHubConfig

    @classmethod
    def validate(cls, config: AzureEventsHubConfig, path: str = "") -> list[Finding]:
        """Host and hub; the key and its name belong together."""
        findings = required(path, fqdn=config.fqdn, hubName=config.hub_name)
        if (config.shared_access_key is None) != (config.shared_access_key_name is None):
            findings.append(Finding("error", path, "sharedAccessKeyName and sharedAccessKey belong together"))
        return findings
