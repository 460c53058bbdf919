"""The ledger of a sensor as a stream of the bus: what each group commit did, in order, written by one process at a time.

============  ==========================================================================================================
subject       holds
============  ==========================================================================================================
``….log``     records: each names the one before it (``Nats-Expected-Last-Subject-Sequence``), so that of two writers one is refused, for
              good: it is ``Superseded``. A record that is larger than a message should be is written in parts.
``….orders``  what a person wants (``orders``): anybody may add one
``….base``    carry-overs (``carryover``): what must outlive the log
``….based``   where the last whole carry-over is
============  ==========================================================================================================

https://docs.nats.io/nats-concepts/jetstream/streams · https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-8.md
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
from collections.abc import AsyncGenerator, Iterable, Iterator
from typing import Any, NamedTuple

from eventbus import subjects
from eventbus.api import ApiError, JetStreamApi, NoStream, StoredMessage
from eventbus.messages import header
from eventbus.reading import read_stream
from eventbus.stream import nanoseconds
from events.backoff import full_jitter
from events.errors import Superseded, Unavailable

__all__ = ["LedgerLog", "Record"]

log = logging.getLogger(__name__)

ABANDONED = 90 * 24 * 3600.0
"""Seconds after which the ledger of a sensor that nobody runs is forgotten."""

_EXPECTED = "Nats-Expected-Last-Subject-Sequence"
_WRITER = "Pointsman-Writer"
"""Whose message it is, and its number: after a lost answer one knows one's own again."""
_PART = "Pointsman-Part"
"""``2/3``: the second of three parts of a record."""

LARGEST = 1 << 20
"""Bytes of a message of ours, at most; and what the bus takes, if that is less."""
_HEADERS = 1024
"""Bytes that the headers of a message may take."""


class Record(NamedTuple):
    """What was written at once. ``sequence`` is the place of its last part."""

    sequence: int
    data: bytes


class LedgerLog:
    """The stream of one sensor's ledger. Every method raises Unavailable when the bus is away."""

    def __init__(self, api: JetStreamApi, namespace: str, sensor: str) -> None:
        self.api = api
        self.stream, prefix = subjects.ledger(namespace, sensor)
        self.log, self.orders = f"{prefix}.log", f"{prefix}.orders"
        self.base, self.based = f"{prefix}.base", f"{prefix}.based"
        self._subjects = f"{prefix}.*"
        self._replicas = 1
        self._me = secrets.token_hex(8)
        self._number = 0

    async def ensure(self, replicas: int = 1) -> None:
        """Create the stream when it is missing."""
        self._replicas = replicas
        await self.api.create_stream(
            {
                "name": self.stream,
                "subjects": [self._subjects],
                "storage": "file",
                "retention": "limits",
                "discard": "new",
                "max_age": nanoseconds(ABANDONED),
                "max_msgs": -1,
                "max_bytes": -1,
                "num_replicas": replicas,
            }
        )

    async def info(self) -> dict[str, Any]:
        """What the server says of the stream."""
        return await self.api.call(f"STREAM.INFO.{self.stream}")

    async def end(self, subject: str = "") -> int:
        """The place of the last message of the log (or of another subject); 0 when it is empty."""
        found = await self.api.message(self.stream, {"last_by_subj": subject or self.log})
        return 0 if found is None else found.sequence

    # -- writing -------------------------------------------------------------------------------------------------------

    async def append(self, data: bytes, after: int) -> int:
        """Write a record behind the one at ``after``; returns its place. Waits for as long as the bus is away.

        Raises Superseded when another process has written behind that.
        """
        for part, headers in self._parts(data):
            self._number += 1
            headers = {**headers, _WRITER: f"{self._me}-{self._number}"}
            after = await self._store(part, headers, after)
        return after

    async def _store(self, data: bytes, headers: dict[str, str], after: int) -> int:
        pauses = full_jitter(random.random, cap=2.0)
        problem = ""
        while True:
            try:
                sequence, _ = await self.api.store(self.stream, self.log, data, {**headers, _EXPECTED: str(after)})
                return sequence
            except ApiError as error:
                if not error.outdated:
                    raise
                return await self._recognised(headers[_WRITER], after)
            except Unavailable as error:  # it may have been stored; then the next attempt is refused, and recognised
                if str(error) != problem:
                    log.warning("the ledger cannot be written: %s; waiting", error)
                problem = str(error)
                await asyncio.sleep(next(pauses))
                if isinstance(error, NoStream):
                    await self._made_anew()

    async def _made_anew(self) -> None:
        """Somebody has deleted the stream: then our next attempt is refused, and the process that starts next begins it from its copy."""
        with contextlib.suppress(Unavailable):
            await self.ensure(self._replicas)

    async def _recognised(self, writer: str, after: int) -> int:
        """The place of our own message behind ``after``."""
        while True:
            try:
                found = await self.api.message(self.stream, {"seq": after + 1, "next_by_subj": self.log})
            except Unavailable:
                await asyncio.sleep(1.0)
                continue
            if found is not None and header(found.headers, _WRITER) == writer:
                return found.sequence
            raise Superseded("another process writes the ledger of this sensor")

    def _parts(self, data: bytes) -> Iterator[tuple[bytes, dict[str, str]]]:
        limit = min(LARGEST, (self.api.connection.max_payload or LARGEST) - _HEADERS)
        count = -(-len(data) // limit) or 1
        for number in range(count):
            headers = {_PART: f"{number + 1}/{count}"} if count > 1 else {}
            yield data[number * limit : (number + 1) * limit], headers

    async def add(self, subject: str, data: bytes) -> tuple[int, int]:
        """Store a record that is not part of the log; returns the places of its first and last part. Raises Refused, too."""
        places = [(await self.api.store(self.stream, subject, part, headers))[0] for part, headers in self._parts(data)]
        return places[0], places[-1]

    async def purge(self, below: int) -> int:
        """Drop all messages below a place; returns how many there were."""
        answer = await self.api.call(f"STREAM.PURGE.{self.stream}", {"seq": below})
        return int(answer.get("purged", 0))

    # -- reading -------------------------------------------------------------------------------------------------------

    async def records(self, after: int, subject: str = "") -> AsyncGenerator[list[Record]]:
        """The records behind a place, to the present end of the log (or of another subject)."""
        joined = _Joined()
        async for batch in read_stream(self.api, self.stream, subject or self.log, after):
            found = [record for message in batch for record in joined.take(message)]
            if found:
                yield found


class _Joined:
    """Puts parts together. What was begun and not ended (its writer died) is left out."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def take(self, message: StoredMessage) -> Iterable[Record]:
        number, _, count = header(message.headers, _PART).partition("/")
        if not count:
            self._parts = []
            return [Record(message.sequence, message.data)]
        if int(number) == 1:
            self._parts = []
        elif int(number) != len(self._parts) + 1:  # the beginning is older than the log
            self._parts = []
            return []
        self._parts.append(message.data)
        if number != count:
            return []
        return [Record(message.sequence, b"".join(self._parts))]
