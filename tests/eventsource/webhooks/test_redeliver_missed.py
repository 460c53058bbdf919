"""``redeliverMissed`` where it can do nothing is told."""

from __future__ import annotations

from typing import Any

import pytest

from events.models.base import parse
from eventsource import kinds
from eventsource.hooks import registry

TOKEN = {"name": "n", "key": "k"}
WEBHOOK = {"endpoint": "/h", "port": "12000", "url": "https://events.example"}
GITLAB = {"projects": ["7"], "events": [], "gitlabBaseURL": "https://gitlab.example"}


@pytest.mark.parametrize(
    ("kind", "config", "told"),
    [
        ("gitlab", {**GITLAB, "accessToken": TOKEN}, False),
        ("gitlab", GITLAB, True),
        ("bitbucket", {"auth": {"oauthToken": TOKEN}}, True),
        ("bitbucketserver", {"accessToken": TOKEN, "projects": ["P"]}, True),
    ],
)
def test_where_nothing_can_be_asked_for_a_warning_says_so(kind: str, config: dict[str, Any], told: bool) -> None:
    model = kinds.get(kind)
    findings = model.advise(parse(model.config_model, {"webhook": WEBHOOK, "redeliverMissed": True, **config}), "spec")
    assert ("spec.redeliverMissed" in [finding.path for finding in findings]) is told


@pytest.mark.parametrize("kind", ["github", "gitlab", "bitbucket", "bitbucketserver"])
def test_the_forge_and_its_hooks_agree_on_that(kind: str) -> None:
    assert kinds.get(kind).forge.tells_failures == registry[kind].redelivers
