"""Steps 4 and 5: the bus on NATS JetStream.

An event is published with its id as ``Nats-Msg-Id``, so that a redelivery never becomes a second message, and counts as stored when the
bus has acknowledged the write.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from eventbus import subjects
from eventbus.api import JetStreamApi, NoStream
from eventbus.connection import Connection, Lost, open_connection
from eventbus.interface import Address, Stored
from eventbus.messages import DELIVERY_HEADER
from eventbus.state import JetStreamState
from eventbus.stream import OURS, StreamSettings
from eventbus.subscription import EXPIRES, PullSubscription
from events.crashpoints import crash_at
from events.errors import Unavailable

if TYPE_CHECKING:
    from events.models.event import Event

__all__ = ["JetStreamBus", "connect", "outgoing"]

_HEADER_ESCAPES = {code: f"%{code:02X}" for code in (*range(32), 127)}


def outgoing(event: Event, delivery_id: str, subject: str) -> tuple[str, dict[str, str], bytes]:
    """An event as a message: subject, headers, data. Raises SpecError for names that no subject can carry."""
    headers = {"Nats-Msg-Id": _header(event.id)}
    if delivery_id:
        headers[DELIVERY_HEADER] = _header(delivery_id)
    return subject or subjects.subject(event.source, event.subject), headers, event.to_json()


class JetStreamBus:
    """See ``eventbus.interface.Bus``; made by ``connect``."""

    def __init__(self, connection: Connection, settings: StreamSettings, timeout: float) -> None:
        self._connection = connection
        self._api = JetStreamApi(connection)
        self._settings = settings
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._last_sequence = 0
        self._subscriptions: list[PullSubscription] = []

    @property
    def is_up(self) -> bool:
        """Whether the connection stands at this moment."""
        return self._connection.is_up

    @property
    def api(self) -> JetStreamApi:
        """For what else lies on this bus."""
        return self._api

    async def move(self, address: Address) -> None:
        """Go on at this address, or with these credentials: they have been replaced. What is under way is sent again by whoever sent it."""
        await self._connection.move(address)

    async def ensure_stream(self) -> None:
        """Create the stream when it is missing; an existing one is used as it is."""
        await self._api.create_stream(self._settings.request())

    async def stream_info(self) -> dict[str, Any] | None:
        """What the server says of the stream (``config``, ``state``), or None when it is missing."""
        return await self._api.find(f"STREAM.INFO.{self._settings.name}")

    async def publish(self, event: Event, *, delivery_id: str = "", subject: str = "") -> Stored:
        """Store an event durably; returns after the bus has acknowledged the write.

        Within the time limit a broken connection and a missing stream are mended, and the event is sent again under the same id.
        Raises SpecError for names that no subject can carry, Refused for an event that is too large, Unavailable.
        """
        subject, headers, data = outgoing(event, delivery_id, subject)
        before, began = self._last_sequence, self._loop.time()
        crash_at("publish.before", data)
        try:
            sequence, duplicate = await self._api.store(self._settings.name, subject, data, headers)
        except (Lost, NoStream):
            crash_at("publish.again", data)
            sequence, duplicate = await self._publish_again(subject, data, headers, began + self._timeout)
            # If it was stored after we began, our first try stored it and only the acknowledgement was lost.
            duplicate = duplicate and sequence <= before
        crash_at("publish.after", data)
        self._last_sequence = max(self._last_sequence, sequence)
        return Stored(sequence, duplicate)

    async def _publish_again(
        self, subject: str, data: bytes, headers: dict[str, str], deadline: float
    ) -> tuple[int, bool]:
        try:
            async with asyncio.timeout_at(deadline):
                while True:
                    try:
                        await self.ensure_stream()
                        return await self._api.store(self._settings.name, subject, data, headers)
                    except Lost:
                        continue
                    except NoStream:
                        await asyncio.sleep(0.05)  # JetStream is about to come up
        except TimeoutError:
            raise Unavailable(f"the bus did not store the event within {self._timeout:g} s") from None

    async def subscribe(
        self, durable: str, subjects: Sequence[str], *, batch: int = 200, paused: bool = False, sole: bool = False
    ) -> PullSubscription:
        """Create or update the durable consumer and begin to pull (``paused``: when it is told to; ``sole``: nobody else uses it). A new one begins with the events that come from now on."""
        subscription = PullSubscription(
            self._api,
            durable,
            subjects,
            batch=batch,
            stream=self._settings.name,
            ensure_stream=self.ensure_stream,
            paused=paused,
            sole=sole,
        )
        self._subscriptions.append(subscription)
        await subscription.start()
        return subscription

    async def outlast(self, durable: str) -> None:
        """Wait until no pull of a process that stands still, or is cut off, waits at a consumer: it would get what is meant for us.

        A pull waits for ``EXPIRES`` seconds at most. Raises Unavailable.
        """
        deadline = self._loop.time() + EXPIRES + 1.0
        while self._loop.time() < deadline:
            info = await self._api.find(f"CONSUMER.INFO.{self._settings.name}.{durable}")
            if info is None or not info.get("num_waiting"):
                return
            await asyncio.sleep(0.2)

    async def unread(self, durable: str) -> int | None:
        """How many events wait for this consumer; None when there is none of this name. Raises Unavailable."""
        info = await self._api.find(f"CONSUMER.INFO.{self._settings.name}.{durable}")
        return None if info is None else int(info["num_pending"])

    def troubles(self) -> list[str]:
        """Why subscriptions of ours get no events now, as far as it is known; empty when all is well."""
        if self._subscriptions and not self.is_up:
            return ["the bus is away"]
        return [subscription.trouble for subscription in self._subscriptions if subscription.trouble]

    async def state(self, bucket: str, *, max_age: float = 0.0) -> JetStreamState:
        """The KV bucket of this name, created when missing; what is older than ``max_age`` seconds is dropped (0: nothing)."""
        info = await self.stream_info()
        replicas = self._settings.replicas if info is None else int(info["config"].get("num_replicas") or 1)
        state = JetStreamState(self._api, bucket, max_age, replicas)
        await state.ensure()
        return state

    async def peek(self, bucket: str, key: str) -> bytes | None:
        """A value of a KV bucket; None also when there is no such bucket, which ``state`` would make."""
        return await JetStreamState(self._api, bucket).get(key)

    async def read(self, sequence: int) -> bytes | None:
        """The stored message at this position, or None when it is gone."""
        found = await self._api.message(self._settings.name, {"seq": sequence})
        return found[0] if found else None

    async def announce(self, topic: str, data: bytes) -> None:
        """Tell whoever listens at this moment; nothing is kept."""
        await self._connection.send(topic, data)

    async def listen(self, topic: str, handler: Callable[[str, bytes], None]) -> None:
        """Call ``handler(topic, data)`` for what is announced (``*`` in ``topic`` stands for one part)."""
        await self._connection.subscribe(topic, lambda subject, reply, data, headers: handler(subject, data))

    async def close(self) -> None:
        """Stop all subscriptions."""
        for subscription in self._subscriptions:
            await subscription.close()


@asynccontextmanager
async def connect(
    address: Address,
    *,
    name: str,
    stream: StreamSettings = OURS,
    request_timeout: float = 2.0,
    connect_timeout: float = 5.0,
    forgiving: bool = False,
) -> AsyncIterator[JetStreamBus]:
    """A bus until the end of the ``async with``: then pulling stops and acknowledgements are flushed.

    ``stream`` is what ``ensure_stream`` asks for; ``request_timeout`` bounds each request, in seconds. Raises Unavailable when the server cannot
    be reached within ``connect_timeout`` and Refused for wrong credentials; a ``forgiving`` one is handed out even then, and comes up when it
    can. Afterwards the connection comes back by itself, for ever.
    """
    async with open_connection(
        address,
        name=name,
        request_timeout=request_timeout,
        connect_timeout=connect_timeout,
        patient=forgiving,
        forgiving=forgiving,
    ) as connection:
        bus = JetStreamBus(connection, stream, request_timeout)
        try:
            yield bus
        finally:
            await bus.close()


def _header(value: str) -> str:
    """A value that fits on one header line. Forges choose delivery ids, and other producers choose event ids."""
    if value.isascii() and value.isprintable():
        return value
    return value.encode("ascii", "backslashreplace").decode().translate(_HEADER_ESCAPES)
