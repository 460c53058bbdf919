"""Steps 2 and 3 for GitHub: JSON or a form with ``payload``, signed over the raw body (spec §3.4).

The body of the event is the payload re-encoded as the reference does it, with ``X-GitHub-Event`` and ``X-GitHub-Delivery`` put in.
https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

from pydantic import Field

from events.errors import EvaluationError, Rejected
from events.expressions import gojson
from events.models.base import Finding, Int64, Spec
from events.models.shared import GithubAppCreds, SecretKeySelector
from eventsource import forges, signatures
from eventsource.delivery import Delivery
from eventsource.forms import parse_query
from eventsource.webhooks import ForgeConfig, Webhook, register

__all__ = ["GitHub", "GitHubConfig"]

ALGORITHMS = ("sha1", "sha256", "sha512")
FORM = "application/x-www-form-urlencoded"


class OwnedRepositories(Spec):
    """Repositories of one owner."""

    owner: str = ""
    names: list[str] = []


class GitHubConfig(ForgeConfig):
    """``github`` of an EventSource. Only ``webhook``, ``webhookSecret``, ``metadata`` and ``filter`` bear on deliveries."""

    id: Int64 = 0
    owner: str = ""
    repository: str = ""
    repositories: list[OwnedRepositories] = []
    organizations: list[str] | None = None
    events: list[str] = []
    api_token: SecretKeySelector | None = None
    github_app: GithubAppCreds | None = None
    webhook_secret: SecretKeySelector | None = None
    insecure: bool = False
    active: bool = False
    content_type: str = ""
    github_base_url: str = Field("", alias="githubBaseURL")
    github_upload_url: str = Field("", alias="githubUploadURL")

    @property
    def secret(self) -> SecretKeySelector | None:
        """What deliveries are signed with, or the token that they carry."""
        return self.webhook_secret

    @property
    def registers_hooks(self) -> bool:
        """Whether the reference would register the hooks at the forge itself."""
        app = self.github_app is not None and self.github_app.private_key is not None
        return (self.api_token is not None or app) and bool(self.context.url)


@register("github")
class GitHub(Webhook[GitHubConfig]):
    """A signature is asked for whenever ``webhookSecret`` is set. Any method is taken, as in the reference."""

    kind = "github"
    config_model = GitHubConfig
    forge = forges.GITHUB

    @classmethod
    def validate(cls, config: GitHubConfig, path: str = "") -> list[Finding]:
        """What is wrong with a configuration, by the rules of the reference (spec §5.5)."""
        findings = list(config.context_findings(path))
        repositories = bool(config.repositories or (config.owner and config.repository))
        if not repositories and config.organizations is None:
            findings.append(Finding("error", path, "either repositories or organizations must be given"))
        if repositories and config.organizations is not None:
            findings.append(Finding("error", path, "only one of repositories and organizations may be given"))
        if config.registers_hooks and not config.events:
            findings.append(Finding("error", f"{path}.events", "must be given to create a webhook at GitHub"))
        if config.content_type not in ("", "json", "form"):
            findings.append(Finding("error", f"{path}.contentType", 'must be "json" or "form"'))
        if bool(config.github_base_url) != bool(config.github_upload_url):
            findings.append(Finding("error", path, "githubBaseURL and githubUploadURL must be given together"))
        return findings

    def verify(self, delivery: Delivery, now: int) -> None:
        """Check what the sender proved itself with. Raises Rejected(401)."""
        if self.secret is not None:
            header = delivery.header("X-Hub-Signature-256") or delivery.header("X-Hub-Signature")
            signatures.hub_signature(header, delivery.body, self.secrets(self.secret), algorithms=ALGORITHMS)

    def convert(self, delivery: Delivery) -> list[bytes]:
        """The data of each event of this delivery. Raises Rejected(400)."""
        extra = {
            "X-GitHub-Event": delivery.header("X-Github-Event"),
            "X-GitHub-Delivery": delivery.header("X-Github-Delivery"),
        }
        try:
            return [self.envelope(delivery, gojson.normalise(_payload(delivery), extra))]
        except EvaluationError as error:
            raise Rejected(400, f"the payload cannot be used: {error.message}", reason=error.reason) from None


def _payload(delivery: Delivery) -> bytes:
    """The JSON text, by media type (parameters and case do not matter)."""
    media_type = delivery.header("Content-Type").partition(";")[0].strip().lower()
    if media_type == "application/json":
        return delivery.body
    if media_type != FORM:
        raise Rejected(
            400, "the Content-Type must be application/json or application/x-www-form-urlencoded", reason="MediaType"
        )
    fields, problem = parse_query(delivery.body.decode("utf-8", "surrogateescape"))
    if problem:
        raise Rejected(400, f"the form cannot be read: {problem}", reason="MalformedForm")
    return fields.get("payload", [""])[0].encode("utf-8", "surrogateescape")
