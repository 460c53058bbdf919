"""Source ``mqtt``: messages of a topic (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, required
from events.models.shared import Backoff, BasicAuth, TLSConfig, check_basic_auth, check_tls
from eventsource.pollers import Poller, PollerConfig, register


class MQTTConfig(PollerConfig):
    """Where to subscribe, and as whom."""

    url: str = ""
    """Address of the server."""
    topic: str = ""
    """Name of the topic."""
    client_id: str = ""
    """Name of the client."""
    connection_backoff: Backoff | None = None
    """How often a connection is tried."""
    json_body: bool = False
    """Whether the message is JSON; else it is put into the data in base64."""
    tls: TLSConfig | None = None
    """How to speak TLS."""
    auth: BasicAuth | None = None
    """How to log in."""


@register("mqtt")
class MQTT(Poller[MQTTConfig]):
    """Source kind ``mqtt``."""

    kind = "mqtt"
    built = False
    config_model = MQTTConfig

    @classmethod
    def validate(cls, config: MQTTConfig, path: str = "") -> list[Finding]:
        """Server, topic and client id. As in the reference, ``auth`` counts only without ``tls``."""
        findings = required(path, url=config.url, topic=config.topic, clientId=config.client_id)
        if config.tls is not None:
            return findings + check_tls(config.tls, f"{path}.tls")
        return findings + check_basic_auth(config.auth, f"{path}.auth")
