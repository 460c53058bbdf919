"""Source ``nats``: messages of a core NATS subject (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, required
from events.models.shared import Backoff, NATSAuth, TLSConfig, check_tls
from eventsource.pollers import Poller, PollerConfig, register


class NATSConfig(PollerConfig):
    """An empty ``queue`` is an error; an absent one is not."""

    url: str = ""
    """Address of the server."""
    subject: str = ""
    """The subject."""
    connection_backoff: Backoff | None = None
    """How often a connection is tried."""
    json_body: bool = False
    """Whether the message is JSON; else it is put into the data in base64."""
    tls: TLSConfig | None = None
    """How to speak TLS."""
    auth: NATSAuth | None = None
    """How to log in."""
    queue: str | None = None
    """Name of the group that shares the messages."""


@register("nats")
class NATS(Poller[NATSConfig]):
    """Source kind ``nats``."""

    kind = "nats"
    built = False
    config_model = NATSConfig

    @classmethod
    def validate(cls, config: NATSConfig, path: str = "") -> list[Finding]:
        """Server and subject. As in the reference, ``queue`` is looked at only without ``tls``."""
        findings = required(path, url=config.url, subject=config.subject)
        if config.tls is not None:
            return findings + check_tls(config.tls, f"{path}.tls")
        if config.queue == "":
            findings.append(Finding("error", f"{path}.queue", "must not be empty", "leave it out for no queue group"))
        return findings
