"""Several events and EventSources with hooks in one place; names and URLs that change; what is asked again and what is not."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
import structlog.testing

from events.models.base import parse
from events.models.eventsource import EventSource
from events.secrets import Vault
from eventsource.hooks import Forge, running
from eventsource.hooks.memory import Memory
from eventsource.hooks.reconcile import Reconciler
from tests.support.forges.base import Answer, Fault, Request
from tests.support.forges.github import FakeGitHub
from tests.support.forges.gitlab import FakeGitLab
from tests.support.forges.managed import URL, WEBHOOK, Store, manager, reconciler, selector

GITHUB = {"repositories": [{"owner": "o", "names": ["r"]}], "events": ["push"], "active": True}


def github(fake: FakeGitHub, **config: Any) -> Forge[Any]:
    keys = {"api": b"t0k3n", "secret": b"s"}
    return manager(fake, "github", {"apiToken": selector("api"), **GITHUB, **config}, keys)


def gitlab(fake: FakeGitLab, *projects: str, **config: Any) -> Forge[Any]:
    keys = {"api": b"glpat-abc", "secret": b"s"}
    base = {"gitlabBaseURL": "https://gitlab.example", "accessToken": selector("api"), "events": ["PushEvents"]}
    return manager(fake, "gitlab", {**base, "projects": [*projects], **config}, keys)


def forge() -> FakeGitHub:
    return FakeGitHub(hooks={"repos/o/r": [], "repos/o/s": []}, prefix="")


def at(endpoint: str) -> dict[str, Any]:
    return {"webhook": {**WEBHOOK, "endpoint": endpoint}}


async def states(work: Reconciler) -> list[str]:
    return [result.state for result in await work.run()]


async def test_two_events_on_one_url_share_a_hook_and_do_not_take_it_from_each_other() -> None:
    fake = forge()
    work = reconciler(github(fake), github(fake, events=["issues"]))
    assert [await states(work) for _ in range(3)] == [["created"], ["kept"], ["kept"]]

    (hook,) = fake.hooks["repos/o/r"]
    assert hook["events"] == ["issues", "push"]
    steps, _ = await work.plan()
    assert [step.action for _, step in steps] == ["keep"]


async def test_events_with_their_own_urls_have_their_own_hooks() -> None:
    fake = forge()
    work = reconciler(github(fake, **at("/a")), github(fake, **at("/b")), github(fake, **at("/a/")))
    assert [await states(work) for _ in range(2)] == [["created"] * 3, ["kept"] * 3]

    await work.delete(work.forges[:1])
    assert [hook["config"]["url"] for hook in fake.hooks["repos/o/r"]] == [
        URL.replace("push", "b"),
        URL.replace("push", "a/"),
    ]


@pytest.mark.parametrize(("before", "after"), [("a/b", "7"), ("A/b", "a/b")])
async def test_a_project_by_another_name_keeps_its_hook(before: str, after: str) -> None:
    fake, store = FakeGitLab(hooks={}), Store()
    fake.hooks = {f"projects/{name}": fake.hooks.setdefault("one", []) for name in (before, after)}
    for name in (before, after, after):
        await reconciler(gitlab(fake, name, deleteHookOnFinish=True), store=store).run()

    assert [call.method for call in fake.writes] == ["POST"]
    assert before not in str(store)


@pytest.mark.parametrize("known", [True, False])
async def test_a_repository_that_was_renamed_keeps_its_hook_and_its_old_name_is_forgotten(known: bool) -> None:
    """At the forge, and in the manifest. Its hook is not looked for under the old name unless it is nowhere else."""
    fake, store = forge(), Store()
    await reconciler(github(fake, deleteHookOnFinish=True), store=store).run()
    fake.fault = lambda request: Fault(Answer(301, {"message": "Moved Permanently"})) if "/r/" in request.path else None
    if known:
        fake.hooks["repos/o/s"] = fake.hooks["repos/o/r"]
    work = reconciler(github(fake, repositories=[{"owner": "o", "names": ["s"]}], deleteHookOnFinish=True), store=store)
    assert await states(work) == (["kept"] if known else ["created", "refused"])
    assert len(fake.hooks["repos/o/s"]) == 1
    assert (b'"o/r"' in store["source"]) is not known


@pytest.mark.parametrize(("finish", "stays"), [(False, True), (True, False)])
async def test_what_is_not_named_any_more_is_deleted_or_forgotten(finish: bool, stays: bool) -> None:
    fake, store = forge(), Store()
    both = {"repositories": [{"owner": "o", "names": ["r", "s"]}], "deleteHookOnFinish": finish}
    await reconciler(github(fake, **both), store=store).run()
    await reconciler(github(fake, deleteHookOnFinish=finish), store=store).run()

    assert [bool(fake.hooks[target]) for target in ("repos/o/r", "repos/o/s")] == [True, stays]
    assert b"o/s" not in store["source"], "a secret that changes does not wait for it"


async def test_while_an_event_is_wrong_none_of_its_hooks_is_deleted() -> None:
    fake, store = forge(), Store()
    two = [github(fake, deleteHookOnFinish=True, **at(path)) for path in ("/a", "/b")]
    await reconciler(*two, store=store).run()
    await Reconciler("source", two[:1], Memory(store), complete=False).run()
    assert len(fake.hooks["repos/o/r"]) == 2

    await Reconciler("source", two[:1], Memory(store)).run()
    assert len(fake.hooks["repos/o/r"]) == 1


async def test_a_hook_of_an_event_that_is_gone_is_told_when_there_are_no_credentials_for_it() -> None:
    github_, gitlab_, store = forge(), FakeGitLab(hooks={"projects/7": []}), Store()
    await reconciler(github(github_), gitlab(gitlab_, "7", deleteHookOnFinish=True), store=store).run()
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            await reconciler(github(github_), store=store).run()

    (told,) = [line for line in logs if line["log_level"] == "warning"]
    assert (told["target"], told["url"]) == ("project 7", URL)
    assert len(gitlab_.hooks["projects/7"]) == 1


async def test_a_forge_that_writes_urls_in_its_own_way_gets_one_hook() -> None:
    """Hosts in small letters, say: by its URL alone none of them would be ours."""
    fake, store = forge(), Store()
    shouting: dict[str, Any] = {"webhook": {**WEBHOOK, "url": "https://EVENTS.example"}, "deleteHookOnFinish": True}
    ask = fake.ask

    def small(request: Request) -> Answer:
        if request.json:
            request.json["config"]["url"] = request.json["config"]["url"].lower()
        return ask(request)

    fake.ask = small  # type: ignore[method-assign]
    for expected in ("created", "kept", "kept"):
        assert await states(reconciler(github(fake, **shouting), store=store)) == [expected]
    elsewhere = {"webhook": {**shouting["webhook"], "endpoint": "/other"}, "deleteHookOnFinish": True}
    assert await states(reconciler(github(fake, **elsewhere), store=store)) == ["created", "deleted"]
    assert await states(reconciler(github(fake, **shouting), store=store)) == ["created", "deleted"]
    fake.hooks["repos/o/r"][0]["config"]["url"] = "https://somebody.example/else"
    assert await states(reconciler(github(fake, **shouting), store=store)) == ["created"]
    work = reconciler(github(fake, **shouting), store=store)
    await work.delete(work.forges)
    assert [hook["config"]["url"] for hook in fake.hooks["repos/o/r"]] == ["https://somebody.example/else"]


async def test_a_url_in_another_spelling_is_ours_also_when_nothing_is_remembered() -> None:
    """As after an answer that was lost: else each look would make one more."""
    fake = forge()
    work = github(fake, webhook={**WEBHOOK, "url": "HTTPS://Events.example:443"})
    there = {"id": 9, "active": True, "events": ["push"]}
    ours = [{**there, "id": number, "config": {"url": URL}} for number in (7, 8)]
    others = [f"{URL}/", f"{URL}?", URL.upper(), URL.replace("https", "http"), URL.replace("example", "example:8443")]
    theirs = [{**there, "config": {"url": url}} for url in others]
    fake.hooks["repos/o/r"] = [*ours, *theirs]

    assert await states(reconciler(work)) == ["kept", "deleted"]
    assert fake.hooks["repos/o/r"] == [ours[0], *theirs]


async def test_names_that_differ_in_capitals_are_one_target() -> None:
    fake = forge()
    fake.hooks["repos/O/R"] = fake.hooks["repos/o/r"]
    shouting = github(fake, repositories=[{"owner": "O", "names": ["R"]}], events=["issues"])
    work = reconciler(github(fake), shouting)
    assert [await states(work) for _ in range(2)] == [["created"], ["kept"]]
    assert [hook["events"] for hook in fake.hooks["repos/o/r"]] == [["issues", "push"]]


async def test_a_hook_gets_events_that_its_copy_has() -> None:
    """GitHub takes no two hooks of one configuration with an event in common: then the copy goes first."""
    fake = forge()
    config = {"url": URL, "content_type": "form", "insecure_ssl": "0"}
    there = [(1, ["push"]), (2, ["issues"]), (3, ["fork"])]
    fake.hooks["repos/o/r"] = [{"id": id, "active": True, "events": e, "config": {**config}} for id, e in there]
    work = reconciler(github(fake, events=["push", "issues"]))
    assert sorted(await states(work)) == ["deleted", "deleted", "updated"]
    assert [(hook["id"], hook["events"]) for hook in fake.hooks["repos/o/r"]] == [(1, ["issues", "push"])]


@pytest.mark.parametrize("refused", [Answer(500, {}), Answer(422, {"message": "Invalid url given"})])
async def test_a_hook_with_the_old_url_stays_until_there_is_one_with_the_new(refused: Answer) -> None:
    fake, store = forge(), Store()
    await reconciler(github(fake, deleteHookOnFinish=True, **at("/a")), store=store).run()
    work = reconciler(github(fake, deleteHookOnFinish=True, **at("/b")), store=store)
    fake.fault = lambda request: Fault(refused) if request.method == "POST" else None
    await work.run()
    assert len(fake.hooks["repos/o/r"]) == 1

    fake.fault = lambda request: None
    assert sorted(await states(work)) == ["created", "deleted"]
    assert [hook["config"]["url"] for hook in fake.hooks["repos/o/r"]] == [URL.replace("push", "b")]


async def test_a_hook_with_the_old_url_becomes_the_new_one_when_there_is_no_room_for_two() -> None:
    fake, store = forge(), Store()
    fake.limit = 2
    for name in ("a", "c"):
        both = [github(fake, deleteHookOnFinish=True, **at(f"/{one}")) for one in (name, "b")]
        await reconciler(*both, store=store).run()
    assert [hook["config"]["url"] for hook in fake.hooks["repos/o/r"]] == [URL.replace("push", one) for one in "cb"]
    assert [call.method for call in fake.writes] == ["POST", "POST", "POST", "PATCH"]
    assert await states(reconciler(*both, store=store)) == ["kept", "kept"]


async def test_a_hook_that_is_not_made_to_go_makes_no_room() -> None:
    fake, store = forge(), Store()
    fake.limit = 1
    await reconciler(github(fake, **at("/a")), store=store).run()
    assert await states(reconciler(github(fake, **at("/b")), store=store)) == ["refused"]
    await reconciler(github(fake, deleteHookOnFinish=True, **at("/a")), store=store).run()
    unknown = Reconciler("source", [github(fake, deleteHookOnFinish=True, **at("/b"))], Memory(store), complete=False)
    assert await states(unknown) == ["refused"], "an event that is wrong now may want it"
    assert [hook["config"]["url"] for hook in fake.hooks["repos/o/r"]] == [URL.replace("push", "a")]


async def test_a_hook_that_is_deleted_before_it_is_changed_is_made_anew() -> None:
    fake = forge()
    fake.hooks["repos/o/r"] = [{"id": 1, "active": True, "events": ["issues"], "config": {"url": URL}}]
    fake.fault = lambda request: fake.hooks["repos/o/r"].clear() if request.method == "PATCH" else None  # type: ignore[func-returns-value]
    work = reconciler(github(fake))
    (result,) = await work.run()
    assert (result.state, result.message) == (
        "failing",
        "hook 1 has just been deleted (it is looked at again soon)",
    )
    assert await states(work) == ["created"]


async def test_only_what_did_not_go_well_is_asked_again() -> None:
    fake = forge()
    fake.fault = lambda request: Fault(Answer(404, {"message": "Not Found"})) if "/s/" in request.path else None
    work = reconciler(github(fake, repositories=[{"owner": "o", "names": ["r", "s"]}]), github(fake, **at("/b")))
    assert await states(work) == ["created", "refused", "created"]

    fake.calls.clear()
    assert await states(work) == ["kept", "refused", "kept"]
    assert len(fake.calls) == 3
    fake.calls.clear()
    results = await work.run((), retry=True)
    assert [one.state for one in results] == ["kept", "refused", "kept"]
    assert [call.path for call in fake.calls] == ["/repos/o/s/hooks"]
    fake.calls.clear()
    await work.run((0,), retry=False)
    assert [call.path for call in fake.calls] == ["/repos/o/r/hooks"]


# -- several EventSources in one process ---------------------------------------------------------------------------------


def source(name: str, **config: Any) -> EventSource:
    event = {"apiToken": selector("api"), "webhook": WEBHOOK, **GITHUB, "deleteHookOnFinish": True, **config}
    return parse(EventSource, {"metadata": {"name": name, "namespace": "ns"}, "spec": {"github": {"push": event}}})


async def test_an_eventsource_by_another_name_keeps_its_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_TICK", 0.02)
    fake, store = forge(), Store()
    vault = Vault({("secret", "ns", "forge", "api"): b"t0k3n"})
    gone = [source("old"), source("other", **at("/other"))]
    before = await looked_after(gone, [], fake, store, vault)
    assert len(fake.hooks["repos/o/r"]) == 2

    after = await looked_after([source("new")], gone, fake, store, vault)
    assert [hook["config"]["url"] for hook in fake.hooks["repos/o/r"]] == [URL]
    assert before != after
    assert [call.method for call in fake.writes] == ["POST", "POST", "DELETE"]


async def looked_after(
    sources: list[EventSource], removed: list[EventSource], fake: FakeGitHub, store: Store, vault: Vault
) -> bytes:
    """Run for a short while."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.3):
            await running.run_hooks(sources, vault, store, connect=fake.connect, removed=removed)
    return repr(store).encode()
