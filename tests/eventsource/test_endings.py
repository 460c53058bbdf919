"""How connections end: after refused bodies, and with TLS."""

import asyncio
import socket
import ssl
import subprocess
from asyncio import sslproto
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from eventsource import process
from eventsource import server as server_module
from eventsource.server import Limits, Server
from tests.eventsource.suite import MemoryBus, sources
from tests.support.waiting import until

HOOK = {"endpoint": "/hook", "port": "12000", "method": "POST"}
POST = b"POST /hook HTTP/1.1\r\nHost: x\r\n"
NEVER = 3600.0


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """A certificate and its key."""
    folder = tmp_path_factory.mktemp("pair")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=x -keyout key -out crt"
    )
    try:
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("the openssl command is missing")
    return Path(folder, "crt").read_bytes(), Path(folder, "key").read_bytes()


@asynccontextmanager
async def serving(limits: Limits, pair: tuple[bytes, bytes] | None = None) -> AsyncIterator[tuple[Server, Any]]:
    """A server, and what opens a connection to it."""
    secret = {"name": "s"}
    tls = {"serverCertSecret": {**secret, "key": "crt"}, "serverKeySecret": {**secret, "key": "key"}} if pair else {}
    compiled = sources({"webhook": {"hook": {**HOOK, **tls}}}, dict(zip(("crt", "key"), pair or (), strict=False)))
    assert not compiled.errors
    bus = MemoryBus()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = await process.start(compiled, {12000: [listening]}, lambda namespace, name: bus, limits=limits)

        @asynccontextmanager
        async def connect() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
            trust = ssl.create_default_context(cadata=pair[0].decode()) if pair else None
            if trust is not None:
                trust.check_hostname = False
            reader, writer = await asyncio.open_connection(*listening.getsockname(), ssl=trust)
            try:
                async with asyncio.timeout(60):
                    yield reader, writer
            finally:
                writer.transport.abort()

        try:
            yield server, connect
        finally:
            await server.drain(0)


@pytest.mark.parametrize("secured", [False, True])
@pytest.mark.parametrize("together", [False, True])
async def test_the_connection_ends_when_all_of_a_refused_body_has_come(
    together: bool, secured: bool, request: pytest.FixtureRequest
) -> None:
    pair = request.getfixturevalue("pair") if secured else None
    async with serving(Limits(linger=NEVER), pair) as (_, connect), connect() as (reader, writer):
        writer.write(POST + b"Content-Length: 4000000\r\n\r\n" + b"x" * 4_000_000 * together)
        got = await reader.readuntil(b"}")
        writer.write(b"x" * 4_000_000 * (not together))
        assert (got + await reader.read(-1)).startswith(b"HTTP/1.1 413 ")


async def test_nothing_is_left_of_a_sender_that_is_gone() -> None:
    async with serving(Limits(linger=NEVER)) as (server, connect):
        before = len(asyncio.all_tasks())
        async with connect() as (reader, writer):
            writer.write(POST + b"Content-Length: 4000000\r\n\r\n" + b"x" * 1000)
            await reader.readuntil(b"}")
            assert len(server.all_open) == 1
        await until(lambda: not len(server.all_open))
        await until(lambda: len(asyncio.all_tasks()) == before)


@pytest.mark.parametrize("good", [b"5\r\nhello\r\n", b"40000\r\n" + b"x" * 0x40000 + b"\r\n"])
@pytest.mark.parametrize("first", [b"", POST + b"Content-Length: 2\r\n\r\n{}"])
async def test_a_body_that_becomes_malformed_is_answered_at_once(first: bytes, good: bytes) -> None:
    async with serving(Limits(body=NEVER)) as (server, connect), connect() as (reader, writer):
        writer.write(first + POST + b"Transfer-Encoding: chunked\r\n\r\n" + good)
        if first:
            await reader.readuntil(b"}")
        await until(lambda: any(connection.busy for connection in server.all_open._open))
        writer.write(b"zz\r\n")
        text = await reader.read(-1)
        assert text.startswith(b"HTTP/1.1 400 ")
        assert b"broke off" in text
        assert text.count(b"HTTP/1.") == 1
        assert server.budget.used == 0


def send_much(address: tuple[str, int]) -> None:
    """A sender that does not look at what it is told."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(address, timeout=60) as plain, context.wrap_socket(plain) as connection:
        connection.sendall(POST + b"Content-Length: 1000000000000\r\n\r\n")
        for _ in range(4096):
            connection.sendall(b"x" * 65_536)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_who_goes_on_sending_a_refused_body_is_cut_off_with_tls_as_well(
    run: Callable[..., None], pair: tuple[bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "CLOSING", NEVER)

    async def scenario() -> None:
        async with serving(Limits(linger=0.2), pair) as (server, connect):
            async with connect() as (_, writer):
                address = writer.get_extra_info("peername")
            with pytest.raises(OSError, match=r"(?i)eof|reset|pipe"):
                await asyncio.to_thread(send_much, address)
            await until(lambda: not len(server.all_open))

    run(scenario())


async def test_a_server_that_ends_does_not_wait_for_the_rest_of_refused_bodies(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[bool] = []
    shutdown = server_module._Http.shutdown

    async def look(http: Any, **options: Any) -> None:
        left.extend(connection.connected for connection in http.connections)
        await shutdown(http, **options)

    monkeypatch.setattr(server_module._Http, "shutdown", look)
    async with serving(Limits(linger=NEVER)) as (server, connect), connect() as (reader, writer):
        writer.write(POST + b"Content-Length: 4000000\r\n\r\n" + b"x" * 1000)
        await reader.readuntil(b"}")
        await server.drain(0)
    assert left == [False]


async def test_a_server_that_ends_does_not_wait_for_who_does_not_answer_the_end_of_tls(
    pair: tuple[bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sslproto.constants, "SSL_SHUTDOWN_TIMEOUT", NEVER)
    monkeypatch.setattr(server_module, "CLOSING", 0.1)
    monkeypatch.setattr(server_module, "IDLE_WHEN_DRAINING", 0.0)
    async with serving(Limits(), pair) as (server, connect), connect() as (reader, writer):
        writer.write(POST + b"Content-Length: 2\r\n\r\n{}")
        await reader.readuntil(b"}")
        writer.transport.pause_reading()
        await server.drain(NEVER)
        assert not len(server.all_open)
