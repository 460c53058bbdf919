"""Events of several EventSources, or of one, that want one hook in two ways: told with both names, and nobody undoes what another did."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from events.models.base import parse
from events.models.eventsource import EventSource
from events.secrets import Vault
from eventsource.hooks import Forge, running, schedule
from eventsource.hooks.contests import contests
from eventsource.hooks.memory import Memory
from eventsource.hooks.reconcile import Reconciler
from tests.support.forges.github import FakeGitHub
from tests.support.forges.managed import WEBHOOK, Store, manager, selector

GITHUB = {"repositories": [{"owner": "o", "names": ["r"]}], "events": ["push"], "active": True}
ISSUES = {"events": ["issues"]}


def github(fake: FakeGitHub, secret: bytes = b"s", **config: Any) -> Forge[Any]:
    keys = {"api": b"t0k3n", "secret": secret}
    return manager(fake, "github", {"apiToken": selector("api"), **GITHUB, **config}, keys)


def forge() -> FakeGitHub:
    return FakeGitHub(hooks={"repos/o/r": []}, prefix="")


class Pods:
    """EventSources with a process each, and a bus that they share."""

    def __init__(self) -> None:
        self.fake, self.store, self.now = forge(), Store(), 1_000.0

    async def look(self, name: str, **config: Any) -> str:
        """One look of the EventSource of this name; what became of its hook."""
        memory = Memory(self.store)
        (result,) = await Reconciler(name, [github(self.fake, **config)], memory, now=lambda: self.now).run()
        self.message = result.message
        return result.state

    @property
    def events(self) -> list[list[str]]:
        return [hook["events"] for hook in self.fake.hooks["repos/o/r"]]


async def test_the_first_by_name_has_a_hook_that_two_want_in_two_ways() -> None:
    pods = Pods()
    assert await pods.look("ns.b", **ISSUES) == "created"
    assert await pods.look("ns.a") == "updated", "it comes first"
    assert [await pods.look("ns.b", **ISSUES), await pods.look("ns.a")] == ["contested", "kept"]
    assert [await pods.look("ns.b", **ISSUES), await pods.look("ns.a")] == ["contested", "kept"]
    assert (pods.events, len(pods.fake.writes)) == ([["push"]], 2)

    await pods.look("ns.b", **ISSUES)
    assert "EventSource ns/a wants this hook otherwise" in pods.message
    assert "events: push → issues" in pods.message


async def test_those_who_want_the_same_share_a_hook_and_either_mends_it() -> None:
    pods, signed = Pods(), {"webhookSecret": selector("secret")}
    states = [await pods.look(name, **signed) for name in ("ns.a", "ns.b", "ns.a", "ns.b")]
    assert states == ["created", "kept", "kept", "kept"]

    pods.fake.hooks["repos/o/r"][0]["events"] = ["fork"]
    assert [await pods.look(name, **signed) for name in ("ns.b", "ns.a")] == ["updated", "kept"]


async def test_two_secrets_are_a_contest_and_none_of_them_is_told() -> None:
    pods, signed = Pods(), {"webhookSecret": selector("secret")}
    assert await pods.look("ns.a", secret=b"hunter2", **signed) == "created"
    assert await pods.look("ns.b", secret=b"swordfish", **signed) == "contested"
    assert "the secret has changed" in pods.message
    assert "hunter2" not in pods.message
    assert "swordfish" not in pods.message


async def test_what_is_gone_loses_its_hook_after_a_while() -> None:
    pods = Pods()
    await pods.look("ns.a")
    assert await pods.look("ns.b", **ISSUES) == "contested"
    pods.now += 1500
    assert await pods.look("ns.b", **ISSUES) == "updated"
    assert await pods.look("ns.a") == "updated", "until it is back"


async def test_who_wants_a_hook_no_more_leaves_it_to_the_other() -> None:
    pods = Pods()
    await pods.look("ns.a")
    await pods.look("ns.a", webhook={**WEBHOOK, "endpoint": "/other"})
    assert await pods.look("ns.b", **ISSUES) == "updated"


async def test_a_hook_that_another_one_wants_is_not_deleted_by_who_wants_it_no_more() -> None:
    pods, finish = Pods(), {"deleteHookOnFinish": True}
    for name in ("ns.a", "ns.b"):
        await pods.look(name, **finish)
    await pods.look("ns.a", webhook={**WEBHOOK, "endpoint": "/other"}, **finish)
    assert "DELETE" not in [call.method for call in pods.fake.calls]
    assert await pods.look("ns.b", **ISSUES) == "updated", "it is not a's any more"


async def test_a_plan_tells_a_contest_and_changes_nothing() -> None:
    pods = Pods()
    await pods.look("ns.a")
    work = Reconciler("ns.b", [github(pods.fake, **ISSUES)], Memory(pods.store), now=lambda: pods.now)
    steps, (failure,) = await work.plan()
    assert (steps, failure.state) == ([], "contested")
    assert len(pods.fake.writes) == 1


async def test_of_a_process_with_several_only_those_that_it_runs_count() -> None:
    pods = Pods()
    await pods.look("ns.a")
    work = Reconciler("ns.b", [github(pods.fake, **ISSUES)], Memory(pods.store, ["ns.b"]))
    assert [one.state for one in await work.run()] == ["updated"]


def source(name: str, *events: dict[str, Any]) -> tuple[str, EventSource]:
    whole = {
        f"e{number}": {"apiToken": selector("api"), "webhook": WEBHOOK, **GITHUB, **event}
        for number, event in enumerate(events)
    }
    return "ns", parse(EventSource, {"metadata": {"name": name, "namespace": "ns"}, "spec": {"github": whole}})


async def test_in_one_process_it_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under ``up --register-hooks``."""
    monkeypatch.setattr(running, "_TICK", 0.02)
    monkeypatch.setattr(schedule, "SOON", 0.05)
    fake, settled = forge(), asyncio.Event()
    sources = [one for _, one in (source("b", ISSUES), source("a", {}))]
    vault = Vault({("secret", "ns", "forge", "api"): b"t0k3n"})

    def report(results: list[dict[str, Any]]) -> None:
        if sorted(one["state"] for one in results) == ["contested", "kept"]:
            settled.set()

    names = {running.name_of(one, "ns") for one in sources}
    work = running.run_hooks(sources, vault, Store(), connect=fake.connect, report=report, names=names)
    task = asyncio.create_task(work)
    async with asyncio.timeout(30):
        await settled.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [hook["events"] for hook in fake.hooks["repos/o/r"]] == [["push"]]


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (ISSUES, "events: push → issues"),
        ({"insecure": True}, "insecure_ssl: 0 → 1"),
        ({"webhookSecret": selector("other")}, "another secret"),
        ({"repositories": [{"owner": "O", "names": ["s", "R"]}], "active": False}, "active: true → false"),
    ],
)
def test_lint_names_both_of_two_eventsources(second: dict[str, Any], reason: str) -> None:
    ((where, finding),) = contests([source("b", second), source("a", {})])
    assert (where, finding.path) == (("ns", "b"), "spec.github.e0.webhook.url")
    assert "is that of event 'e0' of EventSource ns/a, which wants it otherwise" in finding.message
    assert reason in finding.message


@pytest.mark.parametrize(
    "second",
    [
        {},
        {"webhook": {**WEBHOOK, "endpoint": "/other"}, **ISSUES},
        {"repositories": [{"owner": "o", "names": ["s"]}], **ISSUES},
        {"githubBaseURL": "https://github.example/api/v3", "githubUploadURL": "https://github.example/", **ISSUES},
        {"apiToken": None, **ISSUES},
    ],
)
def test_hooks_that_do_not_meet_are_no_contest(second: dict[str, Any]) -> None:
    assert list(contests([source("a", {}), source("b", second)])) == []


def test_events_of_one_eventsource_are_put_together_but_not_all_else() -> None:
    assert list(contests([source("a", {}, ISSUES)])) == []
    ((_, finding),) = contests([source("a", {}, {**ISSUES, "insecure": True})])
    assert finding.path == "spec.github.e1.webhook.url"
    assert "is that of event 'e0', which wants it otherwise (insecure_ssl: 0 → 1)" in finding.message
