"""Source ``pulsar``: messages of topics (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, required
from events.models.shared import Backoff, SecretKeySelector, TLSConfig
from eventsource.pollers import Poller, PollerConfig, register


class PulsarConfig(PollerConfig):
    """Of several ways to log in the later one here counts: token, Athenz, TLS."""

    topics: list[str] | None = None
    """Names of the topics."""
    type: str = ""
    """`exclusive` or `shared`."""
    url: str = ""
    """Address of the broker."""
    tls_trust_certs_secret: SecretKeySelector | None = None
    """The authority that signed the broker's certificate."""
    tls_allow_insecure_connection: bool = False
    """Do not check the broker's certificate."""
    tls_validate_hostname: bool = False
    """Check that the certificate has the name of the broker."""
    connection_backoff: Backoff | None = None
    """How often a connection is tried."""
    json_body: bool = False
    """Whether the message is JSON; else it is put into the data in base64."""
    auth_token_secret: SecretKeySelector | None = None
    """A token to log in with."""
    auth_athenz_params: dict[str, str] = {}
    """Settings of Athenz."""
    auth_athenz_secret: SecretKeySelector | None = None
    """The private key for Athenz."""
    tls: TLSConfig | None = None
    """Our certificate to log in with."""


@register("pulsar")
class Pulsar(Poller[PulsarConfig]):
    """Source kind ``pulsar``."""

    kind = "pulsar"
    built = False
    config_model = PulsarConfig

    @classmethod
    def validate(cls, config: PulsarConfig, path: str = "") -> list[Finding]:
        """Topics, server and the type of subscription; as in the reference, there is no default type."""
        findings = required(path, url=config.url)
        if config.topics is None:
            findings.append(Finding("error", f"{path}.topics", "must be given"))
        if config.type not in ("exclusive", "shared"):
            findings.append(Finding("error", f"{path}.type", "must be exclusive or shared"))
        return findings
