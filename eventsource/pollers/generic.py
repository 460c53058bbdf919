"""Source ``generic``: events of a gRPC server of the user's (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, required
from events.models.shared import SecretKeySelector
from eventsource.pollers import Poller, PollerConfig, register


class GenericConfig(PollerConfig):
    """``config`` is a text for the server."""

    url: str = ""
    """Address of the gRPC server."""
    config: str = ""
    """What the server is told."""
    insecure: bool = False
    """Do not speak TLS."""
    json_body: bool = False
    """Whether the message is JSON; else it is put into the data in base64."""
    auth_secret: SecretKeySelector | None = None
    """The token to log in with."""


@register("generic")
class Generic(Poller[GenericConfig]):
    """Source kind ``generic``."""

    kind = "generic"
    built = False
    config_model = GenericConfig

    @classmethod
    def validate(cls, config: GenericConfig, path: str = "") -> list[Finding]:
        """Server and configuration."""
        return required(path, url=config.url, config=config.config)
