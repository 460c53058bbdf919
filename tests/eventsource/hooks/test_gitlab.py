"""Hooks of GitLab's projects and groups, and deliveries that it could not make."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from events.errors import Refused, SpecError
from eventsource.hooks import Existing, Forge, Target
from eventsource.hooks.client import Answer
from eventsource.hooks.gitlab import SWITCHES, failed, next_page
from eventsource.hooks.memory import Memory
from eventsource.hooks.missed import Redeliverer
from eventsource.hooks.reconcile import Reconciler
from tests.support.forges.base import Request
from tests.support.forges.gitlab import GROUP, FakeGitLab
from tests.support.forges.managed import URL, Store, manager, reconciler, selector

SIGNING = b"whsec_" + base64.b64encode(bytes(32))
NOW = 1_780_000_000.0
DATE = "Thu, 28 May 2026 20:26:40 GMT"
"""The same as ``NOW``."""


def gitlab(fake: FakeGitLab, secret: bytes | None = None, **config: Any) -> Forge[Any]:
    keys = {"api": b"glpat-abc\n"} | ({} if secret is None else {"secret": secret})
    token = {} if secret is None else {"secretToken": selector("secret")}
    whole = {
        "projects": ["a/b"],
        "events": ["PushEvents"],
        "gitlabBaseURL": "https://gitlab.example",
        **token,
        **config,
    }
    return manager(fake, "gitlab", {"accessToken": selector("api"), **whole}, keys)


def forge() -> FakeGitLab:
    return FakeGitLab(hooks={"projects/a/b": [], "projects/7": [], "groups/g": []})


async def test_a_hook_has_a_switch_for_each_event() -> None:
    fake = forge()
    config = {"events": ["MergeRequestsEvents", "ConfidentialNoteEvents"], "enableSSLVerification": True}
    await reconciler(gitlab(fake, **config)).run()

    (hook,) = fake.hooks["projects/a/b"]
    on = {name for name, value in hook.items() if name.endswith("_events") and value}
    assert on == {"merge_requests_events", "confidential_note_events"}
    assert (hook["url"], hook["enable_ssl_verification"]) == (URL, True)


def test_each_event_has_its_switch() -> None:
    assert SWITCHES["WikiPageEvents"] == "wiki_page_events"
    assert set(SWITCHES.values()) == set(GROUP) - {"repository_update_events"}


@pytest.mark.parametrize(
    ("config", "targets"),
    [
        ({"projects": ["a/b", "7"], "groups": ["g"]}, {"groups/g", "projects/a/b", "projects/7"}),
        ({"projects": [], "projectID": "7"}, {"projects/7"}),
        ({"projects": ["a/b"], "projectID": "7"}, {"projects/a/b"}),
    ],
)
async def test_hooks_are_on_groups_and_projects(config: dict[str, Any], targets: set[str]) -> None:
    fake = forge()
    await reconciler(gitlab(fake, **config)).run()

    assert {target for target, hooks in fake.hooks.items() if hooks} == targets


async def test_an_unknown_event_makes_no_call_and_has_a_hint() -> None:
    fake = forge()
    (result,) = await reconciler(gitlab(fake, events=["PushEvent"])).run()

    assert (result.state, fake.calls) == ("refused", [])
    assert "did you mean 'PushEvents'?" in result.message


@pytest.mark.parametrize(("secret", "field"), [(b"plain", "token"), (SIGNING, "signing_token")])
async def test_the_kind_of_secret_decides_how_deliveries_are_proven(secret: bytes, field: str) -> None:
    fake = forge()
    work = reconciler(gitlab(fake, secret))
    await work.run()

    (hook,) = fake.hooks["projects/a/b"]
    assert {name: hook.get(name) for name in ("token", "signing_token")} == {
        "token": None,
        "signing_token": None,
        field: secret.decode(),
    }
    assert [result.state for result in await work.run()] == ["kept"]


async def test_a_plain_token_goes_when_a_signing_one_comes_and_all_go_when_none_is_wanted() -> None:
    fake, store = forge(), Store()
    for secret, left in ((b"plain", {"token": "plain"}), (SIGNING, {"signing_token": SIGNING.decode()}), (None, {})):
        await reconciler(gitlab(fake, secret), store=store).run()
        (hook,) = fake.hooks["projects/a/b"]
        assert {name: hook[name] for name in ("token", "signing_token") if hook.get(name)} == left


async def test_a_gitlab_that_cannot_sign_is_told() -> None:
    fake = forge()
    fake.signs = False
    (result,) = await reconciler(gitlab(fake, SIGNING)).run()

    assert result.state == "refused"
    assert "use a plain secretToken" in result.message


async def test_a_gitlab_that_shows_nothing_of_tokens_gets_each_secret_once() -> None:
    fake, store = forge(), Store()
    fake.signs = False
    states = []
    for secret in (b"old", b"old", b"new", b"new"):
        states += [result.state for result in await reconciler(gitlab(fake, secret), store=store).run()]

    assert states == ["created", "kept", "updated", "kept"]
    assert fake.hooks["projects/a/b"][0]["token"] == "new"


async def test_a_switch_that_this_gitlab_does_not_know_changes_nothing() -> None:
    fake = forge()
    work = reconciler(gitlab(fake, events=["PushEvents", "VulnerabilityEvents"]))
    await work.run()
    del fake.hooks["projects/a/b"][0]["vulnerability_events"]

    assert [result.state for result in await work.run()] == ["kept"]


async def test_what_a_user_set_besides_stays() -> None:
    fake = forge()
    await reconciler(gitlab(fake)).run()
    fake.hooks["projects/a/b"][0].update(push_events_branch_filter="main", name="ours")
    await reconciler(gitlab(fake, events=["NoteEvents"])).run()

    (hook,) = fake.hooks["projects/a/b"]
    assert (hook["push_events_branch_filter"], hook["name"], hook["note_events"]) == ("main", "ours", True)


async def test_all_pages_are_read() -> None:
    fake = forge()
    fake.hooks["projects/a/b"] = [{"id": n, "url": f"https://other.example/{n}"} for n in range(1, 46)]
    fake.hooks["projects/a/b"].append({"id": 99, "url": URL, "push_events": True, "enable_ssl_verification": False})

    assert [result.state for result in await reconciler(gitlab(fake)).run()] == ["kept"]


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"x-next-page": "3", "x-per-page": "50"}, {"page": "3", "per_page": "50"}),
        ({"x-next-page": ""}, None),
        ({"link": '<https://g/x?cursor=abc&pagination=keyset>; rel="next"'}, {"cursor": "abc", "pagination": "keyset"}),
    ],
)
def test_the_next_page_is_found_by_number_or_by_link(headers: dict[str, str], query: dict[str, str] | None) -> None:
    assert next_page(Answer(200, headers, b"[]")).next == query


@pytest.mark.parametrize("base", ["https://gitlab.example/", "https://gitlab.example/api/v4/"])
async def test_the_base_url_may_be_that_of_the_api(base: str) -> None:
    assert gitlab(forge(), gitlabBaseURL=base).client.base == "https://gitlab.example/api/v4"


def test_a_refused_address_and_a_group_without_premium_are_explained() -> None:
    manage = gitlab(forge(), groups=["g"], projects=[])
    (wish,) = manage.wanted()

    assert "Outbound requests" in manage.explain(wish, Refused("422 Invalid url given", status=422)).hint
    assert "Premium" in manage.explain(wish, Refused("404 Not Found", status=404)).hint


async def test_a_hook_that_gitlab_has_disabled_is_told() -> None:
    fake = forge()
    work = reconciler(gitlab(fake))
    await work.run()
    fake.hooks["projects/a/b"][0]["alert_status"] = "disabled"
    (hook,) = await work.forges[0].hooks(Target("project", "a/b"))

    assert hook.health.disabled


def test_without_an_access_token_there_is_no_client() -> None:
    with pytest.raises(SpecError, match="accessToken"):
        manager(forge(), "gitlab", {"gitlabBaseURL": "https://gitlab.example", "events": []}, {})


# -- deliveries that failed ---------------------------------------------------------------------------------------------


def attempt(id: int, delivery: str, status: str, date: str = "", url: str = URL) -> dict[str, Any]:
    """An entry of the log, as the documentation has it."""
    return {
        "id": id,
        "url": url,
        "trigger": "push_hooks",
        "request_headers": {"Idempotency-Key": delivery},
        "response_headers": {"Date": date} if date else {},
        "response_status": status,
    }


@pytest.mark.parametrize(
    ("log", "missed"),
    [
        ([attempt(1, "a", "500", DATE)], ["a"]),
        ([attempt(1, "a", "internal error")], ["a"]),
        ([attempt(1, "a", "200", DATE)], []),
        ([attempt(2, "a", "200", DATE), attempt(1, "a", "503", DATE)], []),
        ([attempt(2, "b", "500", DATE), attempt(1, "a", "500", DATE)], ["a", "b"]),
        ([attempt(2, "a", "500", DATE), attempt(1, "a", "500", DATE)], ["a"]),
        ([attempt(1, "a", "500", DATE, url="https://other.example/")], []),
        ([attempt(1, "", "500", DATE)], []),
        ([{"nonsense": 1}, None, attempt(1, "a", "500", "no date")], ["a"]),
    ],
)
def test_deliveries_are_missed_when_no_attempt_succeeded(log: list[Any], missed: list[str]) -> None:
    assert [one.delivery for one in failed(log, URL, NOW - 60, NOW)] == missed


def test_what_failed_before_is_not_looked_at() -> None:
    log = [
        attempt(3, "c", "500", DATE),
        attempt(2, "b", "500", "Thu, 28 May 2026 20:00:00 GMT"),
        attempt(1, "a", "500"),
    ]
    assert [one.delivery for one in failed(log, URL, NOW - 60, NOW)] == ["c"]


async def test_a_missed_delivery_is_asked_for_again() -> None:
    fake = forge()
    manage = gitlab(fake)
    await reconciler(manage).run()
    (hook,) = await manage.hooks(Target("project", "a/b"))
    log = [attempt(n, f"d{n}", "500" if n == 7 else "200") for n in range(45, 0, -1)]
    fake.events = {int(hook.id): log}

    (missed,) = await manage.missed(hook, 0)
    await manage.redeliver(hook, missed)

    assert (missed.id, missed.delivery, missed.status) == ("7", "d7", 500)
    assert fake.resent == {7: 1}
    assert await manage.missed(hook, 0) == []


async def test_after_an_outage_five_a_minute_are_asked_for_until_all_have_come() -> None:
    fake, now, memory = forge(), [NOW], Memory(Store())
    manage = gitlab(fake, redeliverMissed=True)
    await Reconciler("source", [manage], memory, now=lambda: NOW - 3600).run()
    (hook,) = await manage.hooks(Target("project", "a/b"))
    fake.events = {int(hook.id): [attempt(n, f"d{n}", "internal error") for n in range(12, 0, -1)]}
    work = Redeliverer("source", [manage], memory, lambda event, delivery: delivery == "d3", now=lambda: now[0])

    for _ in range(4):
        await work.run()
        now[0] += 61
        fake.resends_left = 5
        manage.client._now = lambda: now[0]

    assert sorted(fake.resent) == [1, 2, *range(4, 13)]
    assert set(fake.resent.values()) == {1}


async def test_the_last_delivery_is_in_the_log() -> None:
    fake = forge()
    manage = gitlab(fake)
    hook = Existing(Target("project", "a/b"), "5", URL, frozenset())
    fake.hooks["projects/a/b"] = [{"id": 5, "url": URL}]
    fake.events = {5: [attempt(1, "a", "200", DATE)]}

    assert (await manage.health(hook)).last == NOW


def test_the_fake_keeps_tokens_to_itself() -> None:
    fake = forge()
    headers = {"private-token": "glpat-abc"}
    body = {"url": URL, "token": "hidden", "signing_token": SIGNING.decode()}
    created = fake.ask(Request("POST", "/api/v4/projects/7/hooks", headers=headers, json=body))
    listed = fake.ask(Request("GET", "/api/v4/projects/7/hooks", headers=headers))

    for shown in (created.json, listed.json[0]):
        assert (shown["token_present"], shown["signing_token_present"]) == (True, True)
        assert "token" not in shown
        assert "signing_token" not in shown
