"""How long a secret's old value is accepted."""

from __future__ import annotations

from typing import Any

import pytest

from events.errors import Unavailable
from events.models.base import parse
from events.models.shared import SecretKeySelector
from events.secrets import Vault
from eventsource import kinds
from eventsource.hooks import Forge, registry
from eventsource.hooks.memory import Memory
from eventsource.hooks.overlap import OVERLAP, Overlap
from eventsource.hooks.reconcile import Reconciler
from tests.support.forges.base import Answer, Fault
from tests.support.forges.gitlab import FakeGitLab
from tests.support.forges.managed import WEBHOOK, Store, selector

SECRET = SecretKeySelector(name="forge", key="secret")


def values(secret: bytes) -> dict[Any, bytes]:
    return {("secret", "ns", "forge", key): value for key, value in {"api": b"glpat-abc", "secret": secret}.items()}


class World:
    """Two EventSources whose hooks, at two forges, share a secret."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.vault = Vault(values(b"old"))
        self.fakes = [FakeGitLab(hooks={"projects/7": []}) for _ in range(2)]
        memory = Memory(Store())
        self.overlap = Overlap(self.vault, memory, now=lambda: self.now)
        self.reconcilers = []
        for number, fake in enumerate(self.fakes):
            forge = self.forge(fake, f"https://gitlab-{number}.example")
            self.overlap.add(f"source-{number}", "ns", forge)
            self.reconcilers.append(Reconciler(f"source-{number}", [forge], memory, now=lambda: self.now))

    def forge(self, fake: FakeGitLab, base: str) -> Forge[Any]:
        event = {"projects": ["7"], "events": ["PushEvents"], "gitlabBaseURL": base, "webhook": WEBHOOK}
        tokens = {"accessToken": selector("api"), "secretToken": selector("secret")}
        config = parse(kinds.get("gitlab").config_model, {**event, **tokens})
        return registry["gitlab"](config, "push", lambda one: self.vault.get("ns", one), fake.connect)

    async def look(self) -> None:
        for reconciler in self.reconcilers:
            await reconciler.run()

    async def accepted(self, later: float = 0) -> set[bytes]:
        self.now += later
        await self.overlap.let_go()
        return set(self.vault.accepted("ns", SECRET))


@pytest.fixture
async def world() -> World:
    made = World()
    await made.look()
    made.now += 10_000
    made.vault.replace(values(b"new"))
    return made


async def test_the_old_value_is_good_until_ten_minutes_after_the_forge_has_the_new_one(world: World) -> None:
    assert await world.accepted(10_000) == {b"old", b"new"}
    await world.look()
    assert await world.accepted(OVERLAP - 1) == {b"old", b"new"}
    assert await world.accepted(2) == {b"new"}


async def test_it_is_good_while_one_forge_that_shares_it_has_not_the_new_one(world: World) -> None:
    world.fakes[1].fault = lambda request: Fault(Answer(502))
    await world.look()
    assert await world.accepted(2 * OVERLAP) == {b"old", b"new"}

    world.fakes[1].fault = lambda request: None
    await world.look()
    assert await world.accepted(2 * OVERLAP) == {b"new"}


async def test_a_value_that_is_gone_keeps_the_old_one(world: World) -> None:
    await world.look()
    world.vault.replace({key: value for key, value in values(b"").items() if key[3] == "api"})
    await world.overlap.let_go()
    world.vault.replace(values(b"newer"))

    assert await world.accepted(2 * OVERLAP) >= {b"new", b"newer"}


async def test_a_store_that_is_away_keeps_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(self: Store, key: str) -> bytes | None:
        raise Unavailable("the bus is away")

    monkeypatch.setattr(Store, "get", away)
    assert await world.accepted(2 * OVERLAP) == {b"old", b"new"}
