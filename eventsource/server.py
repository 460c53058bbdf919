"""Step 1, receive: ports and what they serve. What a request is for is up to the service of its port.

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

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from events import tracing
from eventsource.answers import Served
from eventsource.body import Bodies, Budget
from eventsource.connections import Connection, Connections, Limits, Service
from eventsource.metrics import overdue
from eventsource.routes import Table
from eventsource.serving import WebhookService

__all__ = ["Limits", "Server", "Service"]


log = structlog.get_logger("eventsource")


Answers = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
"""``Service.answer``, or something around it."""


IDLE_WHEN_DRAINING = 1.5
"""Seconds that a kept connection without a request lives on when the server drains."""

CLOSING = 2.0
"""Seconds that a sender has to answer the end of TLS. Until then all that it sends is read, and ``drain`` waits for it."""


class _Http(web.Server):
    """What aiohttp makes the connections of one port with."""

    service: Service
    all_open: Connections

    def __call__(self) -> RequestHandler:
        return Connection(self.all_open, self.service, self, loop=self._loop, **self._kwargs)


class _Port:
    """One port: its service and its connections."""

    def __init__(self, service: Service, server: Server) -> None:
        self.service = service
        self.accepting: list[asyncio.Server] = []
        self.context: ssl.SSLContext | None = None
        answer = tracing.around_answer(service.answer)

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await server.handle(answer, request)

        self.http = _Http(handle, access_log=None)
        self.http.service = service
        self.http.all_open = server.all_open


class Server:
    """Serves tables of listeners, and other services, on sockets that were handed in."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.budget = Budget(self.limits.in_flight)
        self.bodies = Bodies(self.budget, self.limits.body)
        self.all_open = Connections(self.limits)
        self.draining = False
        self._ports: dict[int, _Port] = {}
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
                    port.http,
                    sock=listening.dup(),
                    ssl=tls,
                    ssl_handshake_timeout=self.limits.headers if tls else None,
                    ssl_shutdown_timeout=CLOSING if tls else None,
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
        while time.monotonic() < deadline and (kept := [c for p in self._ports.values() for c in p.http.connections]):
            for connection in kept:
                assert isinstance(connection, Connection)
                if not connection.busy and time.monotonic() - max(begin, connection.since) > IDLE_WHEN_DRAINING:
                    connection.force_close()
            await asyncio.sleep(0.02)  # aiohttp tells nobody when a connection ends
        for port in self._ports.values():
            for connection in port.http.connections:
                assert isinstance(connection, Connection)
                if not connection.busy:
                    connection.force_close()
            await port.http.shutdown(timeout=1.0)
        if self._watchdog is not None:
            self._watchdog.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watchdog

    async def _watch(self) -> None:
        """Close connections whose first request does not come."""
        while True:
            await asyncio.sleep(min(self.limits.headers / 4, 0.25))
            for event, difference in overdue(time.monotonic()):
                log.error("the account of deliveries does not add up", event_name=event, difference=difference)
            await self.all_open.close_late()

    async def handle(self, answers: Answers, request: web.BaseRequest) -> web.StreamResponse:
        """One request, from its headers to the answer."""
        connection = request.protocol
        assert isinstance(connection, Connection)
        self.all_open.begin(connection)
        try:
            answer = connection.too_long(request) or await answers(request)
        finally:
            self.all_open.end(connection)
        if self.draining or not request.content.is_eof():
            answer.force_close()
        return answer
