"""Steps 2 and 3 for GitHub: JSON or a form with ``payload``, signed over the raw body (spec §3.4).

The body of the event is the payload re-encoded as the reference does it, with ``X-GitHub-Event`` and ``X-GitHub-Delivery`` put in.
https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import Field

from events.errors import EvaluationError, Rejected
from events.expressions import gojson
from events.models.base import Finding, Int64, Spec
from events.models.shared import GithubAppCreds, SecretKeySelector
from eventsource import forges, signatures
from eventsource.delivery import Delivery
from eventsource.forms import parse_query
from eventsource.webhooks import ForgeConfig, Secrets, Webhook, register

__all__ = ["GitHub", "GitHubConfig"]

ALGORITHMS = ("sha1", "sha256", "sha512")
FORM = "application/x-www-form-urlencoded"


class OwnedRepositories(Spec):
    """Repositories of one owner."""

    owner: str = ""
    """The owner."""
    names: list[str] = []
    """Names of the repositories."""


class AppCreds(GithubAppCreds):
    """A GitHub App and its installation."""

    webhook: bool = False
    """Ours: the hook of the App itself is used, for all repositories that it is installed on."""


class GitHubConfig(ForgeConfig):
    """``github`` of an EventSource. Only ``webhook``, ``webhookSecret``, ``metadata`` and ``filter`` bear on deliveries; with
    ``githubApp.webhook`` also ``events``, and which repositories or organizations are named.
    """

    id: Int64 = 0
    """Not used."""
    owner: str = ""
    """The owner, where there is one repository."""
    repository: str = ""
    """The repository, where there is one."""
    repositories: list[OwnedRepositories] = []
    """The repositories."""
    organizations: list[str] | None = None
    """Organizations, with all their repositories."""
    events: list[str] = []
    """Names of the events that the hook is for, for example `push`; `*` means all."""
    api_token: SecretKeySelector | None = None
    """A token that may register hooks."""
    github_app: AppCreds | None = None
    """A GitHub App that may register hooks, instead of a token."""
    webhook_secret: SecretKeySelector | None = None
    """What deliveries are signed with."""
    insecure: bool = False
    """Let GitHub not check our certificate."""
    active: bool = False
    """Whether the hook is on."""
    content_type: str = ""
    """`json` or `form`."""
    github_base_url: str = Field("", alias="githubBaseURL")
    """Address of a GitHub Enterprise Server's API."""
    github_upload_url: str = Field("", alias="githubUploadURL")
    """Address of a GitHub Enterprise Server's uploads."""

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

    def __init__(self, config: GitHubConfig, secrets: Secrets) -> None:
        super().__init__(config, secrets)
        of_app = config.github_app is not None and config.github_app.webhook and config.api_token is None
        self._only = _Only(config) if of_app else None

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

    @classmethod
    def advise(cls, config: GitHubConfig, path: str = "") -> list[Finding]:
        """What the reference lets pass although nothing comes of it."""
        findings = super().advise(config, path)
        if config.registers_hooks and not config.active and "active" not in config.model_fields_set:
            text = "is not given: a hook that is made for this event is switched off, as in Argo Events"
            findings.append(Finding("warning", f"{path}.active", text, "write active: true"))
        return findings

    def verify(self, delivery: Delivery, now: int) -> None:
        """Check what the sender proved itself with. Raises Rejected(401)."""
        if self.secret is not None:
            header = delivery.header("X-Hub-Signature-256") or delivery.header("X-Hub-Signature")
            signatures.hub_signature(header, delivery.body, self.secrets(self.secret), algorithms=ALGORITHMS)

    def convert(self, delivery: Delivery) -> list[bytes]:
        """The data of each event of this delivery; none for what the hook of an App brings of others. Raises Rejected(400)."""
        if self._only is not None and not self._only.takes(delivery):
            return []
        extra = {
            "X-GitHub-Event": delivery.header("X-Github-Event"),
            "X-GitHub-Delivery": delivery.header("X-Github-Delivery"),
        }
        try:
            return [self.envelope(delivery, gojson.normalise(_payload(delivery), extra))]
        except EvaluationError as error:
            raise Rejected(400, f"the payload cannot be used: {error.message}", reason=error.reason) from None


class _Only:
    """What is kept of an App's hook, which brings everything: events, and repositories or organizations, by name."""

    def __init__(self, config: GitHubConfig) -> None:
        self._events = frozenset(config.events)
        self._organizations = frozenset(name.lower() for name in config.organizations or ())
        owned = [*config.repositories, OwnedRepositories(owner=config.owner, names=[config.repository])]
        self._repositories = frozenset(f"{one.owner}/{name}".lower() for one in owned for name in one.names)

    def takes(self, delivery: Delivery) -> bool:
        """Whether this delivery is wanted. A body that cannot be read is: what is wrong with it is told elsewhere."""
        if "*" not in self._events and delivery.header("X-Github-Event") not in self._events:
            return False
        try:
            body = orjson.loads(_payload(delivery))
        except orjson.JSONDecodeError:
            return True
        if not isinstance(body, dict):
            return True
        names = (_text(body, "repository", "full_name"), _text(body, "organization", "login"))
        return names[0] in self._repositories or names[1] in self._organizations


def _text(body: dict[str, Any], field: str, name: str) -> str:
    inner = body.get(field)
    return str(inner.get(name, "")).lower() if isinstance(inner, dict) else ""


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
