"""Questions of ``up`` to its children."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from events.cli import workers
from events.cli.control import Channel
from events.cli.workers import Role


@pytest.fixture
async def ends() -> AsyncIterator[tuple[Channel, Channel]]:
    ours, theirs = socket.socketpair()
    both = await Channel.over(ours), await Channel.over(theirs)
    yield both
    for end in both:
        end.close()


async def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one(ends: tuple[Channel, Channel]) -> None:
    parent, child = ends
    assert await parent.ask({"do": 1}, seconds=0.05) is None
    asking = asyncio.create_task(parent.ask({"do": 2}))
    for _ in range(2):
        question = await child.receive()
        assert question is not None
        await child.send({"answer to": question["do"]})
    assert await asking == {"answer to": 2}


async def test_who_is_gone_gives_no_answer(ends: tuple[Channel, Channel]) -> None:
    parent, child = ends
    child.close()
    assert await parent.ask({"do": 1}) is None


class _Hanging:
    """A worker that gives no answer."""

    def __init__(self) -> None:
        self.signals: list[Any] = []
        self.returncode = None
        self.child = self

    def send(self, number: Any) -> None:
        self.signals.append(number)

    async def unready(self, *, seconds: float = 0) -> list[str] | None:
        await asyncio.sleep(0)
        return None


async def test_a_child_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_ASK_SECONDS", 0.01)
    role = Role("sensor", lambda: None)  # type: ignore[arg-type, return-value]
    worker = _Hanging()
    role.worker = worker  # type: ignore[assignment]
    watch = asyncio.create_task(role._kill_when_hanging())
    async with asyncio.timeout(30):
        while not worker.signals:
            await asyncio.sleep(0)
            if role.hangs:
                assert await role.unready() == ["the sensor process gives no answer"]
    watch.cancel()
    assert worker.signals == [workers.signal.SIGKILL]
