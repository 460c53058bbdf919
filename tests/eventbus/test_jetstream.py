"""Publishing, reading, and what happens when the bus goes away."""

import asyncio
import os
import signal
from typing import Any

import pytest

from eventbus.embedded import EmbeddedNats
from eventbus.interface import Address
from eventbus.jetstream import JetStreamBus, connect
from eventbus.nats_config import Credentials
from eventbus.stream import THEIRS, StreamSettings
from events.errors import PointsmanError, Refused, SpecError, Unavailable
from tests.support.nats import event, ids, kill, take, until, until_up


async def config(bus: JetStreamBus) -> dict[str, Any]:
    info = await bus.stream_info()
    assert info is not None
    return dict(info["config"])


async def test_an_event_is_stored_once_under_its_id(bus: JetStreamBus) -> None:
    first = await bus.publish(event("a"))
    assert (first.sequence, first.duplicate) == (1, False)
    assert await bus.publish(event("a")) == (1, True)
    assert await bus.publish(event("b")) == (2, False)


async def test_an_event_is_read_by_its_position(bus: JetStreamBus) -> None:
    stored = await bus.publish(event("a", data=b"\x00\xff"))
    text = await bus.read(stored.sequence)
    assert text == event("a", data=b"\x00\xff").to_json()
    assert await bus.read(stored.sequence + 1) is None


async def test_the_stream_is_the_reference_s_but_loses_nothing(bus: JetStreamBus) -> None:
    ours = await config(bus)
    assert (ours["subjects"], ours["storage"], ours["retention"]) == (["default.*.*"], "file", "limits")
    assert (ours["discard"], ours["max_age"], ours["duplicate_window"]) == ("new", 0, 900 * 10**9)
    assert not ours.get("persist_mode")


async def test_an_existing_stream_is_used_as_it_is(nats: EmbeddedNats) -> None:
    address = nats.address("default", "default")
    async with connect(address, name="theirs", stream=THEIRS) as bus:
        await bus.ensure_stream()
        theirs = await config(bus)
        assert (theirs["discard"], theirs["max_age"], theirs["duplicate_window"]) == ("old", 0, 120 * 10**9)
    async with connect(address, name="ours") as bus:
        await bus.ensure_stream()
        assert await config(bus) == theirs


async def test_a_full_stream_refuses_the_new_event(nats: EmbeddedNats) -> None:
    async with connect(nats.address("default", "default"), name="test", stream=StreamSettings(max_msgs=2)) as bus:
        await bus.ensure_stream()
        await bus.publish(event("a"))
        await bus.publish(event("b"))
        with pytest.raises(Unavailable, match="full"):
            await bus.publish(event("c"))
        assert await bus.read(1)


async def test_publishing_makes_a_missing_stream(nats: EmbeddedNats) -> None:
    async with connect(nats.address("default", "default"), name="test") as bus:
        assert (await bus.publish(event())).sequence == 1


async def test_a_big_event_passes_and_a_huge_one_is_refused_without_harm(bus: JetStreamBus) -> None:
    big = event(data=b"x" * (5 << 20))
    stored = await bus.publish(big)
    assert await bus.read(stored.sequence) == big.to_json()
    with pytest.raises(Refused, match="more than the bus takes"):
        await bus.publish(event(data=b"x" * (7 << 20)))
    assert bus.is_up


async def test_a_name_that_is_no_subject_is_refused(bus: JetStreamBus) -> None:
    with pytest.raises(SpecError):
        await bus.publish(event(name="a.b"))


@pytest.mark.parametrize("text", ["a\r\nX: y", "ü\x00\x7f", "\udcff", "x" * 2000, " "])
async def test_ids_of_others_cannot_break_the_headers(bus: JetStreamBus, text: str) -> None:
    await bus.subscribe("all", ["default.es.push"])
    subscription = await bus.subscribe("sensor", ["default.es.push"])
    assert not (await bus.publish(event(), delivery_id=text)).duplicate
    (message,) = await take(subscription, 1)
    assert message.delivery_id.strip().isprintable()
    assert "X" not in message.delivery_id or "%0D%0AX" in message.delivery_id


async def test_many_at_once_are_all_stored_in_some_order(bus: JetStreamBus) -> None:
    stored = await asyncio.gather(*(bus.publish(event()) for _ in range(500)))
    assert sorted(one.sequence for one in stored) == list(range(1, 501))


# nats-py drops the socket of a server that was killed between its connection and its greeting, and leaves closing it to the collector.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <function StreamWriter:pytest.PytestUnraisableExceptionWarning"
)
async def test_nothing_acknowledged_is_lost_by_kill_9(nats: EmbeddedNats, bus: JetStreamBus) -> None:
    acknowledged: set[str] = set()

    async def publish(name: str) -> None:
        try:
            await bus.publish(event(name))
        except Unavailable:
            return
        acknowledged.add(name)

    async def publish_many(worker: int) -> None:
        for number in range(60):
            await publish(f"{worker}-{number}")

    subscription = await bus.subscribe("sensor", ["default.es.push"])
    async with asyncio.TaskGroup() as group:
        for worker in range(8):
            group.create_task(publish_many(worker))
        for _ in range(2):
            await asyncio.sleep(0.05)
            await kill(nats)
            await until_up(nats)
    assert acknowledged
    read: set[str] = set()
    while not acknowledged <= read:
        read.update(ids(await take(subscription, 1)))
    info = await bus.stream_info()
    assert info is not None
    stored = info["state"]["messages"]
    # Those whose acknowledgement was lost may come last; for a second copy of one this waits in vain.
    while len(read) < stored:
        read.update(ids(await take(subscription, 1)))
    assert stored == len(read), "each event is there once"


async def test_a_short_restart_passes_unseen(nats: EmbeddedNats, bus: JetStreamBus) -> None:
    await kill(nats)
    assert (await bus.publish(event("a"))).duplicate is False


async def test_without_a_bus_publishing_fails_in_time_and_works_again_later(
    nats: EmbeddedNats, bus: JetStreamBus
) -> None:
    loop = asyncio.get_running_loop()
    os.kill(nats.pid, signal.SIGSTOP)
    began = loop.time()
    with pytest.raises(Unavailable, match="no answer within 2 s"):
        await bus.publish(event("hangs"))
    assert loop.time() - began < 2.5
    os.kill(nats.pid, signal.SIGCONT)
    assert await bus.publish(event("hangs"))


async def test_a_long_outage_costs_each_publish_no_time(nats: EmbeddedNats) -> None:
    loop = asyncio.get_running_loop()
    async with connect(nats.address("default", "default"), name="test", request_timeout=0.3) as bus:
        await bus.ensure_stream()
        await nats.__aexit__(None, None, None)
        began = loop.time()
        with pytest.raises(Unavailable):
            await bus.publish(event())
        assert loop.time() - began < 0.4
        await asyncio.sleep(0.4)
        began = loop.time()
        for call in (
            bus.publish(event()),
            bus.read(1),
            bus.ensure_stream(),
            bus.state("x_y"),
            bus.subscribe("c", ["default.a.b"]),
        ):
            with pytest.raises(Unavailable):
                await call
        assert loop.time() - began < 0.2
        async with nats:
            await until(lambda: bus.is_up)
            assert await bus.publish(event())


async def test_no_bus_at_all_is_unavailable() -> None:
    with pytest.raises(Unavailable, match=r"no bus at nats://127\.0\.0\.1:1"):
        async with connect(Address("nats://127.0.0.1:1"), name="test", connect_timeout=0.3):
            pass


async def test_a_bad_url_is_an_error_of_ours() -> None:
    for url in ("", "nats://", "nats://[", "nats://host:port", "http:///x"):
        with pytest.raises(PointsmanError):
            async with connect(Address(url), name="test", connect_timeout=0.3):
                pass


async def test_a_connection_that_the_server_closes_for_good_is_opened_anew(nats: EmbeddedNats) -> None:
    """The password changes and changes back: nats-py gives up at the first refusal."""
    good = nats._credentials["other__default"]

    def change(credentials: Credentials) -> None:
        nats._credentials["other__default"] = credentials
        nats._write_files()
        os.kill(nats.pid, signal.SIGHUP)

    async with connect(nats.address("other", "default"), name="test", request_timeout=1) as bus:
        await bus.ensure_stream()
        subscription = await bus.subscribe("sensor", ["default.es.push"])
        change(Credentials(good.user, "another"))
        await until(lambda: not bus.is_up)
        with pytest.raises(Unavailable):
            await bus.publish(event())
        change(good)
        await until(lambda: bus.is_up)
        await bus.publish(event("again"))
        assert "again" in ids(await take(subscription, 1))
