"""Source ``emitter``: messages of an emitter.io channel (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, required
from events.models.shared import Backoff, SecretKeySelector, TLSConfig, check_tls
from eventsource.pollers import Poller, PollerConfig, register


class EmitterConfig(PollerConfig):
    """``channelKey`` is the key itself."""

    broker: str = ""
    """Address of the broker."""
    channel_key: str = ""
    """Key of the channel."""
    channel_name: str = ""
    """Name of the channel."""
    username: SecretKeySelector | None = None
    """The user name."""
    password: SecretKeySelector | None = None
    """The password."""
    connection_backoff: Backoff | None = None
    """How often a connection is tried."""
    json_body: bool = False
    """Whether the message is JSON; else it is put into the data in base64."""
    tls: TLSConfig | None = None
    """How to speak TLS."""


@register("emitter")
class Emitter(Poller[EmitterConfig]):
    """Source kind ``emitter``."""

    kind = "emitter"
    built = False
    config_model = EmitterConfig

    @classmethod
    def validate(cls, config: EmitterConfig, path: str = "") -> list[Finding]:
        """Broker, channel and its key."""
        findings = required(path, broker=config.broker, channelName=config.channel_name, channelKey=config.channel_key)
        return findings + check_tls(config.tls, f"{path}.tls")
