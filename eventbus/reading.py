"""Reads a part of a stream from a place to its present end, in order: for who keeps a copy of it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Sequence

import orjson

from eventbus.api import JetStreamApi, StoredMessage
from eventbus.connection import status_of
from eventbus.messages import position
from eventbus.stream import nanoseconds
from events.errors import Unavailable

__all__ = ["read_stream"]

_BATCH = 256
_BATCH_BYTES = 32 << 20
_SILENCE = 5.0


async def read_stream(
    api: JetStreamApi, stream: str, subject: str, after: int, *, largest: int = 1 << 20
) -> AsyncGenerator[Sequence[StoredMessage]]:
    """The messages on a subject behind a place, in batches, until there are no more. ``largest``: bytes of a message, about.

    Raises Unavailable when the bus goes away, or one is missing between two: read again from the last that came.
    """
    name = f"pointsman-read-{secrets.token_hex(6)}"
    config = {
        "name": name,
        "ack_policy": "none",
        "deliver_policy": "by_start_sequence",
        "opt_start_seq": after + 1,
        "filter_subject": subject,
        "mem_storage": True,
        "num_replicas": 1,
        "inactive_threshold": nanoseconds(30.0),
    }
    request = {"stream_name": stream, "config": config, "action": "create"}
    left = int((await api.call(f"CONSUMER.CREATE.{stream}.{name}", request))["num_pending"])
    if not left:
        await api.find(f"CONSUMER.DELETE.{stream}.{name}")
        return
    reader = _Pull(api, stream, name, max(1, min(_BATCH, _BATCH_BYTES // largest)))
    await reader.open()
    try:
        while left:
            batch, left = await reader.next(left)
            yield batch
    finally:
        await reader.close()
    await api.find(f"CONSUMER.DELETE.{stream}.{name}")


class _Pull:
    """One pull after the other."""

    def __init__(self, api: JetStreamApi, stream: str, consumer: str, size: int) -> None:
        self._api = api
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._size = size
        self._inbox = api.connection.inbox()
        self._got: list[tuple[str, StoredMessage]] = []
        self._problem = ""
        self._some = asyncio.Event()
        self._before = 0

    async def open(self) -> None:
        """Listen at an address of its own."""
        await self._api.connection.subscribe(self._inbox, self._on_message)

    async def close(self) -> None:
        """No more."""
        await self._api.connection.unsubscribe(self._inbox)

    async def next(self, left: int) -> tuple[list[StoredMessage], int]:
        """The next batch, and how many messages are left behind it."""
        wanted = min(self._size, left)
        self._got, self._problem = [], ""
        pull = {"batch": wanted, "expires": nanoseconds(_SILENCE)}
        await self._api.connection.send(self._subject, orjson.dumps(pull), reply=self._inbox)
        while len(self._got) < wanted:
            self._some.clear()
            try:
                async with asyncio.timeout(_SILENCE):
                    await self._some.wait()
            except TimeoutError:
                raise Unavailable("the bus went silent while it was read") from None
            if self._problem:
                raise Unavailable(f"the bus stopped while it was read: {self._problem}")
        for reply, _ in self._got:
            number = position(reply, 2)
            if number != self._before + 1:
                raise Unavailable("a message was lost while the bus was read")
            self._before = number
        return [message for _, message in self._got], position(self._got[-1][0], 4)

    def _on_message(self, subject: str, reply: str, data: bytes, headers: bytes) -> None:
        if headers and (status := status_of(headers)):
            if status != 100:
                self._problem = headers.split(b"\r\n", 1)[0].decode("utf-8", "replace")
        else:
            self._got.append((reply, StoredMessage(data, headers, position(reply, 1))))
        self._some.set()
