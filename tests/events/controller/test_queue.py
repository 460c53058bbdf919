from __future__ import annotations

import asyncio

from events.controller.names import Key
from events.controller.queue import Queue

A, B = Key("Sensor", "n", "a"), Key("Sensor", "n", "b")


async def test_a_key_that_waits_comes_once() -> None:
    queue = Queue()
    for key in (A, B, A):
        queue.add(key)

    assert [await queue.take(), await queue.take()] == [A, B]
    assert len(queue) == 0


async def test_a_key_is_worked_on_by_one_and_comes_again_when_it_changed_meanwhile() -> None:
    queue = Queue()
    queue.add(A)
    assert await queue.take() == A
    queue.add(A)
    assert len(queue) == 0
    assert not queue.idle

    queue.done(A)

    assert await queue.take() == A


async def test_failures_in_a_row_make_the_pause_longer_and_success_ends_that() -> None:
    queue = Queue(first=0.01, cap=1000)
    pauses = []
    for _ in range(12):
        queue.add(A)
        pauses.append(queue.failed(await queue.take()))
    assert pauses[-1] > 10 * pauses[0]
    assert queue.failures(A) == 12

    queue.add(A)
    queue.done(await queue.take())

    assert queue.failures(A) == 0


async def test_a_failed_key_comes_back_by_itself() -> None:
    queue = Queue(first=0.001)
    queue.add(A)
    queue.failed(await queue.take())

    assert await asyncio.wait_for(queue.take(), 30) == A


async def test_a_change_ends_the_pause_of_a_failed_key() -> None:
    queue = Queue(first=1000)
    queue.add(A)
    queue.failed(await queue.take())

    queue.add(A)

    assert await asyncio.wait_for(queue.take(), 30) == A
    queue.clear()


async def test_one_failing_key_does_not_hold_up_others() -> None:
    queue = Queue(first=1000)
    queue.add(A)
    queue.failed(await queue.take())
    queue.add(B)

    assert await asyncio.wait_for(queue.take(), 30) == B
    queue.clear()
