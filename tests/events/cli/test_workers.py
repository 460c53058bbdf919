"""Child processes that are told to end while they start."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys

import pytest

from events.cli import workers
from events.cli.worker import _report
from events.cli.workers import Role, Worker
from tests.support.waiting import until
from tests.test_starting import children


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells of children")
async def test_a_child_whose_start_is_given_up_does_not_go_on_alone() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    starting = asyncio.create_task(Worker.start("sensor", {}))
    while not children(os.getpid(), "sensor"):
        await asyncio.sleep(0.01)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert children(os.getpid(), "sensor") == []
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells of children")
async def test_a_role_that_stops_waits_for_the_child_that_it_was_starting_again() -> None:
    async def configure() -> tuple[dict[str, object], list[object]]:
        return {}, []

    role = Role("sensor", configure)  # type: ignore[arg-type]
    role._tasks = [asyncio.create_task(Worker.start("sensor", {}))]  # type: ignore[list-item]
    while not children(os.getpid(), "sensor"):
        await asyncio.sleep(0.01)
    await role.stop()
    assert children(os.getpid(), "sensor") == []


@pytest.mark.parametrize("changed", [False, True])
async def test_a_child_that_cannot_be_started_now_is_started_later(
    monkeypatch: pytest.MonkeyPatch, changed: bool
) -> None:
    class Process:
        def __init__(self, *, ended: bool) -> None:
            self.returncode = -9 if ended else None

        async def wait(self) -> int:
            if self.returncode is None:
                await asyncio.Event().wait()
            return -9

        async def stop(self, grace: float = 0.0) -> None:
            """It has ended."""

    class Silent:
        async def send(self, message: object) -> None:
            """Nobody reads it."""

        def close(self) -> None:
            """Nothing to do."""

    failures = [
        OSError(errno.EMFILE, "too many open files"),
        RuntimeError("can't start new thread"),
        BlockingIOError(errno.EAGAIN, "no more processes"),
    ]

    async def start(*_: object) -> Worker:
        if failures:
            raise failures.pop()
        return Worker("sensor", Process(ended=False), None)  # type: ignore[arg-type]

    async def configure() -> tuple[dict[str, object], list[object]]:
        return {}, []

    monkeypatch.setattr(Worker, "start", start)
    monkeypatch.setattr(workers, "_BACKOFF", (0.001, 0.001))
    role = Role("sensor", configure)  # type: ignore[arg-type]
    role.worker = Worker("sensor", Process(ended=True), Silent())  # type: ignore[arg-type]
    watch = asyncio.create_task(role._restart_when_dead())
    if changed:
        with pytest.raises(Exception, match=r"too many|no more|can't start"):
            await role.change(overlap=False)
    await until(lambda: role.is_up or watch.done())
    assert role.is_up
    watch.cancel()


async def test_a_child_whose_parent_is_gone_does_not_complain(capsys: pytest.CaptureFixture[str]) -> None:
    class Gone:
        async def send(self, message: dict[str, object]) -> None:
            raise ConnectionResetError

    await _report(Gone(), "no bus at nats://127.0.0.1:1: Connection refused")  # type: ignore[arg-type]
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "")
