"""Questions to a ``nats-server`` on loopback, each by a connection of its own that needs no client: is it there, is it well?

What the server tells of itself: https://docs.nats.io/running-a-nats-service/configuration/sys_accounts#available-events-and-services
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import orjson

from eventbus.interface import Address

__all__ = ["accepts", "ask", "greeting"]

_SECONDS = 2.0


async def greeting(port: int) -> dict[str, Any]:
    """What it says when one connects, or nothing when it doesn't listen yet."""
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
            try:
                line = await reader.readline()
            finally:
                writer.close()
        return dict(orjson.loads(line.removeprefix(b"INFO ")))
    except (OSError, TimeoutError, ValueError):
        return {}


async def accepts(port: int, address: Address) -> bool:
    """Whether this user may log in and has JetStream."""
    return "error" not in await ask(port, address, "$JS.API.INFO")


async def ask(port: int, address: Address, subject: str) -> dict[str, Any]:
    """One request to the server by a client of its own; ``{"error": …}`` when it cannot be made."""
    options = {
        "verbose": False,
        "pedantic": False,
        "user": address.user,
        "pass": address.password,
        "lang": "python",
        "version": "0",
    }
    # An inbox of its own: two that ask at the same time must not get each other's answers.
    inbox = b"_INBOX." + uuid.uuid4().hex.encode()
    hello = b"CONNECT %b\r\nSUB %b 1\r\nPUB %b %b 0\r\n\r\n" % (
        orjson.dumps(options),
        inbox,
        subject.encode(),
        inbox,
    )
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
            try:
                await reader.readline()
                writer.write(hello)
                while line := await reader.readline():
                    if line.startswith(b"-ERR"):
                        return {"error": line.decode("utf-8", "replace").strip()}
                    if line.startswith(b"MSG "):
                        return dict(orjson.loads(await reader.readexactly(int(line.split()[-1]))))
                return {"error": "the server hung up"}
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError, TypeError, asyncio.IncompleteReadError) as error:
        return {"error": str(error) or type(error).__name__}
