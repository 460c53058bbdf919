"""Steps 2 and 3 for Bitbucket Cloud: the body as it came, signed when ``webhookSecret`` is set (spec §3.4).

The reference checks nothing; ``webhookSecret`` is our field. https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/
"""

from __future__ import annotations

from events.models.base import Finding, Spec
from events.models.shared import BasicAuth, SecretKeySelector
from eventsource import forges, signatures
from eventsource.delivery import Delivery
from eventsource.webhooks import ForgeConfig, Webhook, register

__all__ = ["Bitbucket", "BitbucketConfig"]


class BitbucketAuth(Spec):
    """Credentials for Bitbucket's API."""

    basic: BasicAuth | None = None
    """User name and app password."""
    oauth_token: SecretKeySelector | None = None
    """An OAuth token."""

    @property
    def given(self) -> bool:
        """Whether there is enough to log in with."""
        basic = self.basic is not None and self.basic.username is not None and self.basic.password is not None
        return basic or self.oauth_token is not None


class BitbucketRepository(Spec):
    """A repository of a workspace."""

    owner: str = ""
    """The owner."""
    repository_slug: str = ""
    """The repository."""


class BitbucketConfig(ForgeConfig):
    """``bitbucket`` of an EventSource. Only ``webhook``, ``webhookSecret``, ``metadata`` and ``filter`` bear on deliveries."""

    auth: BitbucketAuth | None = None
    """How to log in at Bitbucket, to register hooks."""
    events: list[str] = []
    """Names of the events that the hook is for."""
    owner: str = ""
    """The owner, where there is one repository."""
    project_key: str = ""
    """Key of the project."""
    repository_slug: str = ""
    """The repository, where there is one."""
    repositories: list[BitbucketRepository] = []
    """The repositories."""
    webhook_secret: SecretKeySelector | None = None
    """What deliveries are signed with."""

    @property
    def secret(self) -> SecretKeySelector | None:
        """What deliveries are signed with, or the token that they carry."""
        return self.webhook_secret

    @property
    def registers_hooks(self) -> bool:
        """Whether the reference would register the hooks at the forge itself."""
        return self.auth is not None and self.auth.given and bool(self.context.url)


@register("bitbucket")
class Bitbucket(Webhook[BitbucketConfig]):
    """Bitbucket Cloud. Any method is taken, as in the reference."""

    kind = "bitbucket"
    config_model = BitbucketConfig
    forge = forges.BITBUCKET

    @classmethod
    def validate(cls, config: BitbucketConfig, path: str = "") -> list[Finding]:
        """What is wrong with a configuration, by the rules of the reference (spec §5.5)."""
        findings = list(config.context_findings(path))
        if not config.repositories and not (config.owner and config.repository_slug):
            findings.append(Finding("error", f"{path}.repositories", "at least one repository must be given"))
        if config.registers_hooks and not config.events:
            findings.append(Finding("error", f"{path}.events", "must be given to create a webhook at Bitbucket"))
        return findings

    def verify(self, delivery: Delivery, now: int) -> None:
        """Check what the sender proved itself with. Raises Rejected(401)."""
        if self.secret is not None:
            signatures.hub_signature(delivery.header("X-Hub-Signature"), delivery.body, self.secrets(self.secret))
