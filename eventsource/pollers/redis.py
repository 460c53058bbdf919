"""Source ``redis``: messages of channels (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, Int32, required
from events.models.shared import SecretKeySelector, TLSConfig, check_tls
from eventsource.pollers import Poller, PollerConfig, register


class RedisConfig(PollerConfig):
    """``namespace`` must stand beside ``password``, although nothing uses it."""

    host_address: str = ""
    """Address of the server."""
    password: SecretKeySelector | None = None
    """The password."""
    namespace: str = ""
    """Namespace of the Secret."""
    db: Int32 = 0
    """Number of the database."""
    channels: list[str] | None = None
    """Names of the channels."""
    tls: TLSConfig | None = None
    """How to speak TLS."""
    json_body: bool = False
    """Whether the message is JSON; else it is put into the data in base64."""
    username: str = ""
    """The user name."""


@register("redis")
class Redis(Poller[RedisConfig]):
    """Source kind ``redis``."""

    kind = "redis"
    built = False
    config_model = RedisConfig

    @classmethod
    def validate(cls, config: RedisConfig, path: str = "") -> list[Finding]:
        """Server and channels, and ``namespace`` beside ``password``."""
        findings = required(path, hostAddress=config.host_address)
        if config.channels is None:
            findings.append(Finding("error", f"{path}.channels", "must be given"))
        if config.password is not None and not config.namespace:
            findings.append(Finding("error", f"{path}.namespace", "must be given beside password"))
        return findings + check_tls(config.tls, f"{path}.tls")
