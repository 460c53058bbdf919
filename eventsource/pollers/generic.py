"""Source ``generic``: events of a gRPC server of the user's (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, required
from events.models.shared import SecretKeySelector
from eventsource.pollers import Poller, PollerConfig, register


class GenericConfig(PollerConfig):
    """``config`` is a text for the server."""

    url: str = ""
    config: str = ""
    insecure: bool = False
    json_body: bool = False
    auth_secret: SecretKeySelector | None = None


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
