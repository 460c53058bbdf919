"""A server that has stopped storing."""

import asyncio
import errno
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from eventbus import watchdog as module
from eventbus.disk import Disk
from eventbus.embedded import EmbeddedNats
from eventbus.jetstream import JetStreamBus
from eventbus.watchdog import ServerWatchdog
from events.errors import Unavailable
from tests.support.nats import event, ids, take, until


class FullDisk(Disk):
    """A disk that takes nothing while it is full."""

    full = True

    def write(self, descriptor: int, data: bytes) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(descriptor, data)


class Server:
    """Answers with what ``health`` is."""

    def __init__(self, folder: Path) -> None:
        self.health: dict[str, Any] | None = {"status": "ok"}
        self.signals: list[signal.Signals] = []
        self.disk = FullDisk()
        self.watchdog = ServerWatchdog(folder, self.ask, self.signals.append, disk=self.disk)
        self.watchdog.go_on()

    async def ask(self, topic: str) -> dict[str, Any] | None:
        return self.health

    async def look(self) -> None:
        await self.watchdog.look()
        self.watchdog.go_on()


async def test_a_start_waits_until_it_can_help(tmp_path: Path) -> None:
    server = Server(tmp_path)
    await server.look()
    assert not server.watchdog.trouble
    server.health = {"status": "unavailable", "error": "write error"}
    await server.look()
    assert "No space left on device" in server.watchdog.trouble
    assert not server.signals
    server.disk.full = False
    await server.look()
    assert server.signals == [signal.SIGTERM]
    await server.look()
    assert server.signals == [signal.SIGTERM], "another start at once would not help"
    server.health = {"status": "ok"}
    await server.look()
    assert not server.watchdog.trouble
    assert not list(tmp_path.iterdir())


async def test_a_disk_that_is_full_again_and_again_is_waited_for_no_longer_each_time(tmp_path: Path) -> None:
    server = Server(tmp_path)
    for round_number in range(1, 8):
        server.disk.full = True
        server.health = {"status": "unavailable", "error": "write error"}
        await server.look()
        server.disk.full = False
        await server.look()
        assert len(server.signals) == round_number
        server.health = {"status": "ok"}
        await server.look()
        assert not server.watchdog.trouble


async def test_a_server_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 3)
    server = Server(tmp_path)
    server.health = None
    for _ in range(3):
        assert not server.signals
        await server.watchdog.look()
    assert server.signals == [signal.SIGKILL]
    assert "no good answer" in server.watchdog.trouble


async def test_a_slow_machine_alone_is_no_reason_for_a_start(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.disk.full = False
    busy = {"status": "unavailable", "error": "failed to be ready for connections after 1ms: server: not ready"}
    for health in (busy, busy, {"status": "ok"}, busy, {"status": "unavailable", "error": "once"}, {"status": "ok"}):
        server.health = health
        await server.look()
    assert not server.signals
    assert not server.watchdog.trouble


async def test_the_end_of_a_trouble_is_told_with_what_it_was(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = Server(tmp_path)
    server.health = {"status": "unavailable", "error": "write error"}
    await server.look()
    server.health = {"status": "ok"}
    with caplog.at_level("INFO"):
        await server.look()
    assert "well again" in caplog.text
    assert "No space left" in caplog.text


async def publish_until_refused(bus: JetStreamBus) -> list[str]:
    """The ids of the events that were acknowledged."""
    acknowledged: list[str] = []
    while True:
        one = event(data=b"x" * 100_000)
        try:
            await bus.publish(one)
        except Unavailable:
            return acknowledged
        acknowledged.append(one.id)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are Linux's")
async def test_an_error_of_the_disk_ends_when_its_cause_ends(
    nats: EmbeddedNats, bus: JetStreamBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server may not write larger files, as if its disk were full; a fresh one may again."""
    monkeypatch.setattr(module, "_PERIOD", 0.1)
    disk = FullDisk()
    nats._watchdog._disk = disk
    subscription = await bus.subscribe("sensor", ["default.es.push"])
    hard = resource.prlimit(nats.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(nats.pid, resource.RLIMIT_FSIZE, (1 << 20, hard))
    acknowledged = await publish_until_refused(bus)
    await until(lambda: "No space left on device" in nats.trouble)
    with pytest.raises(Unavailable):
        await bus.publish(event())
    disk.full = False
    async with asyncio.timeout(30):
        while True:
            try:
                await bus.publish(event("after"))
                break
            except Unavailable:
                pass
    await until(lambda: not nats.trouble)
    read: list[str] = []
    while "after" not in read:
        read += ids(await take(subscription, 1))
    assert set(acknowledged) <= set(read)


async def test_the_server_says_how_it_writes(nats: EmbeddedNats) -> None:
    told = await nats.ask("VARZ")
    assert told is not None
    assert told["jetstream"]["config"]["sync_always"] is True
    assert await nats.ask("NONSENSE") is None


async def test_who_asks_gets_the_answer_to_that_question(nats: EmbeddedNats) -> None:
    """Also when others ask at the same time: other figures in the place of the server's health would be an alarm."""
    answers = await asyncio.gather(*(nats.ask(topic) for topic in ("VARZ", "HEALTHZ") * 20))
    assert ["status" in (one or {}) for one in answers] == [False, True] * 20
