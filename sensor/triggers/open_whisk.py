"""Trigger ``openWhisk``: invoke an action and wait for its result (spec §2.12). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, Spec, required
from events.models.sensor import TriggerParameter
from events.models.shared import SecretKeySelector
from sensor.triggers import TriggerKind, register
from sensor.triggers._checks import check_parameters, check_payload


class OpenWhiskConfig(Spec):
    """``version`` is v1 and ``namespace`` is ``_`` when not given; the token is ``user:password``."""

    host: str = ""
    """Address of OpenWhisk."""
    version: str = ""
    """Version of its API; `v1` when absent."""
    namespace: str = ""
    """Its namespace; `_` when absent."""
    auth_token: SecretKeySelector | None = None
    """User and password, with a colon."""
    action_name: str = ""
    """Name of the action."""
    payload: list[TriggerParameter] | None = None
    """Values of the events that make up the body."""
    parameters: list[TriggerParameter] = []
    """Values of the events that are put into these settings."""


@register("openWhisk")
class OpenWhisk(TriggerKind[OpenWhiskConfig]):
    """Trigger kind ``openWhisk``."""

    kind = "openWhisk"
    built = False
    Config = OpenWhiskConfig

    @classmethod
    def validate(cls, config: OpenWhiskConfig, path: str) -> list[Finding]:
        """Host, action and payload must be given, and a token must say where it is."""
        findings = required(path, host=config.host, actionName=config.action_name)
        if config.auth_token is not None:
            findings += required(f"{path}.authToken", name=config.auth_token.name, key=config.auth_token.key)
        findings += check_parameters(config.parameters, f"{path}.parameters")
        return findings + check_payload(config.payload, f"{path}.payload")
