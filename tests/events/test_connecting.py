"""Why a server cannot be reached: what the HTTP client raises, and what users are told."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import aiohttp
import pytest
import trustme
from aiohttp import web

from events.connecting import why
from tests.support.up import free_port


async def raised(url: str, **options: object) -> Exception:
    async with aiohttp.ClientSession() as session:
        with pytest.raises((aiohttp.ClientError, OSError)) as caught:
            await session.get(url, **options)  # type: ignore[arg-type]
    return caught.value


async def test_nobody_listens() -> None:
    assert why(await raised(f"http://127.0.0.1:{free_port()}/")) == "Connection refused"
    assert why(await raised(f"http://localhost:{free_port()}/")) == "Connection refused"  # all of its addresses


async def test_the_connection_is_closed_without_an_answer() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert why(await raised(f"http://127.0.0.1:{port}/")) in ("Server disconnected", "Connection reset by peer")


async def test_tls_is_not_spoken_or_not_trusted(tmp_path: Path) -> None:
    runner = web.AppRunner(web.Application())
    await runner.setup()
    plain = web.TCPSite(runner, "127.0.0.1", 0)
    await plain.start()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    secure = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await secure.start()
    try:
        plain_port, secure_port = (address[1] for address in runner.addresses)
        assert why(await raised(f"https://127.0.0.1:{plain_port}/")).startswith("it does not speak TLS as we do: ")
        assert why(await raised(f"https://127.0.0.1:{secure_port}/")).startswith("its certificate is not trusted: ")
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not known"),
        (aiohttp.ClientPayloadError("Response payload is not completed"), "Response payload is not completed"),
        (aiohttp.ClientConnectionError(), "ClientConnectionError"),
    ],
)
def test_other_errors_are_told_in_their_own_words(error: Exception, words: str) -> None:
    assert why(error) == words
