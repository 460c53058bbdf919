"""The way to a server whose name has several addresses, as that of a bus in a cluster.

The name still has the address of a server that is gone for a while. One that gives no answer costs a moment here, not the whole attempt,
and not each attempt anew: the addresses are tried in any order.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from typing import Any

from nats.aio.transport import TcpTransport

__all__ = ["Transport", "reach"]

_MOMENT = 0.5
"""Seconds for an address, while there are others."""


async def reach(
    host: str, port: int, *, limit: int, seconds: float
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to one of the host's addresses. Raises OSError (TimeoutError after that many ``seconds``) when there is none."""
    async with asyncio.timeout(seconds):
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        families = [info[0] for info in found]  # which of them is to be preferred is known better by the system
        addresses = list({str(info[4][0]): families.index(info[0]) for info in found}.items())
        random.shuffle(addresses)
        *others, (last, _) = sorted(addresses, key=lambda address: address[1])
        for address, _ in others:
            with contextlib.suppress(OSError):
                async with asyncio.timeout(_MOMENT):
                    return await asyncio.open_connection(address, port, limit=limit)
        return await asyncio.open_connection(last, port, limit=limit)


class Transport(TcpTransport):
    """nats-py's way to a server, by ``reach``."""

    async def connect(self, uri: Any, buffer_size: int, connect_timeout: float) -> None:
        """See nats-py, which forgets the attempt before when it came to nothing."""
        self.close()  # type: ignore[no-untyped-call]
        reader, writer = await reach(uri.hostname, uri.port, limit=buffer_size, seconds=connect_timeout)
        self._bare_io_reader = self._io_reader = reader
        self._bare_io_writer = self._io_writer = writer
