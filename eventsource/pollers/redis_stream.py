"""Source ``redisStream``: entries of streams (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, Int32, required
from events.models.shared import SecretKeySelector, TLSConfig, check_tls
from eventsource.pollers import Poller, PollerConfig, register


class RedisStreamConfig(PollerConfig):
    """The streams must exist; the consumer group is made."""

    host_address: str = ""
    password: SecretKeySelector | None = None
    db: Int32 = 0
    streams: list[str] | None = None
    max_msg_count_per_read: Int32 = 0
    consumer_group: str = ""
    tls: TLSConfig | None = None
    username: str = ""


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
