"""A target that is away gets one attempt a second; nobody waits for one that has its hands full."""

from __future__ import annotations

import asyncio

import pytest

from events.errors import Conflict, PointsmanError, Refused, Unavailable
from events.models.values import Outcome, OutcomeKind
from sensor import breaker
from sensor.breaker import Busy, Target, Targets

DONE = Outcome(OutcomeKind.SUBMITTED)


class Clock:
    """In place of the ``time`` of the breaker."""

    now = 1_000.0

    def monotonic(self) -> float:
        return self.now


async def done() -> Outcome:
    return DONE


async def away() -> Outcome:
    raise Unavailable("no route")


async def fails(target: Target, times: int) -> None:
    for _ in range(times):
        with pytest.raises(Unavailable):
            await target.attempt(away)


async def test_after_three_absences_in_a_row_only_one_attempt_a_second_gets_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr(breaker, "time", clock)
    target = Target("t")
    await fails(target, 2)
    assert (await target.attempt(done), target.is_away) == (DONE, False)
    await fails(target, 3)
    assert target.is_away
    attempts = 0
    for _ in range(55):
        clock.now += 0.1
        try:
            await target.attempt(away)
        except Busy:
            pass
        except Unavailable:
            attempts += 1
    assert attempts == 5  # of 5.5 seconds
    clock.now += 1
    assert await target.attempt(done) == DONE
    assert target.wait(clock.now) == 0


@pytest.mark.parametrize("error", [Refused("no"), Conflict("not now")])
async def test_a_refusal_says_that_the_target_is_there(error: PointsmanError) -> None:
    async def refuse() -> Outcome:
        raise error

    target = Target("t")
    await fails(target, 2)
    with pytest.raises(type(error)):
        await target.attempt(refuse)
    await fails(target, 2)
    assert not target.is_away


async def test_retry_after_holds_for_the_whole_target(monkeypatch: pytest.MonkeyPatch) -> None:
    async def later() -> Outcome:
        raise Unavailable("busy", retry_after=20)

    clock = Clock()
    monkeypatch.setattr(breaker, "time", clock)
    target = Target("t")
    with pytest.raises(Unavailable):
        await target.attempt(later)
    assert not target.is_away
    with pytest.raises(Busy):
        await target.attempt(done)
    clock.now += 19
    with pytest.raises(Busy):
        await target.attempt(done)
    clock.now += 1
    assert await target.attempt(done) == DONE


@pytest.mark.parametrize("seconds", [0.0, 0.3, 1.0])
async def test_a_target_that_says_it_is_away_is_asked_once_a_second_too(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """Each time that it says when to come again many come."""
    asked = 0

    async def later() -> Outcome:
        nonlocal asked
        asked += 1
        raise Unavailable("503", retry_after=seconds)

    clock = Clock()
    monkeypatch.setattr(breaker, "time", clock)
    target = Target("t")
    for _ in range(130):
        clock.now += 0.1
        for _ in range(64):
            with pytest.raises(Unavailable):
                await target.attempt(later)
    assert target.is_away
    assert asked <= 3 * 64 + 13


async def test_nobody_waits_long_for_a_target_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "PATIENCE", 0.05)
    monkeypatch.setattr(breaker, "MAX_SUBMITTING", 2)
    release = asyncio.Event()

    async def hang() -> Outcome:
        await release.wait()
        return DONE

    target = Target("t")
    hanging = [asyncio.create_task(target.attempt(hang)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):  # it waits for its turn first
        await target.attempt(done)
    with pytest.raises(Busy):
        target.attempt(done).send(None)  # a coroutine that waits for something would have returned here
    release.set()
    assert await asyncio.gather(*hanging) == [DONE, DONE]
    assert await target.attempt(done) == DONE


async def test_targets_of_which_nobody_hears_any_more_are_forgotten() -> None:
    targets = Targets()
    for n in range(1_500):
        _ = targets[f"http://host-{n}"]
    assert len(targets._by_name) <= 1_000
    assert targets["x"] is targets["x"]
