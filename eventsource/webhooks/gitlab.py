"""Steps 2 and 3 for GitLab: the body as it came; a shared token, or the signing token of GitLab 19.1 (spec §3.4).

Which of the two is decided by the configured secret, never by the headers that the caller chose to send.
https://docs.gitlab.com/user/project/integrations/webhooks/
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from events.errors import Rejected, SpecError
from events.models.base import Finding
from events.models.shared import SecretKeySelector
from events.registry import did_you_mean
from eventsource import forges, signatures
from eventsource.delivery import Delivery
from eventsource.webhooks import ForgeConfig, Webhook, register

__all__ = ["GitLab", "GitLabConfig", "check_secret", "verify"]

EVENTS = tuple(
    f"{name}Events"
    for name in (
        "ConfidentialIssues", "ConfidentialNote", "Deployment", "Emoji", "FeatureFlag", "Issues", "Job", "Member", "MergeRequests",
        "Milestone", "Note", "Pipeline", "Project", "Push", "Releases", "ResourceAccessToken", "SubGroup", "TagPush", "Vulnerability",
        "WikiPage",
    )
)  # fmt: skip
"""What a hook can be registered for, as the reference names it."""

PREFIX = signatures.SIGNING_PREFIX.encode()


class GitLabConfig(ForgeConfig):
    """``gitlab`` of an EventSource. Only ``webhook``, ``secretToken``, ``metadata`` and ``filter`` bear on deliveries."""

    project_id: str = Field("", alias="projectID")
    """The project, where there is one."""
    projects: list[str] = []
    """The projects, by number or path."""
    groups: list[str] = []
    """Groups, with all their projects."""
    events: list[str] | None = None
    """Names of the events that the hook is for, for example `PushEvents`."""
    access_token: SecretKeySelector | None = None
    """A token that may register hooks."""
    secret_token: SecretKeySelector | None = None
    """The token that each delivery brings."""
    enable_ssl_verification: bool = Field(False, alias="enableSSLVerification")
    """Whether GitLab checks our certificate."""
    gitlab_base_url: str = Field("", alias="gitlabBaseURL")
    """Address of GitLab."""

    @property
    def secret(self) -> SecretKeySelector | None:
        """What deliveries are signed with, or the token that they carry."""
        return self.secret_token

    @property
    def registers_hooks(self) -> bool:
        """Whether the reference would register the hooks at the forge itself."""
        return self.access_token is not None and bool(self.context.url)


@register("gitlab")
class GitLab(Webhook[GitLabConfig]):
    """The token is asked for whenever ``secretToken`` is set; with ``whsec_…`` it is a signing secret."""

    kind = "gitlab"
    config_model = GitLabConfig
    forge = forges.GITLAB

    @classmethod
    def validate(cls, config: GitLabConfig, path: str = "") -> list[Finding]:
        """What is wrong with a configuration, by the rules of the reference (spec §5.5)."""
        findings = list(config.context_findings(path))
        if config.events is None:
            findings.append(Finding("error", f"{path}.events", "must be given"))
        if not config.gitlab_base_url:
            findings.append(Finding("error", f"{path}.gitlabBaseURL", "must be given"))
        if config.access_token is None:
            findings.append(Finding("error", f"{path}.accessToken", "must be given"))
        return findings

    @classmethod
    def advise(cls, config: GitLabConfig, path: str = "") -> list[Finding]:
        """What the reference lets pass until it registers the hook."""
        findings = super().advise(config, path)
        for index, event in enumerate(config.events or ()):
            if event not in EVENTS:
                hint = did_you_mean(event, [*EVENTS]) or f"known: {', '.join(EVENTS)}"
                findings.append(Finding("warning", f"{path}.events[{index}]", f"no hook has an event '{event}'", hint))
        return findings

    def check_secrets(self) -> None:
        """Raise SpecError when a Secret is missing or cannot be used."""
        super().check_secrets()
        for secret in self.secrets(self.secret) if self.secret else ():
            check_secret(secret)

    def verify(self, delivery: Delivery, now: int) -> None:
        """Check what the sender proved itself with. Raises Rejected(401)."""
        if self.secret is not None:
            verify(delivery, self.secrets(self.secret), now)


def verify(delivery: Delivery, secrets: Sequence[bytes], now: int) -> None:
    """Check a delivery with the secrets that are good now: tokens, or signing secrets (``whsec_…``). Raises Rejected(401)."""
    tokens = [s for s in secrets if not s.startswith(PREFIX)]
    signing = [s for s in secrets if s.startswith(PREFIX)]
    # Both kinds at once only while one replaces the other: then either will do.
    if tokens and signatures.token_matches(delivery.header("X-Gitlab-Token"), tokens):
        return
    if not signing:
        raise Rejected(401, "X-Gitlab-Token is missing or does not match", reason="TokenMismatch")
    signatures.standard_webhook(
        identifier=delivery.header("Webhook-Id"),
        timestamp=delivery.header("Webhook-Timestamp"),
        signatures=delivery.header("Webhook-Signature"),
        body=delivery.body,
        keys=[_key(s) for s in signing],
        now=now,
    )


def check_secret(secret: bytes) -> None:
    """Raise SpecError for a signing secret that is none."""
    if secret.startswith(PREFIX):
        _key(secret)


def _key(secret: bytes) -> bytes:
    try:
        return signatures.signing_key(secret)
    except ValueError as error:
        raise SpecError(str(error), reason="SecretMalformed") from None
