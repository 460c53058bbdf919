"""Hooks of the repositories of Bitbucket Server and Data Center."""

from __future__ import annotations

from typing import Any

import pytest

from eventsource.hooks import INTERVAL, Forge
from tests.support.forges.base import Answer, Request
from tests.support.forges.bitbucketserver import FakeBitbucketServer
from tests.support.forges.managed import URL, Store, manager, reconciler, selector


def server(fake: FakeBitbucketServer, secret: bytes | None = None, **config: Any) -> Forge[Any]:
    keys = {"api": b"bbs-token"} | ({} if secret is None else {"secret": secret})
    signed = {} if secret is None else {"webhookSecret": selector("secret")}
    base = {"accessToken": selector("api"), "bitbucketserverBaseURL": "https://bitbucket.example/rest"}
    one = {"repositories": [{"projectKey": "P", "repositorySlug": "r"}], "events": ["repo:refs_changed"]}
    return manager(fake, "bitbucketserver", {**base, **one, **signed, **config}, keys)


def forge(*slugs: str) -> FakeBitbucketServer:
    return FakeBitbucketServer(hooks={f"P/{slug}": [] for slug in slugs or ("r", "s")})


def hook(**given: Any) -> dict[str, Any]:
    return {
        "id": 7,
        "name": "x",
        "url": URL,
        "active": True,
        "events": ["repo:refs_changed"],
        "configuration": {},
        **given,
    }


async def test_a_hook_is_made_with_its_secret_in_the_configuration() -> None:
    fake = forge()
    await reconciler(server(fake, b"hidden")).run()

    (made,) = fake.hooks["P/r"]
    assert (made["url"], made["active"], made["events"]) == (URL, True, ["repo:refs_changed"])
    assert made["configuration"] == {"secret": "hidden"}


async def test_all_repositories_of_a_project_have_a_hook_also_new_ones() -> None:
    slugs = [f"r{number}" for number in range(30)]
    fake = forge(*slugs)
    work = reconciler(server(fake, projects=["P"], repositories=[]))
    await work.run()
    fake.hooks["P/new"] = []
    results = await work.run()

    assert [len(hooks) for hooks in fake.hooks.values()] == [1] * 31
    assert [result.target for result in results if result.state == "created"] == ["repository P/new"]


async def test_the_old_single_repository_counts() -> None:
    fake = forge()
    await reconciler(server(fake, repositories=[], projectKey="P", repositorySlug="s")).run()

    assert [target for target, hooks in fake.hooks.items() if hooks] == ["P/s"]


async def test_a_secret_that_is_shown_is_compared() -> None:
    fake = forge()
    fake.hooks["P/r"] = [hook(configuration={"secret": "hidden"})]
    states = [(await reconciler(server(fake, secret)).run())[0].state for secret in (b"hidden", b"other", None, None)]

    assert states == ["kept", "updated", "updated", "kept"]
    assert fake.hooks["P/r"][0]["configuration"] == {}


async def test_a_secret_that_is_masked_is_sent_once() -> None:
    fake, store = forge(), Store()
    fake.masks = True
    fake.hooks["P/r"] = [hook(configuration={"secret": "who knows"})]
    states = [(await reconciler(server(fake, b"hidden"), store=store).run())[0].state for _ in range(3)]

    assert states == ["updated", "kept", "kept"]


async def test_a_server_that_never_shows_secrets_gets_it_once() -> None:
    fake, store = forge(), Store()
    shown = fake._shown
    fake._shown = lambda hook: {**shown(hook), "configuration": {}}  # type: ignore[method-assign]
    fake.hooks["P/s"] = [hook(events=["pr:opened"])]
    for slug, done in (("r", "created"), ("s", "updated")):
        config = {"repositories": [{"projectKey": "P", "repositorySlug": slug}]}
        states = [
            (await reconciler(server(fake, secret, **config), store=store).run())[0].state
            for secret in (b"hidden", b"hidden", b"hidden", b"new", b"new")
        ]
        assert states == [done, "kept", "kept", "updated", "kept"]


async def test_its_name_and_whether_it_checks_certificates_stay() -> None:
    fake = forge()
    fake.hooks["P/r"] = [hook(events=["pr:opened"], sslVerificationRequired=False)]
    await reconciler(server(fake)).run()

    assert (fake.writes[0].json["sslVerificationRequired"], fake.writes[0].json["name"]) == (False, "x")


async def test_all_pages_are_read() -> None:
    fake = forge()
    fake.hooks["P/r"] = [hook(id=100 + n, url="https://other.example/") for n in range(45)] + [hook()]

    assert [result.state for result in await reconciler(server(fake)).run()] == ["kept"]


async def test_a_page_may_leave_out_how_long_it_is() -> None:
    fake = forge()
    fake.hooks["P/r"] = [hook(id=100 + n, url="https://other.example/") for n in range(45)] + [hook()]
    ask = fake.ask

    def without_limit(request: Request) -> Answer:
        answer = ask(request)
        answer.json.pop("limit", None)
        return answer

    fake.ask = without_limit  # type: ignore[method-assign]
    assert [result.state for result in await reconciler(server(fake)).run()] == ["kept"]


@pytest.mark.parametrize(
    ("given", "seconds"), [("", INTERVAL), ("30s", 30), ("1h", 3600), ("0s", INTERVAL), ("1ms", 1), ("soon", INTERVAL)]
)
def test_the_interval_is_the_users(given: str, seconds: float) -> None:
    work = server(forge(), checkInterval=given)
    assert (work.interval, work.pause(3.0)) == (seconds, 3 * INTERVAL if seconds == INTERVAL else seconds)


def test_with_projects_there_is_a_call_more_and_more_time() -> None:
    assert server(forge(), projects=["P"]).interval == 2 * INTERVAL
    assert server(forge(), projects=["P"], checkInterval="1m").interval == 60
