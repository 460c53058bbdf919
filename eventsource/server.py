"""Step 1, receive: HTTP requests become deliveries, within bounds; the answer comes after the bus has stored the events.

The order is cheapest first: route → bearer token → size → body → signature → convert → publish → answer. aiohttp's low-level server is
used without its router and middlewares: this is the hot path.

Listening sockets are handed in and stay the caller's: ``drain`` stops accepting but never shuts a socket down, so that another
process can take over in the meantime without a lost request.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from events.errors import PointsmanError, Rejected
from eventsource import answers
from eventsource import body as bodies
from eventsource.answers import Served
from eventsource.delivery import Delivery, Headers, canonical, masked
from eventsource.forms import unescape
from eventsource.metrics import UNKNOWN
from eventsource.routes import Table

__all__ = ["Limits", "Server"]


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
    in_flight: int = 64 << 20
    """Bytes of bodies of all requests together."""


IDLE_WHEN_DRAINING = 1.5
"""Seconds that a kept connection without a request lives on when the server drains."""


class _Connection(RequestHandler):
    """A connection that knows its age (or that of its last request) and whether it is at work, and tells about broken HTTP in our words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.since = time.monotonic()
        self.used = False
        self.busy = False

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        answer = answers.broken() if status == 400 else answers.fault(exc, request)
        answer.force_close()
        return answer


class _Connections(web.Server):
    """The connections of one port."""

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Port:
    """One port: its routes (replaceable) and its connections."""

    def __init__(self, table: Table[Served], server: Server) -> None:
        self.table = table
        self.accepting: list[asyncio.Server] = []
        self.context: ssl.SSLContext | None = None
        limits = server.limits

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await server.handle(self.table, request)

        self.connections = _Connections(
            handle,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=limits.idle,
            lingering_time=limits.linger,
        )


class Server:
    """Serves tables of listeners on sockets that were handed in."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.budget = bodies.Budget(self.limits.in_flight)
        self.draining = False
        self._ports: dict[int, _Port] = {}
        self._watchdog: asyncio.Task[None] | None = None

    async def start(
        self,
        tables: Mapping[int, Table[Served]],
        sockets: Mapping[int, Sequence[socket.socket]],
        tls: Mapping[int, ssl.SSLContext] | None = None,
    ) -> None:
        """Begin to accept. ``sockets`` are listening ones, by the port of the manifest."""
        loop = asyncio.get_running_loop()
        self._watchdog = asyncio.create_task(self._watch(), name="header deadline")
        for number, table in tables.items():
            port = self._ports[number] = _Port(table, self)
            port.context = (tls or {}).get(number)
            for listening in sockets[number]:
                port.accepting.append(
                    await loop.create_server(
                        port.connections,
                        sock=listening.dup(),
                        ssl=port.context,
                        ssl_handshake_timeout=self.limits.headers if port.context else None,
                        backlog=1024,
                    )
                )

    @property
    def tls(self) -> dict[int, ssl.SSLContext]:
        """The contexts of the ports that speak TLS; a certificate that is loaded into one counts from the next connection on."""
        return {number: port.context for number, port in self._ports.items() if port.context is not None}

    def replace(self, tables: Mapping[int, Table[Served]]) -> None:
        """Serve other tables from the next request on, on the ports that are open."""
        for number, port in self._ports.items():
            port.table = tables.get(number) or Table()

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

    async def _watch(self) -> None:
        """Close connections whose first request does not come."""
        while True:
            await asyncio.sleep(min(self.limits.headers / 4, 1.0))
            oldest = time.monotonic() - self.limits.headers
            for port in self._ports.values():
                for connection in port.connections.connections:
                    assert isinstance(connection, _Connection)
                    if not connection.used and connection.since < oldest:
                        UNKNOWN.rejected("HeaderTimeout")
                        connection.force_close()

    async def handle(self, table: Table[Served], request: web.BaseRequest) -> web.StreamResponse:
        """One request, from its headers to the answer."""
        connection = request.protocol
        assert isinstance(connection, _Connection)
        connection.used = connection.busy = True
        begin = time.perf_counter()
        served: Served | None = None
        delivery: Delivery | None = None
        try:
            served, path, query = _route(table, request)
            if served is None:
                answer = answers.healthy()
            else:
                delivery, size = await self._receive(served, request, path, query)
                try:
                    answer = await answers.publish(served, served.listener.receive(delivery))
                finally:
                    self.budget.give(size)
                served.metrics.duration.observe((time.perf_counter() - begin) * 1e3)
        except PointsmanError as error:
            answer = answers.refusal(error, request, served, delivery)
        except Exception as error:
            answer = answers.fault(error, request, served, delivery)
        finally:
            connection.busy = False
            connection.since = time.monotonic()
        if self.draining or not request.content.is_eof():
            answer.force_close()
        return answer

    async def _receive(self, served: Served, request: web.BaseRequest, path: str, query: str) -> tuple[Delivery, int]:
        """The delivery, and the bytes that it holds of the budget."""
        context = served.listener.webhook.context
        headers = request.headers
        if context.auth_secret is not None:
            served.listener.webhook.authorize(headers.get("Authorization", ""))
        limit = context.limit
        announced = headers.get("Content-Length")
        bodies.check(headers.get("Content-Encoding", ""), int(announced or 0), limit)
        # Without a length the body may become as long as the limit.
        size = int(announced) if announced is not None else 0 if request.content.is_eof() else limit
        size = await self.budget.take(size)
        try:
            body = await bodies.read(request, limit, self.limits.body)
            fields = _headers(request.raw_headers)
            return Delivery(request.method, path, fields, body, query, time.time_ns()), size
        except BaseException:
            self.budget.give(size)
            raise


def _route(table: Table[Served], request: web.BaseRequest) -> tuple[Served | None, str, str]:
    """Who takes the request, its path (decoded) and query. None is the health check. Raises Rejected(400, 404, 405)."""
    raw = request.raw_path
    if not raw.startswith("/"):  # the absolute form
        raw = request.rel_url.raw_path_qs
    path, _, query = raw.partition("?")
    try:
        path = unescape(path)
    except ValueError as error:
        raise Rejected(400, f"the path cannot be read: {error}", reason="MalformedPath") from None
    options = table.lookup(path)
    if options is None:
        if path == "/health":
            return None, path, query
        raise Rejected(404, "nothing is served here", reason="NotFound")
    served = options.get(request.method) or options.get(None)
    if served is None:
        raise answers.MethodNotAllowed([method for method in options if method is not None])
    return served, path, query


_canonical: Callable[[bytes], str] = lru_cache(maxsize=4096)(lambda name: canonical(name.decode("latin-1")))


def _headers(raw: Sequence[tuple[bytes, bytes]]) -> Headers:
    """Canonical names and values as sent (bytes that are no UTF-8 as surrogate escapes); credentials masked."""
    return masked([(_canonical(name), value.decode("utf-8", "surrogateescape")) for name, value in raw])
