"""How often a forge is asked for hooks that are as they should be: at most once for each in ten minutes."""

from __future__ import annotations

import pytest

from tests.eventsource.hooks.test_properties import BENCHES, SECRETS, Bench, World
from tests.support.forges.bitbucketserver import FakeBitbucketServer
from tests.support.forges.managed import Store, manager, reconciler, selector


@pytest.mark.parametrize("page", [1000, 20, 7])
@pytest.mark.parametrize("bench", BENCHES, ids=lambda bench: bench.kind)
async def test_a_look_costs_a_call_for_each_hook_or_comes_more_seldom(bench: Bench, page: int) -> None:
    world, store = World(bench, 3), Store()
    world.fake.page = page
    work = world.reconciler(store)
    await work.run()
    before = len(world.fake.calls)
    results = await work.run()

    calls = len(world.fake.calls) - before
    assert calls / work.pauses[0] <= len(results) / 600
    assert (work.pauses[0] > work.forges[0].interval) is (calls > len(results))


async def test_a_project_with_one_repository_is_no_exception() -> None:
    fake = FakeBitbucketServer(hooks={"P/r": []})
    config = {"projects": ["P"], "events": ["pr:opened"], "bitbucketserverBaseURL": "https://bitbucket.example/rest"}
    forge = manager(fake, "bitbucketserver", {**config, "accessToken": selector("api")}, {"api": b"bbs-token"})
    work = reconciler(forge)
    await work.run()
    before = len(fake.calls)
    await work.run()

    assert (len(fake.calls) - before) / work.pauses[0] <= 1 / 600
    assert work.pauses == [forge.interval]


@pytest.mark.parametrize("bench", BENCHES, ids=lambda bench: bench.kind)
async def test_hooks_can_be_deleted_when_their_secret_is_gone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(bench, 4)
    work = world.reconciler()
    await work.run()
    monkeypatch.delitem(SECRETS, "secret")

    assert {result.state for result in await work.delete(work.forges)} == {"deleted"}
    assert not any(world.ours(target) for target in world.fake.hooks)
