"""Trigger ``nats``: publish a message (spec §2.4). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, Spec, required
from events.models.sensor import TriggerParameter
from events.models.shared import NATSAuth, TLSConfig
from sensor.triggers import TriggerKind, register
from sensor.triggers._checks import check_payload


class NATSConfig(Spec):
    """A core NATS subject."""

    url: str = ""
    """Address of the server."""
    subject: str = ""
    """The subject."""
    payload: list[TriggerParameter] | None = None
    """Values of the events that make up the body."""
    parameters: list[TriggerParameter] = []
    """Values of the events that are put into these settings."""
    tls: TLSConfig | None = None
    """How to speak TLS."""
    auth: NATSAuth | None = None
    """How to log in."""


@register("nats")
class NATS(TriggerKind[NATSConfig]):
    """Trigger kind ``nats``."""

    kind = "nats"
    built = False
    Config = NATSConfig

    @classmethod
    def validate(cls, config: NATSConfig, path: str) -> list[Finding]:
        """Server, subject and payload must be given. As in the reference, ``parameters`` is not looked at."""
        findings = required(path, url=config.url, subject=config.subject)
        return findings + check_payload(config.payload, f"{path}.payload")
