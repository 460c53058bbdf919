"""Whatever a forge answers: nothing but results comes out, and the hooks of others are left alone."""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from typing import Any

import pytest

from events.errors import PointsmanError, SpecError
from eventsource.hooks import Target, registry
from eventsource.hooks.plan import Existing
from tests.eventsource.hooks.test_properties import BENCHES, SECRETS, Bench, World
from tests.support.forges.base import Answer, Request

RUNS = 60
JUNK: tuple[Any, ...] = (None, 5, -1, 1e308, True, "", "x", "\x00", "../../x", [], {}, [None], [{}], {"id": 7})


@pytest.fixture(params=BENCHES, ids=lambda bench: bench.kind)
def bench(request: pytest.FixtureRequest) -> Bench:
    found: Bench = request.param
    return found


def spoiled(value: Any, chance: random.Random) -> Any:
    """The same JSON with something else in one place."""
    if chance.random() < 0.2 or not isinstance(value, (dict, list)) or not value:
        return chance.choice(JUNK)
    changed = copy.copy(value)
    at = chance.choice(list(changed)) if isinstance(changed, dict) else chance.randrange(len(changed))
    if chance.random() < 0.2:
        del changed[at]
    else:
        changed[at] = spoiled(changed[at], chance)
    return changed


async def test_nonsense_raises_nothing_and_touches_no_hook_of_others(bench: Bench) -> None:
    for seed in range(RUNS):
        world = World(bench, seed)
        ask, chance = world.fake.ask, random.Random(seed)

        def nonsense(request: Request, ask: Any = ask, chance: random.Random = chance) -> Answer:
            answer: Answer = ask(request)
            return replace(answer, json=spoiled(answer.json, chance)) if chance.random() < 0.5 else answer

        world.fake.ask = nonsense  # type: ignore[method-assign]
        reconciler = world.reconciler()
        for _ in range(3):
            await reconciler.run()
        await reconciler.delete(reconciler.forges)
        assert world.others() == world.foreign, f"seed {seed}"


@pytest.mark.parametrize(
    "bench", [bench for bench in BENCHES if registry[bench.kind].redelivers], ids=lambda bench: bench.kind
)
async def test_nonsense_in_logs_is_no_delivery(bench: Bench) -> None:
    for seed in range(RUNS):
        world, chance = World(bench, seed % 3), random.Random(seed)
        entry = {
            "id": 1,
            "guid": "g",
            "delivered_at": "2026-01-01T00:00:00Z",
            "status_code": 500,
            "url": world.forge.url,
        }
        entry |= {
            "request_headers": {"Idempotency-Key": "k"},
            "response_headers": {"Date": "x"},
            "response_status": "500",
        }
        answer = Answer(200, spoiled([entry], chance))
        world.fake.ask = lambda request, answer=answer: answer  # type: ignore[method-assign, misc]
        hook = Existing(Target("project", "7"), "7", world.forge.url, frozenset())
        try:
            found = await world.forge.missed(hook, 0)
            health = await world.forge.health(hook)
        except PointsmanError:
            continue
        assert len(found) <= 1
        assert health.last is None or health.last > 0


async def test_a_secret_that_is_no_text_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(bench, 2)
    monkeypatch.setitem(SECRETS, "secret", b"\xff\xfe")
    with pytest.raises(SpecError, match="UTF-8"):
        world.forge.wanted()
    (result,) = await world.reconciler().run()
    assert result.state == "refused"
