"""Pulling: nothing is lost, nothing stalls."""

import asyncio
from typing import Any

import pytest

from eventbus import subscription as module
from eventbus.embedded import EmbeddedNats
from eventbus.jetstream import JetStreamBus, connect
from tests.support.nats import event, ids, kill, take, until, until_up

PUSH = ["default.es.push"]


async def info(bus: JetStreamBus, durable: str) -> dict[str, Any]:
    return await bus._api.call(f"CONSUMER.INFO.default.{durable}")


async def settled(bus: JetStreamBus, durable: str, position: int) -> None:
    """Wait until everything up to this position is settled."""

    async def holds() -> bool:
        found = await info(bus, durable)
        return bool(found["ack_floor"]["stream_seq"] == position)

    await until(holds, 10)


async def test_a_message_says_where_it_comes_from(bus: JetStreamBus) -> None:
    subscription = await bus.subscribe("sensor", PUSH)
    stored = await bus.publish(event("a"), delivery_id="d-1")
    (message,) = await take(subscription, 1)
    assert (message.subject, message.sequence, message.deliveries) == ("default.es.push", stored.sequence, 1)
    assert message.delivery_id == "d-1"
    assert 1.7e18 < message.timestamp < 1e19
    assert message.data == event("a").to_json()


async def test_a_new_sensor_does_not_replay_old_events(bus: JetStreamBus) -> None:
    await bus.publish(event("old"))
    subscription = await bus.subscribe("sensor", PUSH)
    await bus.publish(event("new"))
    assert ids(await take(subscription, 1)) == ["new"]


async def test_only_the_subjects_asked_for_arrive(bus: JetStreamBus) -> None:
    subscription = await bus.subscribe("sensor", ["default.es.push", "default.es.tag", "default.es.push"])
    for name in ("push", "other", "tag"):
        await bus.publish(event(name, name=name))
    assert ids(await take(subscription, 2)) == ["push", "tag"]


async def test_a_batch_is_never_larger_than_asked_for(bus: JetStreamBus) -> None:
    subscription = await bus.subscribe("sensor", PUSH, batch=10)
    await asyncio.gather(*(bus.publish(event()) for _ in range(95)))
    seen = 0
    async with asyncio.timeout(20):
        async for batch in subscription.batches():
            assert 1 <= len(batch) <= 10
            for message in batch:
                await message.ack()
            seen += len(batch)
            if seen == 95:
                break
    await settled(bus, "sensor", 95)


async def test_the_next_batch_is_on_its_way_while_one_is_at_work(bus: JetStreamBus) -> None:
    subscription = await bus.subscribe("sensor", PUSH, batch=10)
    await asyncio.gather(*(bus.publish(event()) for _ in range(40)))
    batches = subscription.batches()
    first = await anext(batches)

    async def prefetched() -> bool:
        return bool((await info(bus, "sensor"))["num_ack_pending"] == len(first) + 10)

    await until(prefetched)
    await batches.aclose()  # type: ignore[attr-defined]


async def test_what_was_not_settled_comes_again_after_a_restart(nats: EmbeddedNats, bus: JetStreamBus) -> None:
    subscription = await bus.subscribe("sensor", PUSH)
    await bus.publish(event("settled"))
    await bus.publish(event("open"))
    for message in await take(subscription, 2, ack=False):
        if message.sequence == 1:
            await message.ack()
        else:
            await message.nak()
    await settled(bus, "sensor", 1)
    await subscription.close()
    async with connect(nats.address("default", "default"), name="second") as second:
        again = await take(await second.subscribe("sensor", PUSH), 1)
        assert ids(again) == ["open"]
        assert again[0].deliveries >= 2


async def test_nak_delivers_again_after_its_delay(bus: JetStreamBus) -> None:
    loop = asyncio.get_running_loop()
    subscription = await bus.subscribe("sensor", PUSH)
    await bus.publish(event("a"))
    (message,) = await take(subscription, 1, ack=False)
    began = loop.time()
    await message.nak(0.5)
    (again,) = await take(subscription, 1)
    assert again.deliveries == 2
    assert loop.time() - began > 0.4


async def test_in_progress_keeps_a_message_ours(
    nats: EmbeddedNats, bus: JetStreamBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ACK_WAIT", 1.0)
    subscription = await bus.subscribe("sensor", PUSH)
    await bus.publish(event("a"))
    (message,) = await take(subscription, 1, ack=False)
    for _ in range(6):
        await asyncio.sleep(0.3)
        await message.in_progress()
    assert (await info(bus, "sensor"))["num_redelivered"] == 0
    async with connect(nats.address("default", "default"), name="second") as second:
        (again,) = await take(await second.subscribe("sensor", PUSH), 1)
        assert again.deliveries >= 2


async def test_what_comes_again_while_it_is_at_work_is_not_handed_out_twice(
    bus: JetStreamBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when this process stood still for longer than the acknowledgement deadline."""
    monkeypatch.setattr(module, "ACK_WAIT", 0.5)
    subscription = await bus.subscribe("sensor", PUSH)
    await bus.publish(event("slow"))
    (slow,) = await take(subscription, 1, ack=False)
    await until(lambda: slow.deliveries >= 3)
    await bus.publish(event("next"))
    assert ids(await take(subscription, 1)) == ["next"]
    await slow.ack()
    await settled(bus, "sensor", 2)


async def test_what_was_given_back_is_handed_out_again(bus: JetStreamBus) -> None:
    subscription = await bus.subscribe("sensor", PUSH)
    await bus.publish(event("a"))
    (message,) = await take(subscription, 1, ack=False)
    await message.nak()
    assert ids(await take(subscription, 1)) == ["a"]


async def test_after_a_pause_nothing_is_handed_out_not_even_what_had_been_taken(
    bus: JetStreamBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription = await bus.subscribe("sensor", PUSH, batch=1)
    pull = subscription._pull
    asked, answered = asyncio.Event(), asyncio.Event()

    async def slowly() -> None:
        if subscription._unsettled:  # others ask for more, too
            asked.set()
        await answered.wait()
        await pull()

    monkeypatch.setattr(subscription, "_pull", slowly)
    found: list[str] = []

    async def consume() -> None:
        async for batch in subscription.batches():
            found.extend(ids(batch))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(consume())
        await bus.publish(event("a"))
        await asked.wait()  # it is between the buffer and the one who consumes
        monkeypatch.setattr(subscription, "_pull", pull)
        await subscription.pause()
        answered.set()
        await until(lambda: subscription._unsettled == {1: None})
        assert found == []
        await subscription.resume()
        await until(lambda: found == ["a"])
        await subscription.close()


async def test_batches_go_on_after_kill_9(nats: EmbeddedNats, bus: JetStreamBus) -> None:
    subscription = await bus.subscribe("sensor", PUSH)
    await bus.publish(event("before"))
    assert ids(await take(subscription, 1)) == ["before"]
    for name in ("one", "two"):
        await kill(nats)
        await until_up(nats)
        await bus.publish(event(name))
        while name not in ids(await take(subscription, 1)):
            pass  # the server may have forgotten the acknowledgements of its last 100 ms


async def test_acknowledgements_made_during_an_outage_count(nats: EmbeddedNats, bus: JetStreamBus) -> None:
    subscription = await bus.subscribe("sensor", PUSH)
    await bus.publish(event("a"))
    (message,) = await take(subscription, 1, ack=False)
    await asyncio.sleep(0.3)  # the server writes down what it delivered every 100 ms
    await kill(nats)
    await until(lambda: not bus.is_up)
    await message.ack()
    await settled(bus, "sensor", 1)


async def test_other_subjects_keep_the_position(nats: EmbeddedNats, bus: JetStreamBus) -> None:
    first = await bus.subscribe("sensor", PUSH)
    await bus.publish(event("done"))
    await take(first, 1)
    await settled(bus, "sensor", 1)
    await first.close()
    await bus.publish(event("missed"))
    async with connect(nats.address("default", "default"), name="second") as second:
        changed = await second.subscribe("sensor", ["default.es.push", "default.es.tag"])
        await second.publish(event("tag", name="tag"))
        assert ids(await take(changed, 2)) == ["missed", "tag"]
        await changed.close()
        back = await second.subscribe("sensor", PUSH)
        assert (await info(second, "sensor"))["config"]["filter_subject"] == "default.es.push"
        await back.close()


async def test_a_deleted_consumer_is_made_again_where_it_stood(bus: JetStreamBus) -> None:
    subscription = await bus.subscribe("sensor", PUSH)
    await bus.publish(event("done"))
    await take(subscription, 1)
    await bus.publish(event("at-work"))
    (at_work,) = await take(subscription, 1, ack=False)
    await bus._api.call("CONSUMER.DELETE.default.sensor")
    await bus.publish(event("later"))
    assert ids(await take(subscription, 1)) == ["later"]
    await at_work.ack()
    await settled(bus, "sensor", 3)


async def test_a_deleted_stream_is_made_again(bus: JetStreamBus) -> None:
    subscription = await bus.subscribe("sensor", PUSH)
    for _ in range(5):
        await bus.publish(event())
    await take(subscription, 5)
    await bus._api.call("STREAM.DELETE.default")
    await bus.publish(event("first of the new stream"))
    assert ids(await take(subscription, 1)) == ["first of the new stream"]


async def test_nothing_of_a_stream_that_took_the_place_of_another_is_left_out(
    bus: JetStreamBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ACK_WAIT", 0.5)
    subscription = await bus.subscribe("sensor", PUSH)
    await bus.publish(event("old"))
    (old,) = await take(subscription, 1, ack=False)
    await subscription.pause()
    await bus._api.call("STREAM.DELETE.default")
    for name in "abc":
        await bus.publish(event(name))
    await subscription.resume()
    new = await take(subscription, 3, ack=False)
    assert ids(new) == ["a", "b", "c"]

    await old.ack()  # which had the position that a has now
    await until(lambda: new[0].deliveries >= 2)  # so a is still known to be at work when it comes again


async def test_a_silent_server_is_asked_again(bus: JetStreamBus, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a pull was lost on the way: the server owes us nothing that it knows of."""
    monkeypatch.setattr(module, "_HEARTBEAT", 0.2)
    monkeypatch.setattr(module, "_SILENCE", 0.5)
    send = bus._connection.send

    async def lose(subject: str, *args: Any, **options: Any) -> None:
        if "MSG.NEXT" not in subject:
            await send(subject, *args, **options)

    monkeypatch.setattr(bus._connection, "send", lose)
    subscription = await bus.subscribe("sensor", PUSH)
    monkeypatch.setattr(bus._connection, "send", send)
    await bus.publish(event("a"))
    assert ids(await take(subscription, 1, seconds=30)) == ["a"]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"_HEARTBEAT": 0.2, "_LOOK": 0.3}.items():
        monkeypatch.setattr(module, name, seconds)


@pytest.mark.usefixtures("impatient")
async def test_a_stalled_consumer_is_noticed_and_bound_anew(bus: JetStreamBus) -> None:
    """Somebody lowered its limit, so that the server holds everything back behind one message that is at work."""
    subscription = await bus.subscribe("sensor", PUSH)
    changed = {**(await info(bus, "sensor"))["config"], "max_ack_pending": 1}
    await bus._api.call("CONSUMER.CREATE.default.sensor", {"stream_name": "default", "config": changed})
    await bus.publish(event("at-work"))
    await take(subscription, 1, ack=False)
    await bus.publish(event("held back"))
    await until(lambda: "wait and do not come" in subscription.trouble)
    assert ids(await take(subscription, 1)) == ["held back"]
    await until(lambda: not subscription.trouble)
    assert (await info(bus, "sensor"))["config"]["max_ack_pending"] == module.MAX_ACK_PENDING


@pytest.mark.usefixtures("impatient")
async def test_a_consumer_without_anything_to_do_is_no_trouble(bus: JetStreamBus) -> None:
    subscription = await bus.subscribe("idle", PUSH)
    await bus.publish(event("of others", name="tag"))
    looked = subscription._looked
    await until(lambda: subscription._looked > looked + 0.5)
    assert not subscription.trouble
    assert module.STALLS.labels("idle")._value.get() == 0


@pytest.mark.usefixtures("impatient")
async def test_a_fault_of_ours_does_not_end_the_watch(bus: JetStreamBus, monkeypatch: pytest.MonkeyPatch) -> None:
    subscription = await bus.subscribe("sensor", PUSH)
    pull = subscription._pull

    async def fail() -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(subscription, "_pull", fail)
    await until(lambda: "a bug" in subscription.trouble)
    monkeypatch.setattr(subscription, "_pull", pull)
    await until(lambda: not subscription.trouble)


async def test_closing_ends_the_batches(bus: JetStreamBus) -> None:
    subscription = await bus.subscribe("sensor", PUSH)

    async def read() -> int:
        return len([batch async for batch in subscription.batches()])

    reading = asyncio.create_task(read())
    await asyncio.sleep(0.05)
    await subscription.close()
    async with asyncio.timeout(30):
        assert await reading == 0
