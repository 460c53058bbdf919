import asyncio

import pytest

from events.errors import Rejected
from eventsource.body import Budget


async def test_bytes_are_given_out_first_come_first_served() -> None:
    budget = Budget(10)
    await budget.take(8)
    order: list[int] = []

    async def wait(size: int) -> None:
        await budget.take(size)
        order.append(size)

    waiting = [asyncio.create_task(wait(size)) for size in (9, 1)]
    await asyncio.sleep(0)
    budget.give(8)
    await asyncio.gather(*waiting)
    assert order == [9, 1]
    assert budget.used == 10


async def test_who_waits_too_long_is_sent_away_and_the_next_one_served() -> None:
    budget = Budget(10, patience=0.05)
    await budget.take(8)
    big = asyncio.create_task(budget.take(9))
    await asyncio.sleep(0.03)
    small = asyncio.create_task(budget.take(1))
    with pytest.raises(Rejected) as caught:
        await big
    assert caught.value.status == 503
    assert await small == 1
    assert budget.used == 9


async def test_a_request_that_is_cancelled_while_it_waits_leaves_nothing_behind() -> None:
    budget = Budget(10)
    await budget.take(10)
    waiting = asyncio.create_task(budget.take(5))
    await asyncio.sleep(0)
    budget.give(10)  # admits it
    waiting.cancel()  # before it runs on
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert budget.used == 0


async def test_a_body_larger_than_the_whole_budget_takes_all_of_it() -> None:
    budget = Budget(10)
    assert await budget.take(100) == 10
    budget.give(10)
    assert budget.used == 0


async def test_large_bodies_leave_a_quarter_to_small_ones() -> None:
    budget = Budget(100, patience=0.05, small=10)
    assert await budget.take(200) == 75
    with pytest.raises(Rejected) as caught:
        await budget.take(11)
    assert (caught.value.status, caught.value.retry_after) == (503, 5)
    assert [await budget.take(10), await budget.take(10)] == [10, 10]
    budget.give(75)
    assert await budget.take(11) == 11


async def test_small_bodies_do_not_wait_behind_large_ones() -> None:
    budget = Budget(100, small=10)
    await budget.take(70)
    large = asyncio.create_task(budget.take(20))
    await asyncio.sleep(0)
    async with asyncio.timeout(0.5):
        assert await budget.take(10) == 10
    budget.give(70)
    assert await large == 20
    assert budget.used == 30


async def test_small_bodies_may_use_all_of_it() -> None:
    budget = Budget(100, small=10, patience=0.05)
    for _ in range(10):
        await budget.take(10)
    with pytest.raises(Rejected):
        await budget.take(1)
    assert budget.used == 100


async def test_what_comes_early_of_small_bodies_has_a_part_that_nobody_else_gets() -> None:
    budget = Budget(80, small=20, early=4, patience=0.05)
    assert [await budget.take(20, of=20) for _ in range(3)] == [20, 20, 20]
    with pytest.raises(Rejected):
        await budget.take(20, of=20)
    assert [await budget.take(4, of=20) for _ in range(5)] == [4] * 5
    with pytest.raises(Rejected):
        await budget.take(4, of=20)
    for size in (20, 20, 20, 4, 4, 4, 4, 4):
        budget.give(size, of=20)
    assert budget.used == 0
    assert await budget.take(70, of=70) == 60, "three quarters"
