"""A pod with an older specification does not act on hooks once a newer one has."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from eventbus.jetstream import JetStreamBus
from eventbus.lease import Lease
from events.cli import pod_hooks
from events.cli.hook_fence import Fence, Turn
from events.errors import SpecError
from events.models.base import parse
from events.models.eventsource import EventSource
from tests.support.forges.managed import Store
from tests.support.nats import bus, nats

__all__ = ["bus", "nats"]


def source(generation: int | None, uid: str = "u1", url: str = "https://a.example", replicas: int = 1) -> EventSource:
    metadata = {"name": "forge", **({} if generation is None else {"uid": uid, "generation": generation})}
    spec = {"replicas": replicas, "github": {"push": {"webhook": {"url": url}}}}
    return parse(EventSource, {"metadata": metadata, "spec": spec})


def fence(store: Store, served: EventSource, mounted: EventSource | None = None) -> Fence:
    return Fence(store, "generation.ns.forge", served, lambda: mounted or served)


async def test_who_is_older_than_the_last_who_acted_does_not_act() -> None:
    store = Store()
    new = source(4, url="https://b.example")
    assert await fence(store, source(3)).passes()
    assert await fence(store, new).passes()
    assert not await fence(store, source(3), mounted=new).passes()
    assert await fence(store, new).passes()


async def test_a_change_that_makes_no_new_pods_bars_none() -> None:
    store = Store()
    assert await fence(store, source(4, replicas=2)).passes()
    assert await fence(store, source(3), mounted=source(4, replicas=2)).passes()
    assert not await fence(store, source(3)).passes(), "the mounted object may come later"


@pytest.mark.parametrize("served", [source(1, uid="u2"), source(None)])
async def test_another_object_of_the_name_and_one_without_a_number_act(served: EventSource) -> None:
    store = Store()
    assert await fence(store, source(9)).passes()
    assert await fence(store, served).passes()


@pytest.mark.parametrize("value", [b"", b"[]", b"{", b'{"uid": "u1", "generation": "x"}', b"\xff"])
async def test_what_cannot_be_read_bars_nobody(value: bytes) -> None:
    assert await fence(Store({"generation.ns.forge": value}), source(1)).passes()


async def test_an_object_that_cannot_be_read_does_not_help() -> None:
    def read() -> Any:
        raise SpecError("there is none")

    store = Store()
    assert await fence(store, source(4)).passes()
    assert not await Fence(store, "generation.ns.forge", source(3), read).passes()


@contextlib.asynccontextmanager
async def pod(bus: JetStreamBus, name: str, store: Store, served: EventSource) -> AsyncIterator[Turn]:
    """One that wants to act."""
    lease = Lease(bus, "hooks.ns.forge", name)
    turn = Turn(lease)
    task = asyncio.create_task(pod_hooks._hold(lease, turn, fence(store, served), lambda results: None))
    try:
        yield turn
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await lease.release()


async def test_an_old_pod_that_gets_the_lease_gives_it_back(bus: JetStreamBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_hooks, "_PAUSE", 0.3)
    store, turns = Store(), []

    async def watch(turn: Turn) -> None:
        while True:
            turns.append(turn.held)
            await asyncio.sleep(0)

    async with asyncio.timeout(30):
        async with pod(bus, "new", store, source(4)) as new:
            while not new.held:
                await asyncio.sleep(0.01)
        async with pod(bus, "old", store, source(3)) as old:
            watching = asyncio.create_task(watch(old))
            await asyncio.sleep(0.2)
            async with pod(bus, "newer", store, source(5)) as newer:
                while not newer.held:
                    await asyncio.sleep(0.01)
                watching.cancel()
    assert not any(turns)
