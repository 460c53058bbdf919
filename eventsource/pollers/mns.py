"""Source ``mns``: messages of an Alibaba Cloud queue (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, required
from events.models.shared import SecretKeySelector
from eventsource.pollers import Poller, PollerConfig, register


class MNSConfig(PollerConfig):
    """The queue, and the keys to it."""

    access_key: SecretKeySelector | None = None
    """The access key."""
    secret_key: SecretKeySelector | None = None
    """The secret key."""
    queue: str = ""
    """Name of the queue."""
    endpoint: str = ""
    """Address of the service."""
    json_body: bool = False
    """Whether the message is JSON; else it is put into the data in base64."""


@register("mns")
class MNS(Poller[MNSConfig]):
    """Source kind ``mns``."""

    kind = "mns"
    built = False
    config_model = MNSConfig
    exclusive = False

    @classmethod
    def validate(cls, config: MNSConfig, path: str = "") -> list[Finding]:
        """Queue and endpoint."""
        return required(path, queue=config.queue, endpoint=config.endpoint)
