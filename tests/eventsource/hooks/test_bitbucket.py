"""Hooks of Bitbucket Cloud's repositories."""

from __future__ import annotations

from typing import Any

import pytest

from events.errors import SpecError
from eventsource.hooks import Forge
from tests.support.forges.bitbucket import FakeBitbucket
from tests.support.forges.managed import URL, Store, manager, reconciler, selector

KEYS = {"user": b"alice", "pass": b"app-pw", "token": b"bb-oauth"}
BASIC = {"basic": {"username": selector("user"), "password": selector("pass")}}
OAUTH = {"oauthToken": selector("token")}


def bitbucket(fake: FakeBitbucket, secret: bytes | None = None, **config: Any) -> Forge[Any]:
    keys = KEYS | ({} if secret is None else {"secret": secret})
    signed = {} if secret is None else {"webhookSecret": selector("secret")}
    one = {"repositories": [{"owner": "o", "repositorySlug": "r"}], "events": ["repo:push"], "auth": BASIC}
    return manager(fake, "bitbucket", {**one, **signed, **config}, keys)


def forge() -> FakeBitbucket:
    return FakeBitbucket(hooks={"o/r": [], "o/s": []})


def hook(**given: Any) -> dict[str, Any]:
    return {"uuid": "{b}", "url": URL, "description": "by hand", "active": True, "events": ["repo:push"], **given}


@pytest.mark.parametrize("auth", [BASIC, OAUTH, {**BASIC, **OAUTH}])
async def test_it_logs_in_with_a_password_or_a_token(auth: dict[str, Any]) -> None:
    fake = forge()
    assert [result.state for result in await reconciler(bitbucket(fake, auth=auth)).run()] == ["created"]


@pytest.mark.parametrize("auth", [None, {}, {"basic": {"username": selector("user")}}])
def test_without_credentials_there_is_no_client(auth: dict[str, Any] | None) -> None:
    with pytest.raises(SpecError, match="auth"):
        bitbucket(forge(), auth=auth)


async def test_a_hook_that_is_there_is_changed_and_not_made_anew() -> None:
    fake = forge()
    fake.hooks["o/r"] = [hook(events=["pullrequest:created"], active=False)]
    await reconciler(bitbucket(fake)).run()

    (left,) = fake.hooks["o/r"]
    assert (left["uuid"], left["events"], left["active"]) == ("{b}", ["repo:push"], True)
    assert left["description"] == "by hand"
    assert [call.method for call in fake.writes] == ["PUT"]


async def test_a_secret_is_set_followed_and_taken_away() -> None:
    fake, store = forge(), Store()
    seen = []
    for secret in (b"old", b"old", b"new", None):
        (result,) = await reconciler(bitbucket(fake, secret), store=store).run()
        seen.append((result.state, fake.hooks["o/r"][0].get("secret")))

    assert seen == [("created", "old"), ("kept", "old"), ("updated", "new"), ("updated", None)]


async def test_the_old_single_repository_counts() -> None:
    fake = forge()
    await reconciler(bitbucket(fake, repositories=[], owner="o", repositorySlug="s")).run()

    assert [target for target, hooks in fake.hooks.items() if hooks] == ["o/s"]


async def test_all_pages_are_read() -> None:
    fake = forge()
    fake.hooks["o/r"] = [hook(uuid=f"{{{n}}}", url="https://other.example/") for n in range(45)] + [hook()]

    assert [result.state for result in await reconciler(bitbucket(fake)).run()] == ["kept"]


async def test_what_is_no_page_is_not_taken_for_an_empty_list() -> None:
    fake = forge()
    fake.hooks["o/r"] = [hook()]
    page = fake.answer
    fake.answer = lambda request, steps: page(request, steps).__class__(200, {"type": "x"})  # type: ignore[method-assign]

    assert [result.state for result in await reconciler(bitbucket(fake)).run()] == ["failing"]
    assert fake.writes == []


async def test_the_api_may_be_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITBUCKET_API_BASE_URL", "https://proxy.example/2.0")

    assert bitbucket(forge()).client.base == "https://proxy.example/2.0"
