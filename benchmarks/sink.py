"""The HTTP target: answers 200 to everything and remembers when each request came. It lives in the process of the benchmark."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

__all__ = ["Sink", "open_sink"]

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Sink:
    """What came: the moment (nanoseconds since 1970) and the body of each request."""

    def __init__(self) -> None:
        self.port = 0
        self.arrived: list[tuple[int, bytes]] = []

    @property
    def count(self) -> int:
        """How many requests came."""
        return len(self.arrived)

    def deliveries(self) -> list[tuple[int, str]]:
        """When each request came, and the delivery id that it carries."""
        return [(moment, orjson.loads(body)["delivery"]) for moment, body in self.arrived]


class _Receiver(asyncio.Protocol):
    """One connection; requests have a Content-Length."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._buffer = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            found = _LENGTH.search(head)
            length = int(found[1]) if found else 0
            if len(rest) < length:
                return
            self._sink.arrived.append((time.time_ns(), rest[:length]))
            self._transport.write(_ANSWER)
            self._buffer = rest[length:]


@asynccontextmanager
async def open_sink() -> AsyncIterator[Sink]:
    """A sink on a free port of loopback."""
    sink = Sink()
    server = await asyncio.get_running_loop().create_server(lambda: _Receiver(sink), "127.0.0.1", 0)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        server.close()
