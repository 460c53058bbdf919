"""A connection comes back whatever the other side says or does meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from eventbus.connection import Connection, open_connection
from eventbus.interface import Address
from tests.support.waiting import until

INFO = b'INFO {"server_id":"x","version":"2.14.3","max_payload":1048576,"headers":true}\r\n'


class Server:
    """Speaks as much NATS as a client needs; ``greetings`` are said one after the other, then ``INFO``."""

    def __init__(self) -> None:
        self.greetings: list[bytes] = []
        self.subscribed: list[str] = []
        self.port = 0
        self._open: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.append(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            writer.write(self.greetings.pop(0) if self.greetings else INFO)
            while line := await reader.readline():
                if line == b"PING\r\n":
                    writer.write(b"PONG\r\n")
                elif line.startswith(b"SUB "):
                    self.subscribed.append(line.split()[1].decode())
        writer.close()

    def hang_up(self, last_words: bytes = b"") -> None:
        for writer in self._open:
            writer.write(last_words)
            writer.close()
        self._open.clear()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        server.port = listening.sockets[0].getsockname()[1]
        yield server
        server.hang_up()


def connected(server: Server) -> contextlib.AbstractAsyncContextManager[Connection]:
    return open_connection(Address(f"nats://127.0.0.1:{server.port}"), name="test")


NONSENSE = [b"x" * 200_000, b"INFO {}\r\n" + b"y" * 200_000, b"INFO []\r\n"]


@pytest.mark.parametrize("last_words", [b"", b"-ERR 'Stale Connection'\r\n"], ids=["reconnected", "opened anew"])
@pytest.mark.parametrize("nonsense", NONSENSE, ids=range(len(NONSENSE)))
async def test_nonsense_in_the_place_of_a_greeting_is_no_end(
    server: Server, nonsense: bytes, last_words: bytes
) -> None:
    async with connected(server) as connection:
        await connection.subscribe("a", lambda *_: None)
        await until(lambda: server.subscribed.count("a") == 1)
        server.greetings = [nonsense, nonsense]
        server.hang_up(last_words)
        await until(lambda: server.subscribed.count("a") == 2)
        await until(lambda: connection.is_up)
        assert not server.greetings
