"""Trigger ``pulsar``: produce a message (spec §2.6). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Spec
from events.models.sensor import TriggerParameter
from events.models.shared import Backoff, SecretKeySelector, TLSConfig
from sensor.triggers import TriggerKind, register


class PulsarConfig(Spec):
    """Of several ways to log in the later one here counts: token, Athenz, TLS."""

    url: str = ""
    topic: str = ""
    parameters: list[TriggerParameter] = []
    payload: list[TriggerParameter] | None = None
    tls_trust_certs_secret: SecretKeySelector | None = None
    tls_allow_insecure_connection: bool = False
    tls_validate_hostname: bool = False
    auth_token_secret: SecretKeySelector | None = None
    connection_backoff: Backoff | None = None
    auth_athenz_params: dict[str, str] = {}
    auth_athenz_secret: SecretKeySelector | None = None
    tls: TLSConfig | None = None


@register("pulsar")
class Pulsar(TriggerKind[PulsarConfig]):
    """The reference checks nothing here."""

    kind = "pulsar"
    built = False
    Config = PulsarConfig
