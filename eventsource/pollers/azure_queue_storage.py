"""Source ``azureQueueStorage``: messages of a queue (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, Int32, required
from events.models.shared import SecretKeySelector
from eventsource.pollers import Poller, PollerConfig, register


class AzureQueueStorageConfig(PollerConfig):
    """Without a connection string the identity of the pod is used."""

    storage_account_name: str = ""
    """Name of the storage account."""
    connection_string: SecretKeySelector | None = None
    """The connection string."""
    queue_name: str = ""
    """Name of the queue."""
    json_body: bool = False
    """Whether the message is JSON; else it is put into the data in base64."""
    dlq: bool = False
    """Whether messages that cannot be handled stay in the queue."""
    decode_message: bool = False
    """Whether messages are in base64."""
    wait_time_in_seconds: Int32 | None = None
    """Seconds to wait when the queue is empty."""


@register("azureQueueStorage")
class AzureQueueStorage(Poller[AzureQueueStorageConfig]):
    """Source kind ``azureQueueStorage``."""

    kind = "azureQueueStorage"
    built = False
    config_model = AzureQueueStorageConfig
    exclusive = False

    @classmethod
    def validate(cls, config: AzureQueueStorageConfig, path: str = "") -> list[Finding]:
        """A queue, and where it is."""
        findings = required(path, queueName=config.queue_name)
        if config.connection_string is None and not config.storage_account_name:
            findings.append(Finding("error", path, "connectionString or storageAccountName must be given"))
        return findings
