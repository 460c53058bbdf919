"""Hooks of GitHub's repositories and organizations, or the one of an App; and deliveries that it could not make."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from events.errors import Refused, SpecError, Unavailable
from eventsource.hooks import Forge, Target
from eventsource.hooks.client import Client
from eventsource.hooks.github_app import AppTokens
from eventsource.hooks.memory import Memory
from eventsource.hooks.missed import AT_ONCE, Redeliverer
from eventsource.hooks.plan import Existing
from eventsource.hooks.reconcile import Reconciler
from tests.support.forges.base import Answer
from tests.support.forges.github import FakeGitHub
from tests.support.forges.managed import URL, Store, manager, reconciler, selector
from tests.support.forges.recorded import app_key

NOW = 1_700_000_000.0
BASE = {"githubBaseURL": "https://github.example/api/v3", "githubUploadURL": "https://github.example/api/uploads"}
ONE = {"repositories": [{"owner": "o", "names": ["r"]}]}
TARGET = Target("repository", "o/r")


def github(fake: FakeGitHub, secret: bytes | None = None, **config: Any) -> Forge[Any]:
    keys = {"api": b"t0k3n\n", "key": app_key()[0]} | ({} if secret is None else {"secret": secret})
    signed = {} if secret is None else {"webhookSecret": selector("secret")}
    token = {} if "githubApp" in config else {"apiToken": selector("api")}
    whole = {**BASE, **ONE, **token, **signed, "events": ["push"], "active": True, **config}
    return manager(fake, "github", whole, keys)


def forge() -> FakeGitHub:
    return FakeGitHub(hooks={"repos/o/r": [], "repos/o/s": [], "orgs/acme": []}, now=lambda: NOW)


def hook(**given: Any) -> dict[str, Any]:
    config = {"url": URL, "content_type": "form", "insecure_ssl": "0"}
    return {"id": 9, "name": "web", "active": True, "events": ["push"], "config": config, **given}


@pytest.mark.parametrize(
    ("config", "targets"),
    [
        ({"repositories": [{"owner": "o", "names": ["r", "s"]}]}, {"repos/o/r", "repos/o/s"}),
        ({"repositories": [], "organizations": ["acme"]}, {"orgs/acme"}),
        ({"repositories": [], "owner": "o", "repository": "s"}, {"repos/o/s"}),
    ],
)
async def test_hooks_are_on_repositories_and_organizations(config: dict[str, Any], targets: set[str]) -> None:
    fake = forge()
    await reconciler(github(fake, **config)).run()

    assert {target for target, hooks in fake.hooks.items() if hooks} == targets


@pytest.mark.parametrize(
    ("change", "config"),
    [
        ({"events": ["push", "issues"]}, {}),
        ({"active": False}, {}),
        ({}, {"contentType": "json"}),
        ({}, {"insecure": True}),
        ({"events": ["push"]}, {"events": ["*", "push"]}),
    ],
)
async def test_what_differs_is_changed_in_place(change: dict[str, Any], config: dict[str, Any]) -> None:
    fake = forge()
    fake.hooks["repos/o/r"] = [hook(**change)]
    work = reconciler(github(fake, **config))

    assert [(await work.run())[0].state for _ in range(2)] == ["updated", "kept"]
    assert [call.method for call in fake.writes] == ["PATCH"]


async def test_what_the_manifest_does_not_say_stays_also_when_something_else_is_changed() -> None:
    fake = forge()
    there = {"url": URL, "content_type": "json", "insecure_ssl": "1"}
    fake.hooks["repos/o/r"] = [hook(active=True, config=there)]
    work = reconciler(github(fake, active=None, insecure=True))
    assert (await work.run())[0].state == "kept"

    await reconciler(github(fake, active=None)).run()
    (changed,) = fake.hooks["repos/o/r"]
    assert (changed["active"], changed["config"]["content_type"], changed["config"]["insecure_ssl"]) == (
        True,
        "json",
        "0",
    )


async def test_without_active_a_hook_is_made_inactive() -> None:
    """As in the reference."""
    fake = forge()
    await reconciler(github(fake, active=None)).run()

    assert fake.hooks["repos/o/r"][0]["active"] is False


async def test_a_secret_is_sent_once_followed_and_taken_away() -> None:
    fake, store, seen = forge(), Store(), []
    fake.hooks["repos/o/r"] = [hook()]
    for secret in (b"old", b"old", b"new", None, None):
        (result,) = await reconciler(github(fake, secret), store=store).run()
        seen.append((result.state, fake.hooks["repos/o/r"][0]["config"].get("secret")))

    assert seen == [("updated", "old"), ("kept", "old"), ("updated", "new"), ("updated", None), ("kept", None)]


@pytest.mark.parametrize("told", [{"secret": ""}, {"secret": None}, {"insecure_ssl": 0}])
async def test_a_hook_is_as_it_should_be_in_whatever_form_that_is_told(told: dict[str, Any]) -> None:
    fake = forge()
    fake.hooks["repos/o/r"] = [hook(config={"url": URL, "content_type": "form", **told})]
    fake.answer = lambda request, steps: Answer(200, fake.hooks["repos/o/r"])  # type: ignore[method-assign]
    assert [(await reconciler(github(fake)).run())[0].state for _ in range(2)] == ["kept", "kept"]


async def test_the_limit_of_hooks_is_explained() -> None:
    fake = forge()
    fake.hooks["repos/o/r"] = [hook(id=n, config={"url": f"https://e.example/{n}"}) for n in range(1, 21)]
    (result,) = await reconciler(github(fake)).run()

    assert result.state == "refused"
    assert "20 hooks" in result.message
    assert "githubApp.webhook" in result.message


# -- Apps ----------------------------------------------------------------------------------------------------------------


def app(**given: Any) -> dict[str, Any]:
    return {"githubApp": {"privateKey": selector("key"), "appID": 7, "installationID": 5, **given}}


def with_app() -> FakeGitHub:
    fake = forge()
    fake.app_key, fake.now = app_key()[1], time.time
    return fake


async def test_an_app_makes_hooks_as_its_installation_with_one_token_for_all() -> None:
    fake = with_app()
    await reconciler(github(fake, **app(), repositories=[{"owner": "o", "names": ["r", "s"]}])).run()

    assert [len(fake.hooks[target]) for target in ("repos/o/r", "repos/o/s")] == [1, 1]
    assert [call.path for call in fake.calls].count("/api/v3/app/installations/5/access_tokens") == 1


@pytest.mark.parametrize(("later", "tokens"), [(0, 1), (3500, 1), (3550, 2), (4000, 2)])
async def test_a_token_is_renewed_before_it_ends(later: float, tokens: int) -> None:
    clock, fake = [NOW], with_app()
    fake.now = lambda: clock[0]
    who = AppTokens(7, lambda: app_key()[0], now=lambda: clock[0])
    who.installed(Client(fake.send, BASE["githubBaseURL"], who.as_app), 5)
    first = await who.as_installation()
    clock[0] += later
    second = await who.as_installation()

    assert len({*first.values(), *second.values()}) == tokens


async def test_a_key_that_is_none_is_told() -> None:
    who = AppTokens(7, lambda: b"no PEM")
    with pytest.raises(SpecError, match="no RSA key") as caught:
        await who.as_app()
    assert "no PEM" not in str(caught.value)


async def test_the_hook_of_an_app_stands_for_all_repositories() -> None:
    fake = with_app()
    work = reconciler(github(fake, b"s", **app(webhook=True), contentType="json"))
    states = [(await work.run())[0].state for _ in range(2)]

    assert states == ["created", "kept"]
    assert fake.app_hook == {"url": URL, "content_type": "json", "insecure_ssl": "0", "secret": "s"}
    assert not any(fake.hooks.values())


async def test_the_hook_of_an_app_is_ours_in_another_spelling() -> None:
    fake = with_app()
    fake.app_hook = {"url": URL.replace("events", "EVENTS"), "content_type": "form", "insecure_ssl": "0"}
    assert (await reconciler(github(fake, **app(webhook=True))).run())[0].state == "kept"


async def test_the_hook_of_an_app_that_somebody_uses_is_left_alone() -> None:
    fake = with_app()
    fake.app_hook = {"url": "https://other.example/"}
    (result,) = await reconciler(github(fake, **app(webhook=True))).run()

    assert (result.state, fake.writes) == ("refused", [])
    assert "https://other.example/" in result.message


async def test_the_hook_of_an_app_stays_when_the_eventsource_goes() -> None:
    fake = with_app()
    work = reconciler(github(fake, **app(webhook=True), deleteHookOnFinish=True))
    await work.run()
    (result,) = await work.delete(work.forges)

    assert result.well
    assert "settings of the App" in result.message
    assert fake.app_hook["url"] == URL


@pytest.mark.parametrize(("events", "failing"), [(["push"], False), (["push", "issues"], True), (["*"], False)])
async def test_events_that_an_app_does_not_get_are_told(events: list[str], failing: bool) -> None:
    forge = github(with_app(), **{**app(webhook=True), "events": events})
    health = await forge.health(Existing(Target("app", "7"), "app", URL, frozenset()))

    assert (health.failing, "issues" in health.message) == (failing, failing)


# -- deliveries that failed ---------------------------------------------------------------------------------------------


def attempt(id: int, delivery: str, status: int, at: float = NOW) -> dict[str, Any]:
    """An entry of the log, as the documentation has it."""
    moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"id": id, "guid": delivery, "delivered_at": moment, "redelivery": False, "status_code": status}


class Outage:
    """A forge whose deliveries failed, and what asks for them again."""

    def __init__(self, log: list[dict[str, Any]], has: set[str] | None = None) -> None:
        self.fake, self.now, self.store = forge(), NOW + 60, Store()
        self.fake.hooks["repos/o/r"] = [hook()]
        self.fake.deliveries = {9: log}
        self.manage = github(self.fake, redeliverMissed=True)
        self.has = has or set()
        self.memory = Memory(self.store)
        self.work = Redeliverer(
            "source", [self.manage], self.memory, lambda event, delivery: delivery in self.has, now=lambda: self.now
        )

    async def look(self, later: float = 0) -> list[int]:
        """The attempts that are asked for at a look; the first one knows the hook since an hour."""
        if not self.store:
            await Reconciler("source", [self.manage], self.memory, now=lambda: NOW - 3600).run()
        self.now += later
        before = len(self.fake.attempts)
        await self.work.run()
        return self.fake.attempts[before:]


@pytest.mark.parametrize(
    ("log", "asked"),
    [
        ([attempt(1, "a", 500)], [1]),
        ([attempt(1, "a", 0)], [1]),
        ([attempt(1, "a", 202)], []),
        ([attempt(2, "a", 200), attempt(1, "a", 502)], []),
        ([attempt(3, "b", 401, NOW), attempt(1, "a", 500, NOW - 5)], [1, 3]),
        ([attempt(1, "a", 500, NOW - 4 * 86_400)], []),
    ],
)
async def test_what_failed_and_did_not_come_is_asked_for(log: list[dict[str, Any]], asked: list[int]) -> None:
    assert await Outage(log).look() == asked


async def test_what_came_after_all_is_not_asked_for() -> None:
    assert await Outage([attempt(2, "b", 500), attempt(1, "a", 500)], has={"a"}).look() == [2]


async def test_it_looks_every_five_minutes_and_asks_less_often_for_what_fails_again() -> None:
    outage = Outage([attempt(1, "a", 500)])
    looks = [await outage.look(later) for later in (0, 60, 240, 300, 300, 300, 300)]

    assert looks[0] == [1]
    assert looks[1:3] == [[], []], "the pause is ten minutes first"
    assert sum(map(len, looks)) == 2


async def test_a_long_outage_is_made_up_for_in_several_looks() -> None:
    log = [attempt(n, f"d{n}", 500, NOW - 300 + n) for n in range(AT_ONCE + 10, 0, -1)]
    outage = Outage(log)
    first = await outage.look()
    outage.has |= {f"d{n}" for n in first}

    assert first == list(range(1, AT_ONCE + 1))
    assert await outage.look(301) == list(range(AT_ONCE + 1, AT_ONCE + 11))


async def test_without_the_wish_no_log_is_read() -> None:
    fake = forge()
    manage = github(fake)
    assert await Redeliverer("source", [manage], Memory(Store())).run() == 0
    assert fake.calls == []


async def test_a_forge_that_is_away_is_asked_soon_again() -> None:
    outage = Outage([attempt(1, "a", 500)])
    await Reconciler("source", [outage.manage], outage.memory, now=lambda: NOW - 3600).run()
    real = outage.manage.missed

    async def away(hook: Existing, since: float) -> Any:
        raise Unavailable("no answer")

    outage.manage.missed = away  # type: ignore[method-assign]
    assert await outage.look() == []
    outage.manage.missed = real  # type: ignore[method-assign]
    assert await outage.look(61) == [1]


def test_another_refusal_is_told_as_it_is() -> None:
    manage = github(forge())
    (wish,) = manage.wanted()
    error = Refused("PATCH: 422 something else", status=422)

    assert manage.explain(wish, error) is error
