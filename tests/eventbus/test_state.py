"""The KV state of a sensor."""

import pytest

from eventbus import subjects
from eventbus.embedded import EmbeddedNats
from eventbus.jetstream import JetStreamBus, connect
from events.errors import SpecError
from tests.support.nats import kill


async def test_values_are_kept_replaced_and_forgotten(bus: JetStreamBus) -> None:
    state = await bus.state(subjects.bucket("ns", "sensor"))
    key = subjects.key("trigger", "dep one")
    assert await state.get(key) is None
    await state.put(key, b"\x00one")
    await state.put(key, b"two")
    assert await state.get(key) == b"two"
    await state.delete(key)
    assert await state.get(key) is None
    await state.put(key, b"")
    assert await state.get(key) == b""


async def test_create_wins_once(bus: JetStreamBus) -> None:
    state = await bus.state("ledger")
    assert await state.create("a", b"first")
    assert not await state.create("a", b"second")
    assert await state.get("a") == b"first"


async def test_a_bucket_that_the_bus_has_lost_is_made_anew(bus: JetStreamBus) -> None:
    state = await bus.state("b")
    writes = (
        lambda: state.put("key", b"new"),
        lambda: state.create("key", b"new"),
        lambda: state.update("key", b"new", 0),
    )
    for write in writes:
        await bus.api.call("STREAM.DELETE.KV_b")
        assert await state.get("key") is None
        await write()
        assert await state.get("key") == b"new"


async def test_values_survive_kill_9_and_other_connections_see_them(nats: EmbeddedNats, bus: JetStreamBus) -> None:
    state = await bus.state("b")
    await state.put("key", b"value")
    await kill(nats)
    assert await state.get("key") == b"value"
    async with connect(nats.address("default", "default"), name="second") as second:
        assert await (await second.state("b")).get("key") == b"value"


@pytest.mark.parametrize("key", ["", "a b", "a.", ".a", "a..b", "*", "a>", "ü"])
async def test_what_is_no_key_is_refused(bus: JetStreamBus, key: str) -> None:
    state = await bus.state("b")
    with pytest.raises(SpecError):
        await state.put(key, b"")


@pytest.mark.parametrize("bucket", ["", "a.b", "a b", "*"])
async def test_what_is_no_bucket_is_refused(bus: JetStreamBus, bucket: str) -> None:
    with pytest.raises(SpecError):
        await bus.state(bucket)


async def test_a_look_makes_no_bucket(bus: JetStreamBus) -> None:
    assert await bus.peek("b", "key") is None
    assert await bus._api.find("STREAM.INFO.KV_b") is None
    await (await bus.state("b")).put("key", b"value")
    assert await bus.peek("b", "key") == b"value"
