"""Trigger ``email``: send a mail to each recipient (spec §2.11). Judged by lint, not built yet."""

from __future__ import annotations

from pydantic import Field

from events.models.base import Finding, Int32, Spec, required
from events.models.sensor import TriggerParameter
from events.models.shared import SecretKeySelector
from sensor.triggers import TriggerKind, register
from sensor.triggers._checks import check_parameters


class EmailConfig(Spec):
    """A mail, and the SMTP server that takes it."""

    parameters: list[TriggerParameter] = []
    """Values of the events that are put into these settings."""
    username: str = ""
    """The user name."""
    smtp_password: SecretKeySelector | None = None
    """The password."""
    host: str = ""
    """Name of the mail server."""
    port: Int32 = 0
    """Port of the mail server."""
    to: list[str] = []
    """Who gets it."""
    from_: str = Field(default="", alias="from")
    """Who sends it."""
    subject: str = ""
    """The subject."""
    body: str = ""
    """The text."""


@register("email")
class Email(TriggerKind[EmailConfig]):
    """Trigger kind ``email``."""

    kind = "email"
    built = False
    Config = EmailConfig

    @classmethod
    def validate(cls, config: EmailConfig, path: str) -> list[Finding]:
        """A host must be given, and a port must be one."""
        findings = required(path, host=config.host)
        if not 0 <= config.port <= 65535:
            findings.append(Finding("error", f"{path}.port", f"must be from 0 to 65535, not {config.port}"))
        return findings + check_parameters(config.parameters, f"{path}.parameters")
