"""Source ``emitter``: messages of an emitter.io channel (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, required
from events.models.shared import Backoff, SecretKeySelector, TLSConfig, check_tls
from eventsource.pollers import Poller, PollerConfig, register


class EmitterConfig(PollerConfig):
    """``channelKey`` is the key itself."""

    broker: str = ""
    channel_key: str = ""
    channel_name: str = ""
    username: SecretKeySelector | None = None
    password: SecretKeySelector | None = None
    connection_backoff: Backoff | None = None
    json_body: bool = False
    tls: TLSConfig | None = None


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
