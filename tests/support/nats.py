"""A real nats-server in a folder of the test. Use it with ``from tests.support.nats import nats`` (a fixture)."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from eventbus.embedded import EmbeddedNats
from eventbus.interface import Message
from eventbus.jetstream import JetStreamBus, connect
from eventbus.subscription import PullSubscription
from events.models.event import Event

ACCOUNTS = [("default", "default"), ("other", "default")]

_counter = itertools.count()


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[EmbeddedNats]:
    """A running server with two accounts."""
    async with EmbeddedNats(tmp_path / "bus", ACCOUNTS) as server:
        yield server


@pytest.fixture
async def bus(nats: EmbeddedNats) -> AsyncIterator[JetStreamBus]:
    """The bus ``default`` of the namespace ``default``, with its stream."""
    async with connect(nats.address("default", "default"), name="test") as bus:
        await bus.ensure_stream()
        yield bus


def event(identity: str = "", *, data: bytes = b'{"body":{}}', source: str = "es", name: str = "push") -> Event:
    """An event, with an id of its own unless one is given."""
    return Event(identity or f"event-{next(_counter)}", source, "github", name, "2026-01-01T00:00:00Z", data)


async def take(subscription: PullSubscription, count: int, *, ack: bool = True, seconds: float = 20) -> list[Message]:
    """The next ``count`` messages (or some more of the same batch)."""
    taken: list[Message] = []
    async with asyncio.timeout(seconds):
        async for batch in subscription.batches():
            taken += batch
            if ack:
                for message in batch:
                    await message.ack()
            if len(taken) >= count:
                break
    return taken


def ids(messages: Sequence[Message]) -> list[str]:
    """The ids of the events in these messages."""
    return [Event.from_json(message.data).id for message in messages]


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 20) -> None:
    """Wait for something that another process does."""
    async with asyncio.timeout(seconds):
        while True:
            holds = condition()
            if holds if isinstance(holds, bool) else await holds:
                return
            await asyncio.sleep(0)


async def kill(server: EmbeddedNats) -> None:
    """Kill the server with -9 and wait until its supervisor has noticed."""
    before = server.restarts
    os.kill(server.pid, signal.SIGKILL)
    await until(lambda: server.restarts > before)


async def until_up(server: EmbeddedNats) -> None:
    """Wait until the server runs again."""
    await until(server.accepts)
