"""Step 1, receive: HTTP connections, within bounds. What a request is for is up to the service of its port.

aiohttp's low-level server is used without its router and middlewares: this is the hot path.

Listening sockets are handed in and stay the caller's: ``drain`` stops accepting but never shuts a socket down, so that another
process can take over in the meantime without a lost request.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from events import tracing
from eventsource.answers import Served
from eventsource.body import Bodies, Budget
from eventsource.metrics import UNKNOWN, overdue
from eventsource.routes import Table
from eventsource.serving import WebhookService

__all__ = ["Limits", "Server", "Service"]


log = structlog.get_logger("eventsource")


class Service(Protocol):
    """Answers the requests of a port."""

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to a request; raises nothing."""

    def broken(self, status: int, error: BaseException | None, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to what is no HTTP (400), and when we have a bug (500)."""


Answers = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
"""``Service.answer``, or something around it."""


@dataclass(frozen=True)
class Limits:
    """Bounds, in seconds and bytes."""

    headers: float = 10.0
    """From the connection to the end of the first request's headers."""
    body: float = 10.0
    idle: float = 75.0
    """A kept connection without a request."""
    linger: float = 2.0
    """How long the rest of a refused body is read and thrown away, so that the sender gets to see the answer."""
    line: int = 16 << 10
    """Bytes of the request line, and of one header field."""
    head: int = 32 << 10
    """Bytes of all header fields together."""
    in_flight: int = 64 << 20
    """Bytes of bodies of all requests together; a quarter is kept for small ones."""
    connections: int = 4096
    """Of all ports together. For one more, the oldest that has not sent complete headers is closed, else the one that is idle longest."""


_TOO_LONG = HttpProcessingError(code=400, message="the headers are too long")

IDLE_WHEN_DRAINING = 1.5
"""Seconds that a kept connection without a request lives on when the server drains."""


class _Connection(RequestHandler):
    """A connection that knows its age (or that of its last request) and whether it is at work, and tells about broken HTTP in our words."""

    def __init__(self, server: Server, service: Service, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.server = server
        self.service = service
        self.since = time.monotonic()
        self.used = False
        self.busy = False
        self.head = 0
        """Bytes of headers that have come and are not complete."""

    def data_received(self, data: bytes) -> None:
        """Headers that do not end are bounded, not only each of their lines."""
        super().data_received(data)
        waiter = self._waiter
        if waiter is None or waiter.done():  # a request is at work, or has just become complete
            self.head = 0
            return
        self.head += len(data)
        if self.head > self.server.limits.head:
            self._messages.append((_ErrInfo(status=400, exc=_TOO_LONG, message=str(_TOO_LONG)), EMPTY_PAYLOAD))
            waiter.set_result(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """One more; beyond the cap another one has to go."""
        super().connection_made(transport)
        self.server.opened(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """One less."""
        super().connection_lost(exc)
        self.server.closed(self)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        answer = self.service.broken(status, exc, request)
        answer.force_close()
        return answer


class _Connections(web.Server):
    """The connections of one port."""

    service: Service
    server: Server

    def __call__(self) -> RequestHandler:
        return _Connection(self.server, self.service, self, loop=self._loop, **self._kwargs)


class _Port:
    """One port: its service and its connections."""

    def __init__(self, service: Service, server: Server) -> None:
        self.service = service
        self.accepting: list[asyncio.Server] = []
        self.context: ssl.SSLContext | None = None
        limits = server.limits

        answer = tracing.around_answer(service.answer)

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await server.handle(answer, request)

        self.connections = _Connections(
            handle,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=limits.idle,
            lingering_time=limits.linger,
            max_line_size=limits.line,
            max_field_size=limits.line,
        )
        self.connections.service = service
        self.connections.server = server


class Server:
    """Serves tables of listeners, and other services, on sockets that were handed in."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.budget = Budget(self.limits.in_flight)
        self.bodies = Bodies(self.budget, self.limits.body)
        self.draining = False
        self._ports: dict[int, _Port] = {}
        self._open: set[_Connection] = set()
        self._silent: dict[_Connection, None] = {}
        """Those that have not sent complete headers yet, oldest first."""
        self._idle: dict[_Connection, None] = {}
        """Those between two requests, the one that is idle longest first."""
        self._watchdog: asyncio.Task[None] | None = None

    async def start(
        self,
        tables: Mapping[int, Table[Served]],
        sockets: Mapping[int, Sequence[socket.socket]],
        tls: Mapping[int, ssl.SSLContext] | None = None,
    ) -> None:
        """Begin to accept for webhooks. ``sockets`` are listening ones, by the port of the manifest."""
        for number, table in tables.items():
            await self.serve(number, WebhookService(table, self.bodies), sockets[number], (tls or {}).get(number))

    async def serve(
        self, number: int, service: Service, sockets: Sequence[socket.socket], tls: ssl.SSLContext | None = None
    ) -> None:
        """Begin to accept for a service; ``number`` is what the port is called."""
        if self._watchdog is None:
            self._watchdog = asyncio.create_task(self._watch(), name="header deadline")
        port = self._ports[number] = _Port(service, self)
        port.context = tls
        loop = asyncio.get_running_loop()
        for listening in sockets:
            port.accepting.append(
                await loop.create_server(
                    port.connections,
                    sock=listening.dup(),
                    ssl=tls,
                    ssl_handshake_timeout=self.limits.headers if tls else None,
                    backlog=1024,
                )
            )

    @property
    def tls(self) -> dict[int, ssl.SSLContext]:
        """The contexts of the ports that speak TLS; a certificate that is loaded into one counts from the next connection on."""
        return {number: port.context for number, port in self._ports.items() if port.context is not None}

    def replace(self, tables: Mapping[int, Table[Served]]) -> None:
        """Serve other tables from the next request on, on the ports of webhooks that are open."""
        for number, port in self._ports.items():
            if isinstance(port.service, WebhookService):
                port.service.table = tables.get(number) or Table()

    def retire(self) -> None:
        """Close each connection with its next answer, so that senders come again where they are sent then. New ones are still accepted."""
        self.draining = True

    async def drain(self, grace: float) -> None:
        """Stop accepting; answer what is under way, for up to ``grace`` seconds.

        A kept connection gets ``IDLE_WHEN_DRAINING`` seconds for a request that may be on its way; its answer closes it.
        """
        self.draining = True
        for port in self._ports.values():
            for accepting in port.accepting:
                accepting.close()
        deadline = time.monotonic() + grace
        begin = time.monotonic()
        while time.monotonic() < deadline and (
            kept := [c for p in self._ports.values() for c in p.connections.connections]
        ):
            for connection in kept:
                assert isinstance(connection, _Connection)
                if not connection.busy and time.monotonic() - max(begin, connection.since) > IDLE_WHEN_DRAINING:
                    connection.force_close()
            await asyncio.sleep(0.02)  # aiohttp tells nobody when a connection ends
        for port in self._ports.values():
            await port.connections.shutdown(timeout=1.0)
        if self._watchdog is not None:
            self._watchdog.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watchdog

    def opened(self, connection: _Connection) -> None:
        """A connection came. Beyond the cap the oldest one goes that has not sent complete headers, else the one that is idle longest."""
        if len(self._open) >= self.limits.connections:
            gone = next(iter(self._silent), None) or next(iter(self._idle), connection)
            UNKNOWN.rejected("TooManyConnections")
            gone.force_close()
            self.closed(gone)
            if gone is connection:
                return
        self._open.add(connection)
        self._silent[connection] = None

    def closed(self, connection: _Connection) -> None:
        """A connection ended."""
        self._open.discard(connection)
        self._silent.pop(connection, None)
        self._idle.pop(connection, None)

    async def _watch(self) -> None:
        """Close connections whose first request does not come."""
        while True:
            await asyncio.sleep(min(self.limits.headers / 4, 1.0))
            oldest = time.monotonic() - self.limits.headers
            for event, difference in overdue(time.monotonic()):
                log.error("the account of deliveries does not add up", event_name=event, difference=difference)
            for port in self._ports.values():
                for connection in port.connections.connections:
                    assert isinstance(connection, _Connection)
                    if not connection.used and connection.since < oldest:
                        UNKNOWN.rejected("HeaderTimeout")
                        connection.force_close()

    async def handle(self, answers: Answers, request: web.BaseRequest) -> web.StreamResponse:
        """One request, from its headers to the answer."""
        connection = request.protocol
        assert isinstance(connection, _Connection)
        if connection.used:
            self._idle.pop(connection, None)
        else:
            self._silent.pop(connection, None)
        connection.used = connection.busy = True
        try:
            if sum([len(name) + len(value) for name, value in request.raw_headers]) > self.limits.head:
                answer: web.StreamResponse = connection.service.broken(400, _TOO_LONG, request)
                answer.force_close()
            else:
                answer = await answers(request)
        finally:
            connection.busy = False
            connection.since = time.monotonic()
            if connection in self._open:
                self._idle[connection] = None
        if self.draining or not request.content.is_eof():
            answer.force_close()
        return answer
