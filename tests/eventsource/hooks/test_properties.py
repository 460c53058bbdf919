"""From any state of any forge, and through any trouble, hooks come to what is wanted; no hook of others is ever touched.

2,000 seeded runs over all forges, which are asked without a network.
"""

from __future__ import annotations

import asyncio
import copy
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from events.models.base import parse
from eventsource import kinds
from eventsource.hooks import Desired, Forge, registry
from eventsource.hooks.memory import Memory
from eventsource.hooks.reconcile import Reconciler
from eventsource.hooks.results import Result
from tests.support.forges.base import Answer, FakeForge, Fault, Hook, Request
from tests.support.forges.bitbucket import FakeBitbucket
from tests.support.forges.bitbucketserver import FakeBitbucketServer
from tests.support.forges.github import FakeGitHub
from tests.support.forges.gitlab import FakeGitLab
from tests.support.forges.managed import Store, selector

RUNS = 125
"""Runs of each property at each forge."""

WEBHOOK = {"endpoint": "/push", "port": "12000", "url": "https://events.example/"}
URL = "https://events.example/push"
SECRETS = {"token": b"t0k3n", "secret": b"hunter2"}


@dataclass(frozen=True)
class Bench:
    """A forge: its fake, the targets in the words of its paths, what the EventSource says, other events that it knows."""

    kind: str
    fake: Callable[[], FakeForge]
    targets: tuple[str, ...]
    config: dict[str, Any]
    others: tuple[str, ...]


BENCHES = [
    Bench(
        "github",
        lambda: FakeGitHub(limit=1000, unique=False, prefix=""),
        ("repos/o/r", "repos/o/s", "repos/p/t"),
        {
            "repositories": [{"owner": "o", "names": ["r", "s"]}, {"owner": "p", "names": ["t"]}],
            "apiToken": selector("token"),
            "events": ["push", "pull_request"],
            "active": True,
            "contentType": "json",
            "webhookSecret": selector("secret"),
        },
        ("push", "issues"),
    ),
    Bench(
        "gitlab",
        lambda: FakeGitLab(token="t0k3n"),
        ("projects/7", "projects/a/b", "groups/g"),
        {
            "projects": ["7", "a/b"],
            "groups": ["g"],
            "gitlabBaseURL": "http://gitlab",
            "accessToken": selector("token"),
            "events": ["PushEvents", "MergeRequestsEvents"],
            "secretToken": selector("secret"),
        },
        ("push_events", "note_events"),
    ),
    Bench(
        "bitbucket",
        lambda: FakeBitbucket(token="t0k3n"),
        ("o/r", "o/s"),
        {
            "repositories": [{"owner": "o", "repositorySlug": "r"}, {"owner": "o", "repositorySlug": "s"}],
            "auth": {"oauthToken": selector("token")},
            "events": ["repo:push"],
            "webhookSecret": selector("secret"),
        },
        ("repo:push", "repo:fork"),
    ),
    Bench(
        "bitbucketserver",
        lambda: FakeBitbucketServer(token="t0k3n"),
        ("P/r", "P/s"),
        {
            "repositories": [{"projectKey": "P", "repositorySlug": "r"}, {"projectKey": "P", "repositorySlug": "s"}],
            "bitbucketserverBaseURL": "http://bitbucket/rest",
            "accessToken": selector("token"),
            "events": ["repo:refs_changed", "pr:opened"],
            "webhookSecret": selector("secret"),
        },
        ("repo:refs_changed", "pr:merged"),
    ),
]


class World:
    """A forge in a random state: hooks of others, and any number of ours, right ones and wrong ones."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.random = random.Random(seed)
        self.fake = bench.fake()
        self.fake.page = 20
        self.fake.hooks = {target: [] for target in bench.targets}
        self.config = self.configured(bench, {})
        self.forge = self.new_forge(bench)
        self.bench = bench
        self._fill()
        self.foreign = copy.deepcopy(self.others())
        self.had = {target for target in self.fake.hooks if self.ours(target)}

    @staticmethod
    def configured(bench: Bench, given: dict[str, Any]) -> Any:
        whole = {**bench.config, "webhook": WEBHOOK, "deleteHookOnFinish": True, **given}
        return parse(kinds.get(bench.kind).config_model, whole)

    def new_forge(self, bench: Bench) -> Forge[Any]:
        return registry[bench.kind](self.config, "push", lambda one: SECRETS[one.key], self.fake.connect)

    def reconciler(self, store: Store | None = None) -> Reconciler:
        return Reconciler("ns.source", [self.new_forge(self.bench)], Memory(Store() if store is None else store))

    def _fill(self) -> None:
        wishes = self.forge.wanted()
        crowded = self.random.randrange(len(wishes))
        for index, wish in enumerate(wishes):
            foreign = self.random.choice((0, 1, 19, 20, 21, 60, 250)) if index == crowded else self.random.randrange(3)
            hooks = [replace(wish, url=f"https://other.example/{number}") for number in range(foreign)]
            hooks += [self._varied(wish) for _ in range(self.random.choice((0, 0, 1, 1, 2, 5)))]
            self.random.shuffle(hooks)
            for hook in hooks:
                self._post(hook)

    def _varied(self, wish: Desired) -> Desired:
        change = self.random.randrange(4)
        if change == 0:
            return replace(wish, events=frozenset((self.random.choice(self.bench.others),)))
        if change == 1:
            return replace(wish, secret=None)
        return wish

    def _post(self, wish: Desired) -> None:
        url = f"{self.forge.client.base}{self.forge.path(wish.target)}"
        path = "/" + url.split("/", 3)[3]
        headers = {"authorization": "Bearer t0k3n", "private-token": "t0k3n", "x-atlassian-token": "no-check"}
        answer = self.fake.ask(Request("POST", path, {}, headers, dict(self.forge.body(wish))))
        assert answer.status in (200, 201), answer

    def ours(self, target: str) -> list[Hook]:
        return [hook for hook in self.fake.hooks[target] if url_of(hook) == URL]

    def others(self) -> dict[str, list[Hook]]:
        return {target: [hook for hook in hooks if url_of(hook) != URL] for target, hooks in self.fake.hooks.items()}

    def check_always(self) -> None:
        """What holds at every moment."""
        assert self.others() == self.foreign
        for target in self.fake.hooks:
            if self.ours(target):
                self.had.add(target)
            assert target not in self.had or self.ours(target), f"{target} is without a hook"

    async def check_reached(self) -> None:
        """What is to hold in the end: one hook each, as it is wanted."""
        self.check_always()
        for wish in self.forge.wanted():
            (hook,) = [one for one in await self.forge.hooks(wish.target) if one.url == URL]
            assert hook.events == wish.events
            assert {name: hook.fields[name] for name in wish.fields} == dict(wish.fields)
        for target in self.fake.hooks:
            (raw,) = self.ours(target)
            assert "hunter2" in str(raw), "the secret is set"


def url_of(hook: Hook) -> str:
    return str(hook.get("url") or hook.get("config", {}).get("url"))


def well(results: list[Result]) -> bool:
    return all(result.well for result in results)


def watched(world: World) -> None:
    """Check after each change what holds at every moment."""
    ask = world.fake.ask

    def ask_and_check(request: Request) -> Answer:
        try:
            return ask(request)
        finally:
            if request.method != "GET":
                world.check_always()

    world.fake.ask = ask_and_check  # type: ignore[method-assign]


@pytest.fixture(params=BENCHES, ids=lambda bench: bench.kind)
def bench(request: pytest.FixtureRequest) -> Bench:
    found: Bench = request.param
    return found


async def test_one_look_reaches_what_is_wanted_and_a_second_changes_nothing(bench: Bench) -> None:
    for seed in range(RUNS):
        world, store = World(bench, seed), Store()
        assert well(await world.reconciler(store).run())
        await world.check_reached()
        before = len(world.fake.writes)
        assert {result.state for result in await world.reconciler(store).run()} == {"kept"}
        assert len(world.fake.writes) == before, f"seed {seed}"


async def test_two_processes_at_once_never_leave_two_hooks_or_none(bench: Bench) -> None:
    for seed in range(RUNS):
        world = World(bench, seed)
        watched(world)
        one, other = world.reconciler(), world.reconciler()
        await asyncio.gather(one.run(), other.run())
        await one.run()  # the look that follows one that has made a hook
        await world.check_reached()


async def test_errors_of_all_kinds_converge(bench: Bench) -> None:
    for seed in range(RUNS):
        world, store = World(bench, seed), Store()
        watched(world)
        world.fake.fault = faults(world.random)
        for _ in range(200):
            if well(await world.reconciler(store).run()):
                break
            world.fake.clock += 60
        world.fake.fault = lambda request: None
        assert well(await world.reconciler(store).run())
        await world.check_reached()


async def test_what_is_deleted_is_ours_and_nothing_else(bench: Bench) -> None:
    for seed in range(RUNS):
        world, store = World(bench, seed), Store()
        reconciler = world.reconciler(store)
        await reconciler.run()
        assert well(await reconciler.delete(reconciler.forges))
        assert world.others() == world.foreign
        assert not any(world.ours(target) for target in world.fake.hooks)


async def test_through_a_change_of_url_and_errors_there_is_a_hook_at_every_moment(bench: Bench) -> None:
    later = URL.replace("push", "pull")

    def of_both(hooks: list[Hook]) -> list[str]:
        return [url_of(hook) for hook in hooks if url_of(hook) in (URL, later)]

    for seed in range(RUNS // 5):
        world, store = World(bench, seed), Store()
        await world.reconciler(store).run()
        ask = world.fake.ask

        def watch(request: Request, world: World = world, ask: Callable[[Request], Answer] = ask) -> Answer:
            try:
                return ask(request)
            finally:
                assert all(of_both(hooks) for hooks in world.fake.hooks.values())

        world.fake.ask = watch  # type: ignore[method-assign]
        world.fake.fault = faults(world.random)
        world.config = world.configured(bench, {"webhook": {**WEBHOOK, "endpoint": "/pull"}})
        for _ in range(200):
            if well(await world.reconciler(store).run()):
                break
            world.fake.clock += 60
        world.fake.fault = lambda request: None
        world.fake.clock += 60
        assert well(await world.reconciler(store).run())
        assert all(of_both(hooks) == [later] for hooks in world.fake.hooks.values()), f"seed {seed}"


async def test_two_eventsources_with_one_url_come_to_rest(bench: Bench) -> None:
    events = {"gitlab": ["NoteEvents"]}.get(bench.kind, [bench.others[1]])
    for seed in range(RUNS // 5):
        world, store = World(bench, seed), Store()
        watched(world)
        configs = {"ns.source": world.config, "ns.zweite": world.configured(bench, {"events": events})}
        now = [1_000.0]

        async def look(
            name: str, world: World = world, store: Store = store, now: list[float] = now, configs: Any = configs
        ) -> set[str]:
            forge = registry[bench.kind](configs[name], "push", lambda one: SECRETS[one.key], world.fake.connect)
            results = await Reconciler(name, [forge], Memory(store), now=lambda: now[0]).run()
            now[0] += world.random.choice((15, 60, 720))
            world.fake.clock += 60
            return {result.state for result in results}

        world.fake.fault = faults(world.random)
        for _ in range(world.random.randrange(10)):
            await asyncio.gather(*(look(name) for name in world.random.sample([*configs], world.random.choice((1, 2)))))
        world.fake.fault = lambda request: None
        for _ in range(3):
            for name in world.random.sample([*configs], 2):
                await look(name)
        before = len(world.fake.writes)
        assert [await look(name) for name in [*configs] * 2] == [{"kept"}, {"contested"}] * 2, f"seed {seed}"
        assert len(world.fake.writes) == before, f"seed {seed}"
        await world.check_reached()


def faults(chance: random.Random) -> Callable[[Request], Fault | None]:
    """A fifth of all calls goes wrong, some of them after they were done."""
    kinds_of = (
        Fault(None),
        Fault(None, done=True),
        Fault(Answer(500, {"message": "Internal Server Error"})),
        Fault(Answer(502, None), done=True),
        Fault(Answer(429, {"message": "Too Many Requests"}, {"Retry-After": "3"})),
        Fault(Answer(403, {"message": "You have exceeded a secondary rate limit"}, {"Retry-After": "5"})),
    )
    return lambda request: chance.choice(kinds_of) if chance.random() < 0.2 else None
