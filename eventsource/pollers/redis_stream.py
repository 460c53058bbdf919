"""Source ``redisStream``: entries of streams (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, Int32, required
from events.models.shared import SecretKeySelector, TLSConfig, check_tls
from eventsource.pollers import Poller, PollerConfig, register


class RedisStreamConfig(PollerConfig):
    """The streams must exist; the consumer group is made."""

    host_address: str = ""
    """Address of the server."""
    password: SecretKeySelector | None = None
    """The password."""
    db: Int32 = 0
    """Number of the database."""
    streams: list[str] | None = None
    """Names of the streams."""
    max_msg_count_per_read: Int32 = 0
    """How many messages are read at once."""
    consumer_group: str = ""
    """Who shares the reading."""
    tls: TLSConfig | None = None
    """How to speak TLS."""
    username: str = ""
    """The user name."""


@register("redisStream")
class RedisStream(Poller[RedisStreamConfig]):
    """Source kind ``redisStream``."""

    kind = "redisStream"
    built = False
    config_model = RedisStreamConfig

    @classmethod
    def validate(cls, config: RedisStreamConfig, path: str = "") -> list[Finding]:
        """Server and streams."""
        findings = required(path, hostAddress=config.host_address)
        if config.streams is None:
            findings.append(Finding("error", f"{path}.streams", "must be given"))
        return findings + check_tls(config.tls, f"{path}.tls")
