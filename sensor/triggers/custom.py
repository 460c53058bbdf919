"""Trigger ``custom``: call a gRPC server of the user's (spec §2.14). Judged by lint, not built yet."""

from __future__ import annotations

from pydantic import Field

from events.models.base import Finding, Spec, required
from events.models.sensor import TriggerParameter
from events.models.shared import SecretKeySelector
from sensor.triggers import TriggerKind, register
from sensor.triggers._checks import check_parameters


class CustomConfig(Spec):
    """``spec`` is what the server is asked to fetch its resource by."""

    server_url: str = Field(default="", alias="serverURL")
    """Address of the gRPC server."""
    secure: bool = False
    """Whether to speak TLS."""
    cert_secret: SecretKeySelector | None = None
    """The certificate of the server or its authority."""
    server_name_override: str = ""
    """Name that the certificate must have."""
    spec: dict[str, str] | None = None
    """What the server is told."""
    parameters: list[TriggerParameter] = []
    """Values of the events that are put into these settings."""
    payload: list[TriggerParameter] | None = None
    """Values of the events that make up the body."""


@register("custom")
class Custom(TriggerKind[CustomConfig]):
    """Trigger kind ``custom``."""

    kind = "custom"
    built = False
    Config = CustomConfig

    @classmethod
    def validate(cls, config: CustomConfig, path: str) -> list[Finding]:
        """Server and spec must be given, and a certificate for a secure connection. As in the reference, ``payload``
        is not looked at.
        """
        findings = required(path, serverURL=config.server_url)
        if config.spec is None:
            findings.append(Finding("error", f"{path}.spec", "must be given"))
        if config.secure and config.cert_secret is None:
            findings.append(Finding("error", f"{path}.certSecret", "must be given for a secure connection"))
        return findings + check_parameters(config.parameters, f"{path}.parameters")
