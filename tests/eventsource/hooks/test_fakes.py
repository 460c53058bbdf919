"""The fake forges answer recorded calls as they were answered, and their documentation says the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.forges import recorded
from tests.support.forges.base import FakeForge, Request
from tests.support.forges.bitbucket import FakeBitbucket
from tests.support.forges.bitbucketserver import FakeBitbucketServer
from tests.support.forges.github import FakeGitHub
from tests.support.forges.gitlab import FakeGitLab
from tests.support.shared import SHARED, needs_shared

BENCHES = {
    "github": (FakeGitHub, "repos/o/r", "/api/v3/repos/o/r/hooks", {"authorization": "token t0k3n"}),
    "gitlab": (FakeGitLab, "projects/a/b", "/api/v4/projects/a%2Fb/hooks", {"private-token": "glpat-abc"}),
    "bitbucket": (FakeBitbucket, "o/r", "/2.0/repositories/o/r/hooks", {"authorization": "Bearer bb-oauth"}),
    "bitbucketserver": (
        FakeBitbucketServer,
        "P/r",
        "/rest/api/1.0/projects/P/repos/r/webhooks",
        {"authorization": "Bearer bbs-token", "x-atlassian-token": "no-check"},
    ),
}
RIGHT_HOOK = {"name": "x", "url": "https://e.example/", "events": ["push"], "config": {"url": "https://e.example/"}}

MASKED = "<"
"""In a recorded header: what stood there is not known."""


@pytest.fixture(params=BENCHES)
def bench(request: pytest.FixtureRequest) -> tuple[FakeForge, str, dict[str, str]]:
    """A fake, the path of the hooks of its only target, and the header fields of a client that is logged in."""
    fake, target, path, headers = BENCHES[request.param]
    return fake(hooks={target: []}), path, headers


@needs_shared
@pytest.mark.shared
def test_recorded_calls_get_the_recorded_answers() -> None:
    """The same status, and at least the fields that were there, of the same types."""
    different, compared = [], 0
    for line in (SHARED / "conformance/eventsource/provider-api.jsonl").read_text().splitlines():
        case = json.loads(line)
        if case["kind"] not in recorded.LISTS or "the process does not start" in case["title"]:
            continue
        fake = recorded.forge_of(case)
        for calls in (case["calls"], recorded.stopping(case)):
            for call, answer in recorded.play(fake, case["kind"], calls):
                if MASKED in str(call["request"]["headers"].get("Authorization")):
                    continue
                compared += 1
                want = call["response"]
                if answer.status != want["status"] or not has_the_shape_of(answer.json, want.get("json")):
                    different.append((case["id"], call["request"]["method"], want, answer))
    assert different == []
    assert compared > 80


def has_the_shape_of(value: Any, recorded: Any) -> bool:
    """The fields of what was recorded, and its types; of lists the first item counts."""
    if isinstance(recorded, dict) and isinstance(value, dict):
        named = (name for name in recorded if name != "project_id")  # the recorded server named it for groups, too
        return all(name in value and has_the_shape_of(value[name], recorded[name]) for name in named)
    if isinstance(recorded, list) and isinstance(value, list) and recorded and value:
        return has_the_shape_of(value[0], recorded[0])
    return recorded is None or isinstance(value, type(recorded))


def test_who_is_not_logged_in_learns_nothing(bench: tuple[FakeForge, str, dict[str, str]]) -> None:
    fake, path, headers = bench
    for wrong in ({}, {name: f"{value}x" for name, value in headers.items()}):
        assert fake.ask(Request("GET", path, headers=wrong)).status == 401


def test_what_does_not_exist_is_404(bench: tuple[FakeForge, str, dict[str, str]]) -> None:
    fake, path, headers = bench
    assert (
        fake.ask(Request("GET", path.replace("/r/", "/gone/").replace("b/hooks", "gone/hooks"), headers=headers)).status
        == 404
    )
    assert fake.ask(Request("DELETE", f"{path}/123", headers=headers)).status == 404


def test_a_hook_without_an_address_is_refused(bench: tuple[FakeForge, str, dict[str, str]]) -> None:
    fake, path, headers = bench
    wrong = {**RIGHT_HOOK, "url": "", "config": {}}
    assert 400 <= fake.ask(Request("POST", path, headers=headers, json=wrong)).status < 500
    assert fake.ask(Request("POST", path, headers=headers, json=RIGHT_HOOK)).status == 201


def test_lists_come_in_pages(bench: tuple[FakeForge, str, dict[str, str]]) -> None:
    fake, path, headers = bench
    fake.page = 2
    for number in range(5):
        url = f"https://e.example/{number}"
        fake.ask(Request("POST", path, headers=headers, json={**RIGHT_HOOK, "url": url, "config": {"url": url}}))
    answer = fake.ask(Request("GET", path, headers=headers)).json

    assert len(answer["values"] if isinstance(answer, dict) else answer) == 2


def test_a_budget_ends_with_a_time_to_wait(bench: tuple[FakeForge, str, dict[str, str]]) -> None:
    fake, path, headers = bench
    fake.budget = 1
    answers = [fake.ask(Request("GET", path, headers=headers)) for _ in range(2)]

    assert answers[0].status == 200
    assert answers[1].status in (403, 429)
    assert {name.lower() for name in answers[1].headers} & {"retry-after", "x-ratelimit-reset"}
