"""Trigger ``pulsar``: produce a message (spec §2.6). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Spec
from events.models.sensor import TriggerParameter
from events.models.shared import Backoff, SecretKeySelector, TLSConfig
from sensor.triggers import TriggerKind, register


class PulsarConfig(Spec):
    """Of several ways to log in the later one here counts: token, Athenz, TLS."""

    url: str = ""
    """Address of the broker."""
    topic: str = ""
    """Name of the topic."""
    parameters: list[TriggerParameter] = []
    """Values of the events that are put into these settings."""
    payload: list[TriggerParameter] | None = None
    """Values of the events that make up the body."""
    tls_trust_certs_secret: SecretKeySelector | None = None
    """The authority that signed the broker's certificate."""
    tls_allow_insecure_connection: bool = False
    """Do not check the broker's certificate."""
    tls_validate_hostname: bool = False
    """Check that the certificate has the name of the broker."""
    auth_token_secret: SecretKeySelector | None = None
    """A token to log in with."""
    connection_backoff: Backoff | None = None
    """How often a connection is tried."""
    auth_athenz_params: dict[str, str] = {}
    """Settings of Athenz."""
    auth_athenz_secret: SecretKeySelector | None = None
    """The private key for Athenz."""
    tls: TLSConfig | None = None
    """Our certificate to log in with."""


@register("pulsar")
class Pulsar(TriggerKind[PulsarConfig]):
    """The reference checks nothing here."""

    kind = "pulsar"
    built = False
    Config = PulsarConfig
