"""Whatever the bus does, what was published arrives: once, and in the order in which it was accepted."""

import asyncio
import errno
import itertools
import json
import os
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from eventbus import spooling
from eventbus.connection import Reply
from eventbus.forwarder import PROBE_SECONDS, Forwarder
from eventbus.interface import Address
from eventbus.metrics import SpoolMetrics
from eventbus.records import Record
from eventbus.rejects import Rejects
from eventbus.spool import Spool, SpoolFailed, SpoolFull
from eventbus.spooling import SpoolingBus
from eventbus.stream import OURS, StreamSettings
from events.errors import Refused, Unavailable
from tests.support.bus import Server
from tests.support.nats import event

WITHIN = 1.0
"""Seconds in which each delivery must be answered."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(tmp_path / "bus")
    await server.start()
    yield server
    await server.stop()


def connect(server: Server, tmp_path: Path, *, limit: int = 1 << 30, stream: StreamSettings = OURS) -> Any:
    return spooling.connect(server.address, name="test", folder=tmp_path / "spool", limit=limit, stream=stream)


async def publish(bus: SpoolingBus, ids: Sequence[str]) -> list[bool]:
    """One after the other, each within its time; whether they were spooled."""
    spooled = []
    for identity in ids:
        async with asyncio.timeout(WITHIN):
            spooled.append((await bus.publish(event(identity))).spooled)
    return spooled


async def drained(bus: SpoolingBus) -> None:
    async with asyncio.timeout(20):
        await bus.spool.wait_empty()


def names(start: int, end: int) -> list[str]:
    return [f"e{n:04}" for n in range(start, end)]


async def test_with_the_bus_there_nothing_is_spooled(server: Server, tmp_path: Path) -> None:
    async with connect(server, tmp_path) as bus:
        await bus.ensure_stream()
        assert await bus.publish(event("a")) == (1, False)
        assert await bus.publish(event("a")) == (1, True)
        assert not (tmp_path / "spool").exists()


async def test_events_of_an_outage_arrive_once_and_in_order(server: Server, tmp_path: Path) -> None:
    async with connect(server, tmp_path) as bus:
        await bus.ensure_stream()
        assert await publish(bus, names(0, 5)) == [False] * 5
        await server.stop()
        assert await publish(bus, names(5, 100)) == [True] * 95
        assert bus.spool.records == 95
        await server.start()
        during = await publish(bus, names(100, 300))
        await drained(bus)
        assert await publish(bus, names(300, 301)) == [False]
        assert await server.stored() == names(0, 301)
        assert during[0], "it waits behind what came before"
        assert bus.forwarder.forwarded == 95 + sum(during)
        assert not list((tmp_path / "spool").glob("*/*"))


async def test_many_at_once_are_spooled_within_the_time(server: Server, tmp_path: Path) -> None:
    async with connect(server, tmp_path) as bus:
        await bus.ensure_stream()
        await server.stop()
        async with asyncio.timeout(WITHIN):
            await asyncio.gather(*(bus.publish(event(name)) for name in names(0, 500)))
        await server.start()
        await drained(bus)
        assert await server.stored() == names(0, 500)


async def test_a_bus_that_hangs_costs_nobody_more_than_a_moment(server: Server, tmp_path: Path) -> None:
    async with connect(server, tmp_path) as bus:
        await bus.ensure_stream()
        await server.signal(signal.SIGSTOP)
        try:
            async with asyncio.timeout(WITHIN):
                at_once = await asyncio.gather(*(bus.publish(event(name)) for name in names(0, 20)))
            assert all(one.spooled for one in at_once)
            assert all(await publish(bus, names(20, 60)))
            assert bus.unready() == ""
            assert bus.warning() == "the bus gives no answer; 60 events wait in the spool"
        finally:
            os.kill(server.pid, signal.SIGCONT)
        await drained(bus)
        assert bus.warning() == ""
        assert await server.stored() == names(0, 60)


async def test_a_bus_that_is_killed_under_load_loses_and_doubles_nothing(server: Server, tmp_path: Path) -> None:
    async with connect(server, tmp_path) as bus:
        await bus.ensure_stream()
        spooled = 0
        for start in range(0, 600, 100):
            if start in (100, 300):
                await server.signal(signal.SIGKILL)  # its supervisor starts it again
            async with asyncio.timeout(WITHIN * 2):
                answers = await asyncio.gather(*(bus.publish(event(name)) for name in names(start, start + 100)))
            spooled += sum(one.spooled for one in answers)
        await drained(bus)
        assert spooled
        assert sorted(await server.stored()) == names(0, 600)


async def test_after_an_outage_the_bus_is_used_again_although_events_never_cease(
    server: Server, tmp_path: Path
) -> None:
    async with connect(server, tmp_path) as bus:
        await bus.ensure_stream()
        await server.stop()
        await publish(bus, names(0, 300))
        await server.start()

        async def send(sender: int) -> None:
            count = 0
            while (await bus.publish(event(f"s{sender}-{count}"))).spooled:
                count += 1

        async with asyncio.timeout(120):
            await asyncio.gather(*map(send, range(8)))
        assert (await server.stored())[:300] == names(0, 300)


async def test_a_process_may_start_and_end_without_the_bus(server: Server, tmp_path: Path) -> None:
    await server.stop()
    async with connect(server, tmp_path) as bus:
        with pytest.raises(Unavailable):
            await bus.ensure_stream()
        assert await publish(bus, names(0, 20)) == [True] * 20
    async with connect(server, tmp_path) as bus:
        assert await publish(bus, names(20, 40)) == [True] * 20
        await server.start()
        await drained(bus)
        assert await server.stored() == names(0, 40)


async def test_at_the_end_what_is_spooled_is_forwarded_if_the_bus_is_there(server: Server, tmp_path: Path) -> None:
    async with connect(server, tmp_path) as bus:
        await bus.ensure_stream()
        await server.stop()
        await publish(bus, names(0, 5))
        await server.start()
        async with asyncio.timeout(20):
            await bus._connection.wait_up()
    assert await server.stored() == names(0, 5)


@pytest.mark.parametrize(
    "refusal",
    [
        {"code": 400, "err_code": 10002, "description": "resource limits exceeded for account"},
        {"code": 409, "err_code": 10158, "description": "duplicate message id is in process"},
        {"code": 503, "err_code": 10077, "description": "maximum bytes exceeded"},
    ],
    ids=lambda refusal: refusal["description"],
)
async def test_what_the_bus_may_take_later_is_kept(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: dict[str, Any]
) -> None:
    """An account that is full (its size is not that of the stream), or one of several servers that is at the same event still."""
    async with connect(server, tmp_path) as bus:
        await bus.ensure_stream()
        refused = iter(range(3))
        request = bus._connection.request

        async def busy(subject: str, *args: Any, **options: Any) -> Any:
            if subject.startswith("default.") and next(refused, None) is not None:
                return Reply(0, json.dumps({"stream": "default", "seq": 0, "error": refusal}).encode())
            return await request(subject, *args, **options)

        monkeypatch.setattr(bus._connection, "request", busy)
        assert await publish(bus, ["a"]) == [True]
        await drained(bus)
        assert not list(refused)
        assert await server.stored() == ["a"]
        assert bus.rejects.count == 0


async def test_wrong_credentials_are_told_at_once(server: Server, tmp_path: Path) -> None:
    server.address = Address(server.address.url, "nobody", "wrong")
    with pytest.raises(Refused, match="nobody"):
        async with connect(server, tmp_path):
            pass


async def test_a_full_spool_refuses_and_is_not_ready(server: Server, tmp_path: Path) -> None:
    async with connect(server, tmp_path, limit=10_000) as bus:
        await bus.ensure_stream()
        await server.stop()
        assert bus.unready() == ""
        await asyncio.gather(*(bus.publish(event(data=b"x" * 2200)) for _ in range(3)))
        with pytest.raises(SpoolFull) as full:
            await bus.publish(event(data=b"x" * 2200))
        assert full.value.retry_after
        assert bus.unready() == "the bus is away and the spool is full"
        await server.start()
        await drained(bus)
        assert bus.unready() == ""
        assert not (await bus.publish(event())).spooled


async def test_what_refuses_a_delivery_is_not_ready_until_it_takes_one(server: Server, tmp_path: Path) -> None:
    async with connect(server, tmp_path, limit=20_000) as bus:
        await bus.ensure_stream()
        await server.stop()
        await bus.publish(event(data=b"x" * 6000))
        assert bus.unready() == ""
        with pytest.raises(SpoolFull):  # though a good part of it is free
            await bus.publish(event(data=b"x" * 12_000))
        assert bus.unready() == "the bus is away and the spool is full"
        await bus.publish(event())
        assert bus.unready() == ""


async def test_a_disk_that_is_full_is_not_ready_also_while_the_bus_is_connected(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stores_nothing(*_: object) -> None:
        raise Unavailable("the bus stores nothing")

    def takes_nothing(descriptor: int, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with connect(server, tmp_path) as bus:
        await bus.ensure_stream()
        monkeypatch.setattr(bus._api, "store", stores_nothing)
        monkeypatch.setattr(bus.spool.disk, "write", takes_nothing)
        with pytest.raises(SpoolFailed):
            await bus.publish(event())
        assert bus.is_up
        assert "No space left" in bus.unready()
        monkeypatch.undo()
        assert not (await bus.publish(event())).spooled
        assert bus.unready() == ""


async def test_a_bus_that_is_full_is_waited_for(server: Server, tmp_path: Path) -> None:
    async with connect(server, tmp_path, stream=StreamSettings(max_msgs=2)) as bus:
        await bus.ensure_stream()
        assert await publish(bus, ["a", "b", "c", "d"]) == [False, False, True, True]
        assert bus.rejects.count == 0
        await bus._api.call("STREAM.PURGE.default")
        await drained(bus)
        assert await server.stored() == ["c", "d"]


async def test_what_the_bus_refuses_for_good_is_kept_and_blocks_nothing(server: Server, tmp_path: Path) -> None:
    async with connect(server, tmp_path) as bus:
        await bus.ensure_stream()
        await server.stop()
        with pytest.raises(Refused, match="more than the bus takes"):
            await bus.publish(event(data=b"x" * (7 << 20)))
        await publish(bus, ["a"])
        await bus.publish(event("big", data=b"x" * 200_000), delivery_id="d-1")
        await publish(bus, ["b"])
        await server.start(max_payload=100_000)
        await drained(bus)
        assert await server.stored() == ["a", "b"]
        (line,) = (tmp_path / "spool" / "rejected.jsonl").read_text().splitlines()
        kept = json.loads(line)
        assert kept["event"]["id"] == kept["headers"]["Nats-Msg-Id"] == "big"
        assert kept["headers"]["Pointsman-Delivery-Id"] == "d-1"
        assert "more than the bus takes" in kept["error"]


async def test_a_stream_that_was_removed_is_made_again(server: Server, tmp_path: Path) -> None:
    async with connect(server, tmp_path) as bus:
        await bus.ensure_stream()
        await bus._api.call("STREAM.DELETE.default")
        await publish(bus, names(0, 3))
        await drained(bus)
        assert await server.stored() == names(0, 3)


async def test_a_subject_that_the_stream_is_not_meant_to_take_blocks_no_other(server: Server, tmp_path: Path) -> None:
    async with connect(server, tmp_path, stream=StreamSettings(subjects="default.es.*")) as bus:
        await bus.ensure_stream()
        await bus.publish(event("a", source="other"))
        await publish(bus, ["b"])
        await drained(bus)
        assert await server.stored() == ["b"]
        assert bus.rejects.count == 1
        assert "does not take default.other.push" in bus.rejects.path.read_text()


async def test_events_wait_for_a_stream_that_cannot_be_made(server: Server, tmp_path: Path) -> None:
    async with connect(server, tmp_path) as bus:
        await bus._api.create_stream(StreamSettings(name="squatter", subjects="default.other.*").request())
        await publish(bus, ["a", "b"])
        assert bus.rejects.count == 0
        await bus._api.call("STREAM.DELETE.squatter")
        await drained(bus)
        assert await server.stored() == ["a", "b"]
        assert bus.rejects.count == 0


async def test_a_bus_that_refuses_is_probed_with_one_event_a_second(tmp_path: Path) -> None:
    tried: list[tuple[float, str]] = []
    loop = asyncio.get_running_loop()

    async def send(subject: str, headers: dict[str, str], data: bytes) -> None:
        tried.append((loop.time(), headers["Nats-Msg-Id"]))
        if len(tried) <= 2:
            raise Unavailable("not now")

    async def up() -> None:
        pass

    async with Spool(tmp_path) as spool:
        for name in names(0, 50):
            await spool.append(Record(1, "default.es.push", {"Nats-Msg-Id": name}, b"{}"))
        forwarding = asyncio.create_task(Forwarder(spool, Rejects(tmp_path, spool.disk), send, up).run())
        async with asyncio.timeout(20):
            await spool.wait_empty()
        forwarding.cancel()
    assert [name for _, name in tried] == ["e0000", "e0000", *names(0, 50)]
    for (before, _), (after, _) in itertools.pairwise(tried[:3]):
        assert after - before >= PROBE_SECONDS * 0.99


async def test_the_metrics_tell_what_waits(server: Server, tmp_path: Path) -> None:
    metrics = SpoolMetrics()
    await metrics.measure(tmp_path / "spool")
    async with connect(server, tmp_path) as bus:
        metrics.buses["default", "main"] = bus
        await bus.ensure_stream()
        await server.stop()
        await publish(bus, names(0, 3))
        found = {
            sample.name: sample.value
            for family in metrics.collect()
            for sample in family.samples
            if sample.labels in ({"namespace": "default", "eventbus": "main"}, {"quantile": "0.99"})
        }
        assert found["pointsman_spool_records"] == found["pointsman_spool_events_total"] == 3
        assert found["pointsman_spool_bytes"] == bus.spool.bytes > 0
        assert found["pointsman_spool_oldest_seconds"] > 0
        assert found["pointsman_disk_sync_seconds"] > 0
