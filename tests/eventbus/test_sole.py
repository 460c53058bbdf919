"""What one process keeps on the bus is not written over by one that it has taken it from."""

from __future__ import annotations

import pytest

from eventbus.jetstream import JetStreamBus
from eventbus.sole import SoleValue
from events.errors import Superseded
from tests.support.nats import bus, nats

__all__ = ["bus", "nats"]


async def test_who_takes_it_over_is_the_only_one_who_writes(bus: JetStreamBus) -> None:
    state = await bus.state("test")
    first, second = SoleValue(state, "key"), SoleValue(state, "key")
    assert await first.take(b"empty") is None
    assert await state.get("key") == b"empty"
    await first.put(b"1")
    assert await second.take(b"empty") == b"1"
    with pytest.raises(Superseded):
        await first.put(b"2")
    await second.put(b"3")
    assert await state.get("key") == b"3"


async def test_a_write_whose_answer_was_lost_is_known_again(bus: JetStreamBus) -> None:
    state = await bus.state("test")
    one = SoleValue(state, "key")
    await one.take(b"")
    revision = one._revision
    await one.put(b"1")
    one._revision = revision
    await one.put(b"1")
    await one.put(b"2")
    assert await state.get("key") == b"2"
