"""A lease on a real bus: one holder, quick takeover after a release, a bounded one after a death."""

from __future__ import annotations

import asyncio
import time

import pytest

from eventbus.embedded import EmbeddedNats
from eventbus.jetstream import JetStreamBus, connect
from eventbus.lease import BUCKET, EXPIRY, Lease, rested
from events.errors import Superseded
from tests.support.nats import bus, kill, nats, until_up

__all__ = ["bus", "nats"]


async def test_a_release_hands_it_over_at_once(bus: JetStreamBus) -> None:
    first, second = Lease(bus, "work", "a"), Lease(bus, "work", "b")
    await first.acquire()
    waiting = asyncio.create_task(second.acquire())
    await asyncio.sleep(0.3)
    assert first.held
    assert not second.held
    assert second.holder == "a"
    began = time.monotonic()
    await first.release()
    await waiting
    assert time.monotonic() - began < EXPIRY / 2, "by the release, not by its expiry"
    assert second.held
    assert not first.held


async def test_one_that_is_not_renewed_is_taken_after_its_expiry_and_never_before(bus: JetStreamBus) -> None:
    first, second = Lease(bus, "work", "a", expiry=1.0), Lease(bus, "work", "b", expiry=1.0)
    await first.acquire()
    began = time.monotonic()
    await second.acquire()
    assert 1.0 <= time.monotonic() - began < EXPIRY
    assert not first.held
    with pytest.raises(Superseded, match="taken by b"):
        await first.renew()
    await first.release()
    assert await second.renew(), "who has lost it takes nothing away by releasing it"


async def test_who_alone_has_its_name_takes_at_once_what_it_held_before(bus: JetStreamBus) -> None:
    await Lease(bus, "work", "a").acquire()
    began = time.monotonic()
    again = Lease(bus, "work", "a", unique=True)
    await again.acquire()
    assert time.monotonic() - began < EXPIRY / 2
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await Lease(bus, "work", "b", unique=True).acquire()


async def test_a_patient_one_is_taken_too(bus: JetStreamBus) -> None:
    first, second = Lease(bus, "work", "a", expiry=0.5), Lease(bus, "work", "b", expiry=0.5, patient=True)
    await first.acquire()
    waiting = asyncio.create_task(second.acquire())
    await asyncio.sleep(0.2)
    await first.release()
    async with asyncio.timeout(EXPIRY):
        await waiting


async def test_one_that_is_renewed_stays(bus: JetStreamBus) -> None:
    second = Lease(bus, "work", "b", expiry=0.6)
    async with Lease(bus, "work", "a", expiry=0.6) as first:
        waiting = asyncio.create_task(second.acquire())
        for _ in range(20):
            await asyncio.sleep(0.1)
            assert first.held
            assert not waiting.done()
    await waiting


async def test_of_many_one_holds_it_at_a_time(nats: EmbeddedNats, bus: JetStreamBus) -> None:
    holders: list[int] = []

    async def work(number: int) -> None:
        async with connect(nats.address("default", "default"), name="test") as own:
            lease = Lease(own, "work", str(number), expiry=1.0)
            for _ in range(4):
                async with lease:
                    assert not holders
                    holders.append(number)
                    await asyncio.sleep(0.02)
                    assert holders == [number]
                    assert lease.held
                    holders.clear()

    await asyncio.gather(*map(work, range(5)))


async def test_a_restart_of_the_bus_takes_it_from_nobody(nats: EmbeddedNats, bus: JetStreamBus) -> None:
    async with Lease(bus, "work", "a", expiry=2.0) as lease:
        await kill(nats)
        await until_up(nats)
        async with asyncio.timeout(30):
            while not lease.held or not await lease.renew():
                await asyncio.sleep(0.1)


async def test_on_a_bus_that_has_lost_everything_it_can_be_taken_again(bus: JetStreamBus) -> None:
    lease = Lease(bus, "work", "a")
    await lease.acquire()
    await bus.api.call(f"STREAM.DELETE.KV_{BUCKET}")
    with pytest.raises(Superseded):  # nobody knows who was faster
        await lease.renew()
    async with asyncio.timeout(30):
        await lease.acquire()


async def test_a_write_whose_answer_was_lost_still_counts(bus: JetStreamBus) -> None:
    lease = Lease(bus, "work", "a")
    await lease.acquire()
    lease._revision -= 1  # as if it had not heard of its last write
    assert await lease.renew()


async def test_what_nobody_has_held_for_long_is_known(bus: JetStreamBus) -> None:
    for name in ("sensor-a", "sensor-b", "other"):
        await Lease(bus, name, "a").acquire()
    assert await rested(bus.api, 3600.0, "sensor-") == set()
    assert await rested(bus.api, -3600.0, "sensor-") == {"sensor-a", "sensor-b"}
