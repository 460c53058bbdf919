"""`up` while its bus is away: each delivery is answered 202 within a second, and arrives once, in order, when the bus is back."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import aiohttp
import pytest

from eventbus import jetstream
from eventbus.messages import DELIVERY_HEADER, header
from events import crashpoints
from tests.support.bus import Server
from tests.support.up import ROOT, RunningUp, eventually, moved, running
from tests.test_guarantees import BODY, HEADERS, child, delivered

WITHIN = 1.0
"""Seconds in which each delivery must be answered."""


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    moved(ROOT / "examples" / "01-github-push", tmp_path / "manifests")
    return tmp_path / "manifests"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(tmp_path / "bus")
    await server.start()
    yield server
    await server.stop()


def options(server: Server, *more: str) -> tuple[str, ...]:
    address = server.address
    url = address.url.replace("//", f"//{address.user}:{address.password}@")
    return ("--nats", url, "--log-format", "json", *more)


def names(start: int, end: int) -> list[str]:
    return [f"d{n:03}" for n in range(start, end)]


async def post(session: aiohttp.ClientSession, up: RunningUp, name: str) -> aiohttp.ClientResponse:
    headers = {**HEADERS, "X-GitHub-Delivery": name}
    async with session.post(up.url("/push"), data=BODY, headers=headers) as response:
        await response.read()
        return response


async def send(up: RunningUp, ids: Iterable[str]) -> list[int]:
    """Signed pushes, one after the other, each answered in time; the statuses."""
    statuses = []
    async with aiohttp.ClientSession() as session:
        for name in ids:
            begin = time.perf_counter()
            statuses.append((await post(session, up, name)).status)
            assert time.perf_counter() - begin < WITHIN
    return statuses


def ask(up: RunningUp, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"{up.admin}{path}") as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def metric(up: RunningUp, name: str) -> float:
    lines = ask(up, "/metrics")[1].splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name}{{"))


def spooled(up: RunningUp) -> float:
    return metric(up, "pointsman_spool_records")


async def arrived(server: Server) -> list[str]:
    """The delivery ids of all messages in the stream, in its order."""
    async with jetstream.connect(server.address, name="test") as bus:
        info = await bus.stream_info()
        assert info is not None
        found = [await bus._api.message("default", {"seq": n}) for n in range(1, info["state"]["last_seq"] + 1)]
    return [header(message[1], DELIVERY_HEADER) for message in found if message is not None]


async def test_an_outage_costs_no_delivery_and_no_time(manifests: Path, tmp_path: Path, server: Server) -> None:
    with running(manifests, folder=tmp_path / "up", options=options(server)) as up:
        assert await send(up, names(0, 5)) == [200] * 5
        await server.stop()
        assert await send(up, names(5, 50)) == [202] * 45
        assert await send(up, names(5, 10)) == [202] * 5, "a redelivery meanwhile"
        assert spooled(up) == metric(up, "pointsman_spool_events_total") == 50
        assert metric(up, "pointsman_spool_oldest_seconds") > 0
        assert metric(up, "pointsman_disk_sync_seconds") > 0
        assert ask(up, "/readyz")[0] == 200

        await server.start()
        eventually(lambda: spooled(up) == 0)
        assert await send(up, names(50, 52)) == [200] * 2
        assert await arrived(server) == names(0, 52)
        eventually(lambda: sorted(delivered(up)) == names(0, 52))
        assert metric(up, "pointsman_spool_forwarded_total") == 50


async def test_kill_9_of_the_sources_loses_nothing_that_is_spooled(
    manifests: Path, tmp_path: Path, server: Server
) -> None:
    with running(manifests, folder=tmp_path / "up", options=options(server)) as up:
        await server.stop()
        assert await send(up, names(0, 10)) == [202] * 10
        pid = child(up, "source")
        os.kill(pid, signal.SIGKILL)
        async with aiohttp.ClientSession() as session:  # it waits for the next process
            assert (await post(session, up, "d010")).status == 202
        assert await send(up, names(11, 20)) == [202] * 9
        assert spooled(up) == 20

        await server.start()
        eventually(lambda: spooled(up) == 0)
        assert await arrived(server) == names(0, 20)
        eventually(lambda: sorted(delivered(up)) == names(0, 20))


@pytest.mark.parametrize(
    "points",
    [
        ("publish.before", "publish.after"),
        ("spool.before", "spool.written", "spool.synced"),
        ("forward.before", "forward.sent", "forward.done"),
    ],
    ids=lambda points: points[0].partition(".")[0],
)
async def test_a_crash_at_any_step_loses_and_doubles_nothing(
    points: tuple[str, ...], manifests: Path, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fired").mkdir()
    monkeypatch.setenv(crashpoints.VARIABLE, ",".join(points))
    monkeypatch.setenv(crashpoints.ONCE, str(tmp_path / "fired"))

    async def insist(ids: Iterable[str]) -> None:
        """A sender that sends again until it is answered."""
        async with aiohttp.ClientSession() as session:
            for name in ids:
                while True:
                    try:
                        assert (await post(session, up, name)).ok
                        break
                    except aiohttp.ClientError:
                        continue

    with running(manifests, folder=tmp_path / "up", options=options(server)) as up:
        await insist(names(0, 5))
        await server.stop()
        await insist(names(5, 300))
        await server.start()
        eventually(lambda: up.process.poll() is None and metric(up, "pointsman_spool_limit_bytes") and not spooled(up))
        await insist(names(300, 302))
        eventually(lambda: sorted(delivered(up)) == names(0, 302))
    assert await arrived(server) == names(0, 302)
    assert sorted(path.name for path in (tmp_path / "fired").iterdir()) == sorted(points)


async def test_what_is_spooled_at_the_end_is_forwarded_by_the_next_start(
    manifests: Path, tmp_path: Path, server: Server
) -> None:
    with running(manifests, folder=tmp_path / "up", options=options(server)) as up:
        await server.stop()
        assert await send(up, names(0, 10)) == [202] * 10
    (segment,) = (up.state / "spool").glob("*/*/*.spool")
    with segment.open("ab") as file:
        file.write(b"\x50\x00\x00\x00 torn by a power cut")

    await server.start()
    with running(manifests, folder=tmp_path / "up", options=options(server)) as up:
        eventually(lambda: sorted(delivered(up)) == names(0, 10))
        assert await arrived(server) == names(0, 10)
        assert "set aside" in up.log
    assert not list((up.state / "spool").glob("*/*/*.spool"))


async def test_a_full_spool_is_told_to_the_sender(manifests: Path, tmp_path: Path, server: Server) -> None:
    with running(manifests, folder=tmp_path / "up", options=options(server, "--spool-size", "64Ki")) as up:
        await server.stop()
        accepted = 0
        async with aiohttp.ClientSession() as session:
            while (response := await post(session, up, f"d{accepted:03}")).status == 202:
                accepted += 1
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0
        assert accepted > 5
        status, why = ask(up, "/readyz")
        assert (status, why.splitlines()[0]) == (503, "the bus is away and the spool is full")

        await server.start()
        eventually(lambda: spooled(up) == 0)
        assert ask(up, "/readyz")[0] == 200
        assert await send(up, names(accepted, accepted + 1)) == [200]
        assert await arrived(server) == names(0, accepted + 1)


async def test_the_answer_says_that_it_is_spooled(manifests: Path, tmp_path: Path, server: Server) -> None:
    with running(manifests, folder=tmp_path / "up", options=options(server)) as up:
        await server.stop()
        async with aiohttp.ClientSession() as session:
            headers = {**HEADERS, "X-GitHub-Delivery": "d"}
            async with session.post(up.url("/push"), data=BODY, headers=headers) as response:
                answer = json.loads(await response.read())
        assert list(answer) == ["id", "status"]
        assert answer["status"] == "spooled"
