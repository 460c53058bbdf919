"""A stream is looked after: what it can lose, what may go, and who holds the rest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from eventbus import trimming
from eventbus.embedded import EmbeddedNats
from eventbus.jetstream import JetStreamBus, connect
from eventbus.keeper import StreamKeeper
from eventbus.stream import OURS, THEIRS, StreamSettings
from events.errors import Unavailable
from tests.support.nats import event, ids, take, until

PUSH = ["default.es.push"]
KILOBYTE = b"x" * 700  # with its envelope


def keeper_of(
    bus: JetStreamBus, settings: StreamSettings = OURS, retention: float = 3600, **options: Any
) -> StreamKeeper:
    return StreamKeeper(bus._api, "default/default", settings, retention=retention, own=True, **options)


async def positions(bus: JetStreamBus) -> tuple[int, int]:
    """First and last."""
    info = await bus.stream_info()
    assert info is not None
    return info["state"]["first_seq"], info["state"]["last_seq"]


async def settled(bus: JetStreamBus, durable: str) -> None:
    async def holds() -> bool:
        info = await bus._api.call(f"CONSUMER.INFO.default.{durable}")
        return not info["num_pending"] and not info["num_ack_pending"]

    await until(holds)


@pytest.fixture(autouse=True)
def no_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trimming.below, "__kwdefaults__", {"margin": 0})


async def test_what_is_old_and_read_goes(bus: JetStreamBus) -> None:
    keeper = keeper_of(bus, retention=0)
    for _ in range(5):
        await bus.publish(event())
    await keeper.look()
    assert await positions(bus) == (1, 5), "what came just now is looked at later"
    await bus.publish(event())
    await keeper.look()
    assert await positions(bus) == (6, 6)
    assert keeper.trimmed == 5


async def test_what_is_young_stays(bus: JetStreamBus) -> None:
    keeper = keeper_of(bus)
    for _ in range(5):
        await bus.publish(event())
    for _ in range(3):
        await keeper.look()
    assert await positions(bus) == (1, 5)


async def test_what_a_durable_consumer_has_not_settled_stays_however_old(bus: JetStreamBus) -> None:
    keeper = keeper_of(bus, retention=0)
    slow = await bus.subscribe("slow", PUSH)
    fast = await bus.subscribe("fast", PUSH)
    for name in ("a", "b", "c"):
        await bus.publish(event(name))
    await take(fast, 3)
    a, b, c = await take(slow, 3, ack=False)
    await a.ack()
    await c.ack()
    await settled(bus, "fast")
    for _ in range(3):
        await keeper.look()
    assert await positions(bus) == (2, 3)
    assert min(keeper.readers, key=lambda one: one.settled) == ("slow", 1, 1)
    await b.ack()
    await settled(bus, "slow")
    for _ in range(2):
        await keeper.look()
    assert (await positions(bus))[0] == 4


async def test_a_sensor_that_is_away_loses_nothing(nats: EmbeddedNats, bus: JetStreamBus) -> None:
    keeper = keeper_of(bus, retention=0)
    await (await bus.subscribe("away", PUSH)).close()
    for name in ("a", "b"):
        await bus.publish(event(name))
    for _ in range(3):
        await keeper.look()
    async with connect(nats.address("default", "default"), name="second") as second:
        assert ids(await take(await second.subscribe("away", PUSH), 2)) == ["a", "b"]


async def test_a_sensor_that_is_gone_holds_nothing_old(bus: JetStreamBus) -> None:
    await (await bus.subscribe("gone", PUSH)).close()
    await bus.publish(event())
    for expected, first in (({"gone"}, 1), (set(), 2)):
        keeper = keeper_of(bus, retention=0, expected=lambda expected=expected: expected)
        for _ in range(2):
            await keeper.look()
        assert (await positions(bus))[0] == first


async def test_a_full_bus_refuses_and_takes_again_when_events_were_read(nats: EmbeddedNats) -> None:
    """DiscardNew protects the unread; the read make room without a hand."""
    settings = StreamSettings(max_bytes=100_000)
    async with connect(nats.address("default", "default"), name="test", stream=settings) as bus:
        await bus.ensure_stream()
        subscription = await bus.subscribe("sensor", PUSH)
        keeper = keeper_of(bus, settings)
        stored = await fill(bus)
        for _ in range(2):
            await keeper.look()
        assert "% of EventBus default/default; sensor has" in keeper.alarm
        assert await positions(bus) == (1, len(stored))
        assert ids(await take(subscription, len(stored))) == stored
        await settled(bus, "sensor")
        for _ in range(2):
            await keeper.look()
        assert not keeper.alarm
        await bus.publish(event(data=KILOBYTE))
        assert 0.5 * settings.max_bytes < keeper.usage.bytes < 0.7 * settings.max_bytes, "no more went than is needed"


async def fill(bus: JetStreamBus) -> list[str]:
    """Publish until the bus is full; the ids of what it has taken."""
    stored: list[str] = []
    while True:
        one = event(data=KILOBYTE)
        try:
            await bus.publish(one)
        except Unavailable:
            return stored
        stored.append(one.id)


async def test_our_stream_is_brought_back_to_what_we_ask_for(bus: JetStreamBus) -> None:
    info = await bus.stream_info()
    assert info is not None
    await bus._api.call(
        "STREAM.UPDATE.default", {**info["config"], "discard": "old", "max_age": 60 * 10**9, "duplicate_window": 10**9}
    )
    await bus.publish(event("kept"))
    keeper = keeper_of(bus, StreamSettings(max_bytes=1 << 30))
    await keeper.look()
    info = await bus.stream_info()
    assert info is not None
    found = info["config"]
    assert (found["discard"], found["max_age"], found["max_bytes"]) == ("new", 0, 1 << 30)
    assert info["state"]["messages"] == 1
    assert keeper.risks == []


async def test_what_cannot_be_brought_back_is_told(nats: EmbeddedNats, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody made the stream anew: its retention cannot be changed, and nothing else of it with the same request."""
    async with connect(nats.address("default", "default"), name="test") as bus:
        await bus._api.create_stream({**OURS.request(), "retention": "workqueue", "max_age": 3600 * 10**9})
        keeper = keeper_of(bus)
        for _ in range(2):
            await keeper.look()
        assert [risk.partition(" drops ")[2][:15] for risk in keeper.risks] == ["events that no ", "events after 1 "]
        assert len([r for r in caplog.records if "can lose events" in r.message]) == 2
        assert len([r for r in caplog.records if "cannot be brought back" in r.message]) == 1


async def test_a_smaller_limit_drops_nothing(bus: JetStreamBus) -> None:
    for _ in range(20):
        await bus.publish(event(data=KILOBYTE))
    await (await bus.subscribe("sensor", PUSH)).close()
    await keeper_of(bus, StreamSettings(max_bytes=5_000)).look()
    assert await positions(bus) == (1, 20)


@asynccontextmanager
async def stream_of_others(nats: EmbeddedNats, **changes: Any) -> AsyncIterator[tuple[JetStreamBus, StreamKeeper]]:
    async with connect(nats.address("default", "default"), name="test") as bus:
        await bus._api.create_stream({**THEIRS.request(), **changes})
        yield bus, StreamKeeper(bus._api, "default/default", OURS, retention=0)


async def test_a_stream_of_others_is_left_as_it_is_with_a_warning(
    nats: EmbeddedNats, caplog: pytest.LogCaptureFixture
) -> None:
    async with stream_of_others(nats, max_msgs=50, storage="memory") as (bus, keeper):
        before = await bus.stream_info()
        await bus.publish(event())
        for _ in range(3):
            await keeper.look()
        after = await bus.stream_info()
        assert before is not None
        assert after is not None
        assert after["config"] == before["config"]
        assert after["state"]["messages"] == 1
        assert len(keeper.risks) == 2
        assert [r.levelname for r in caplog.records if "can lose events" in r.message] == ["WARNING"] * 2
        assert not keeper.own


async def test_a_stream_that_one_of_us_made_is_known_as_ours(bus: JetStreamBus) -> None:
    keeper = StreamKeeper(bus._api, "default/default", OURS, retention=3600)
    await keeper.look()
    assert keeper.own


async def test_our_stream_in_memory_is_told_and_not_touched(nats: EmbeddedNats) -> None:
    async with stream_of_others(nats, storage="memory") as (bus, _):
        keeper = keeper_of(bus)
        await keeper.look()
        assert "kept in memory" in keeper.risks[0]


async def test_a_server_that_does_not_write_through_is_told(nats: EmbeddedNats, bus: JetStreamBus) -> None:
    keeper = keeper_of(bus, server=lambda: nats.ask("VARZ"))
    await keeper.look()
    assert keeper.risks == []
    config = nats.config_file.read_text().replace("sync_interval: always", "")

    async def lazy() -> dict[str, Any]:
        return {"jetstream": {"config": {"sync_interval": 120 * 10**9}}}

    assert "sync_interval" not in config
    keeper = keeper_of(bus, server=lazy)
    await keeper.look()
    assert "power cut" in keeper.risks[0]


async def test_an_outage_does_not_end_the_watch(
    nats: EmbeddedNats, bus: JetStreamBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventbus.keeper.PERIOD", 0.05)
    keeper = keeper_of(bus)
    failed = asyncio.Event()
    call = bus._api.call

    async def fail(*args: Any) -> dict[str, Any]:
        failed.set()
        raise Unavailable("away")

    monkeypatch.setattr(bus._api, "call", fail)
    running = asyncio.create_task(keeper.run())
    await failed.wait()
    monkeypatch.setattr(bus._api, "call", call)
    await bus.publish(event())
    await until(lambda: keeper.usage.events == 1)
    running.cancel()
