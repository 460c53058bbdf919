"""Steps 2 and 3 for Bitbucket Server and Data Center: the body as it came, or one event for each change (spec §3.4).

``repo:refs_changed`` is decoded into the reference's structs first, and with ``oneEventPerChange`` encoded from them again:
fields that they don't know are lost, missing ones appear with their zero value.
https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, NamedTuple

import orjson
from pydantic import Field

from events.errors import EvaluationError, Rejected
from events.expressions import gojson
from events.models.base import Finding, Spec
from events.models.shared import SecretKeySelector, TLSConfig, go_duration
from eventsource import forges, signatures
from eventsource.delivery import Delivery
from eventsource.webhooks import ForgeConfig, Webhook, compacted, register

__all__ = ["BitbucketServer", "BitbucketServerConfig", "Commit"]

REFS_CHANGED = "repo:refs_changed"


class Commit(NamedTuple):
    """A commit of a repository."""

    project: str
    repository: str
    hash: str


class BitbucketServerRepository(Spec):
    """A repository of a project."""

    project_key: str = ""
    """The project."""
    repository_slug: str = ""
    """The repository."""


class BitbucketServerConfig(ForgeConfig):
    """``bitbucketserver`` of an EventSource. What lists repositories or credentials serves only to register hooks."""

    project_key: str = ""
    """The project, where there is one repository."""
    repository_slug: str = ""
    """The repository, where there is one."""
    projects: list[str] = []
    """Projects, with all their repositories."""
    repositories: list[BitbucketServerRepository] = []
    """The repositories."""
    events: list[str] = []
    """Names of the events that the hook is for."""
    skip_branch_refs_changed_on_open_pr: bool = Field(False, alias="skipBranchRefsChangedOnOpenPR")
    """Leave out pushes to branches with an open pull request; needs `accessToken`."""
    one_event_per_change: bool = False
    """Make an event of each change of a push."""
    access_token: SecretKeySelector | None = None
    """How to log in, to register hooks."""
    webhook_secret: SecretKeySelector | None = None
    """What deliveries are signed with."""
    bitbucketserver_base_url: str = Field("", alias="bitbucketserverBaseURL")
    """Address of its API, for example `https://bitbucket.example.com/rest`."""
    tls: TLSConfig | None = None
    """How to speak TLS with its API."""
    check_interval: str = ""
    """How often hooks are checked, for example `1m`."""

    @property
    def secret(self) -> SecretKeySelector | None:
        """What deliveries are signed with, or the token that they carry."""
        return self.webhook_secret

    @property
    def registers_hooks(self) -> bool:
        """Whether the reference would register the hooks at the forge itself."""
        somewhere = self.repositories or self.projects or (self.project_key and self.repository_slug)
        return self.access_token is not None and bool(self.context.url) and bool(somewhere)


@register("bitbucketserver")
class BitbucketServer(Webhook[BitbucketServerConfig]):
    """A signature is asked for whenever ``webhookSecret`` is set. Any method is taken, as in the reference."""

    kind = "bitbucketserver"
    config_model = BitbucketServerConfig
    forge = forges.BITBUCKET_SERVER

    @classmethod
    def validate(cls, config: BitbucketServerConfig, path: str = "") -> list[Finding]:
        """What is wrong with a configuration, by the rules of the reference (spec §5.5)."""
        findings = list(config.context_findings(path))
        if config.registers_hooks and not config.events:
            findings.append(Finding("error", f"{path}.events", "must be given to create a webhook at Bitbucket Server"))
        if not config.bitbucketserver_base_url:
            findings.append(Finding("error", f"{path}.bitbucketserverBaseURL", "must be given"))
        if config.check_interval:
            try:
                go_duration(config.check_interval)
            except ValueError as error:
                findings.append(Finding("error", f"{path}.checkInterval", str(error)))
        return findings

    @classmethod
    def advise(cls, config: BitbucketServerConfig, path: str = "") -> list[Finding]:
        """What the reference lets pass although it crashes there."""
        findings = super().advise(config, path)
        if config.skip_branch_refs_changed_on_open_pr and config.access_token is None:
            text = "nothing is left out: it takes an accessToken to ask for pull requests"
            findings.append(Finding("warning", f"{path}.skipBranchRefsChangedOnOpenPR", text))
        return findings

    def verify(self, delivery: Delivery, now: int) -> None:
        """Check what the sender proved itself with. Raises Rejected(401)."""
        if self.secret is not None:
            signatures.hub_signature(delivery.header("X-Hub-Signature"), delivery.body, self.secrets(self.secret))

    @property
    def leaves_out(self) -> bool:
        """Whether pushes of commits in open pull requests are left out."""
        return self.config.skip_branch_refs_changed_on_open_pr and self.config.access_token is not None

    def commits(self, delivery: Delivery) -> list[Commit | None] | None:
        """Of each change of a push the commit that may be in an open pull request; None for a change that counts in any case, and
        where it is no push. Raises Rejected(400).
        """
        if delivery.header("X-Event-Key") != REFS_CHANGED:
            return None
        event = _push(delivery)
        project, slug = event["repository"]["project"]["key"], event["repository"]["slug"]
        askable = not {project, slug} & {"", ".", ".."}
        return [
            Commit(project, slug, change["toHash"])
            if change["ref"]["type"] == "BRANCH"
            and change["type"] != "DELETE"
            and askable
            and _is_hash(change["toHash"])
            else None
            for change in event["changes"] or ()
        ]

    def left_out(self, commits: Sequence[Commit | None], found: Container[Commit]) -> frozenset[int]:
        """Which events of a push with these ``commits`` are left out, when those ``found`` are in open pull requests."""
        out = frozenset(index for index, commit in enumerate(commits) if commit is not None and commit in found)
        if self.config.one_event_per_change:
            return out
        return frozenset((0,)) if len(out) == len(commits) else frozenset()

    def convert(self, delivery: Delivery) -> list[bytes]:
        """The data of each event of this delivery. Raises Rejected(400)."""
        if delivery.header("X-Event-Key") != REFS_CHANGED:
            return super().convert(delivery)
        event = _push(delivery)
        if not self.config.one_event_per_change:
            return [self.envelope(delivery, compacted(delivery.body))]
        bodies = (orjson.dumps({**event, "changes": [change]}) for change in event["changes"] or ())
        return [self.envelope(delivery, gojson.escape_html(body)) for body in bodies]


def _is_hash(text: str) -> bool:
    """What is sent goes into the path of a call."""
    return 0 < len(text) <= 64 and text.isascii() and text.isalnum()


def _push(delivery: Delivery) -> dict[str, Any]:
    """Raises Rejected(400)."""
    try:
        event: dict[str, Any] = _decoded(gojson.decode(delivery.body), _REFS_CHANGED, "the body")
    except EvaluationError as error:
        raise Rejected(400, f"the body cannot be used: {error.message}", reason=error.reason) from None
    return event


# The reference's structs: a field is a type with its zero value, a struct (dict) or a list of structs (a list of one dict).
_SELF = {"self": [{"href": ""}]}
_REFS_CHANGED: dict[str, Any] = {
    "eventKey": "",
    "date": "",
    "actor": {
        "name": "",
        "emailAddress": "",
        "id": 0,
        "displayName": "",
        "active": False,
        "slug": "",
        "type": "",
        "links": _SELF,
    },
    "repository": {
        "slug": "",
        "id": 0,
        "name": "",
        "hierarchyId": "",
        "scmId": "",
        "state": "",
        "statusMessage": "",
        "forkable": False,
        "project": {"key": "", "id": 0, "name": "", "public": False, "type": "", "links": _SELF},
        "public": False,
        "links": {"clone": [{"href": "", "name": ""}], **_SELF},
    },
    "changes": [
        {
            "ref": {"id": "", "displayId": "", "type": ""},
            "refId": "",
            "fromHash": "",
            "toHash": "",
            "type": "",
        }
    ],
}


def _decoded(value: Any, shape: Any, path: str) -> Any:
    """``value`` in the form of ``shape``, as Go's decoder fills a struct: null is absent, names match without regard to case."""
    if isinstance(shape, dict):
        result = {name: _zero(field) for name, field in shape.items()}
        if value is None:
            return result
        if not isinstance(value, dict):
            raise EvaluationError(f"{path} must be an object", reason="WrongType")
        names = {name.lower(): name for name in shape}
        for given, item in value.items():
            name = given if given in shape else names.get(given.lower())
            if name is not None and item is not None:
                result[name] = _decoded(item, shape[name], name)
        return result
    if isinstance(shape, list):
        if not isinstance(value, list):
            raise EvaluationError(f"{path} must be an array", reason="WrongType")
        return [_decoded(item, shape[0], path) for item in value]
    if type(value) is not type(shape) or (type(value) is int and not -(2**63) <= value < 2**63):
        kind = {str: "a string", int: "a whole number", bool: "true or false"}[type(shape)]
        raise EvaluationError(f"{path} must be {kind}", reason="WrongType")
    return value


def _zero(shape: Any) -> Any:
    if isinstance(shape, dict):
        return {name: _zero(field) for name, field in shape.items()}
    return None if isinstance(shape, list) else shape
