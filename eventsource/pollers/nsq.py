"""Source ``nsq``: messages of a topic (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, required
from events.models.shared import Backoff, TLSConfig, check_tls
from eventsource.pollers import Poller, PollerConfig, register


class NSQConfig(PollerConfig):
    """``hostAddress`` is that of nsqlookupd."""

    host_address: str = ""
    """Address of the server."""
    topic: str = ""
    """Name of the topic."""
    channel: str = ""
    """Name of the channel."""
    connection_backoff: Backoff | None = None
    """How often a connection is tried."""
    json_body: bool = False
    """Whether the message is JSON; else it is put into the data in base64."""
    tls: TLSConfig | None = None
    """How to speak TLS."""


@register("nsq")
class NSQ(Poller[NSQConfig]):
    """Source kind ``nsq``."""

    kind = "nsq"
    built = False
    config_model = NSQConfig

    @classmethod
    def validate(cls, config: NSQConfig, path: str = "") -> list[Finding]:
        """Server, topic and channel."""
        findings = required(path, hostAddress=config.host_address, topic=config.topic, channel=config.channel)
        return findings + check_tls(config.tls, f"{path}.tls")
