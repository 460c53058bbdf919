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
    secure: bool = False
    cert_secret: SecretKeySelector | None = None
    server_name_override: str = ""
    spec: dict[str, str] | None = None
    parameters: list[TriggerParameter] = []
    payload: list[TriggerParameter] | None = None


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
