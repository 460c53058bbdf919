"""Step 1, receive: one HTTP connection, and all that are open, within bounds. Who listens and who answers is up to the server."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from eventsource.body import EARLY, SPREAD
from eventsource.lingering import Pace, Rest
from eventsource.metrics import UNKNOWN

__all__ = ["Connection", "Connections", "Limits", "Service"]


class Service(Protocol):
    """Answers the requests of a port."""

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to a request; raises nothing."""

    def broken(self, status: int, error: BaseException | None, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to what is no HTTP (400), and when we have a bug (500)."""


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
    ahead: int = EARLY
    """Bytes of a body that are read before the service takes them, and what one more read brings. Most bodies have come whole by then;
    thousands that wait for their turn hold little (aiohttp's own default: half a megabyte each)."""
    in_flight: int = 64 << 20
    """Bytes of bodies of all requests together; a quarter is kept for small ones."""
    connections: int = 4096
    """Of all ports together. For one more, the oldest that has not sent complete headers is closed, else the one that is idle longest."""


_TOO_LONG = HttpProcessingError(code=400, message="the headers are too long")

_AT_ONCE = 64
"""So many connections are closed before others get a turn: thousands may be late at the same time."""


class Connection(RequestHandler):
    """A connection that knows its age (or that of its last request) and whether it is at work, and tells about broken HTTP in our words."""

    def __init__(self, all_open: Connections, service: Service, *args: Any, **kwargs: Any) -> None:
        limits = all_open.limits
        super().__init__(
            *args,
            auto_decompress=False,
            keepalive_timeout=limits.idle,
            lingering_time=0,  # finish_response does it
            read_bufsize=limits.ahead // 2,  # what is held is twice as much
            max_line_size=limits.line,
            max_field_size=limits.line,
            **kwargs,
        )
        self.service = service
        self.since = time.monotonic()
        self.due = self.since + limits.headers * random.uniform(1.0, SPREAD)
        """When the first request's headers must be complete."""
        self.used = False
        self.busy = False
        self._all_open = all_open
        self._limits = limits
        self._head = 0
        """Bytes of headers that have come and are not complete."""
        self._rest: Rest | None = None
        """Set when what comes is thrown away."""

    def data_received(self, data: bytes) -> None:
        """Headers that do not end are bounded, not only each of their lines."""
        if self._rest is not None:
            self._rest.came(len(data))
            return
        super().data_received(data)
        if self._messages and isinstance(self._messages[-1][0], _ErrInfo):
            self._break_off()
        waiter = self._waiter
        if waiter is None or waiter.done():  # a request is at work, or has just become complete
            self._head = 0
            return
        self._head += len(data)
        if self._head > self._limits.head:
            self._messages.append((_ErrInfo(status=400, exc=_TOO_LONG, message=str(_TOO_LONG)), EMPTY_PAYLOAD))
            waiter.set_result(None)

    def _break_off(self) -> None:
        """What came last is no HTTP. aiohttp answers that in its turn, and tells nothing to who waits for the body before it."""
        current = self._current_request
        before = self._messages[-2][1] if len(self._messages) > 1 else current.content if current is not None else None
        if before is not None and not before.is_eof():
            before.set_exception(web.RequestPayloadError("the body is malformed"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """One more; beyond the cap another one has to go."""
        super().connection_made(transport)
        self._all_open.opened(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """One less."""
        super().connection_lost(exc)
        self._all_open.closed(self)

    def force_close(self) -> None:
        """Close it once what was written is sent; aiohttp calls this as well when it is lost."""
        super().force_close()
        if self._rest is not None:
            self._rest.closed()

    def too_long(self, request: web.BaseRequest) -> web.StreamResponse | None:
        """The answer to headers that are too long together; None when they are not."""
        if sum([len(name) + len(value) for name, value in request.raw_headers]) <= self._limits.head:
            return None
        return self.handle_error(request, 400, _TOO_LONG)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer. When the body has not come whole, its rest is thrown away and the connection ends."""
        sent = await super().finish_response(request, resp, start_time)
        content, transport = request.content, self.transport
        if content.is_eof() or transport is None:
            return sent
        announced = request.content_length
        self._rest = Rest(transport, None if announced is None else announced - content.total_bytes)
        if content.exception() is None:
            content.read_nowait()  # what has come is held no longer
        await self._rest.throw_away(self._all_open.pace, self._limits.linger)
        self.force_close()
        return sent

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what is no HTTP, or to a fault of ours; it ends the connection."""
        answer = self.service.broken(status, exc, request)
        answer.force_close()
        return answer


class Connections:
    """Those of all ports that are open, each in one of three states: silent (no complete headers yet), at work, idle (between requests)."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.pace = Pace()
        self._open: set[Connection] = set()
        self._silent: dict[Connection, None] = {}
        """Oldest first."""
        self._idle: dict[Connection, None] = {}
        """The one that is idle longest first."""

    def __len__(self) -> int:
        return len(self._open)

    def opened(self, connection: Connection) -> None:
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

    def closed(self, connection: Connection) -> None:
        """A connection ended."""
        self._open.discard(connection)
        self._silent.pop(connection, None)
        self._idle.pop(connection, None)

    def begin(self, connection: Connection) -> None:
        """A request's headers are complete."""
        if connection.used:
            self._idle.pop(connection, None)
        else:
            self._silent.pop(connection, None)
        connection.used = connection.busy = True

    def end(self, connection: Connection) -> None:
        """The request's answer is known."""
        connection.busy = False
        connection.since = time.monotonic()
        if connection in self._open:
            self._idle[connection] = None

    async def close_late(self) -> None:
        """Close those whose first request has not come in time."""
        now = time.monotonic()
        late = [connection for connection in self._silent if connection.due < now]
        for number, connection in enumerate(late, 1):
            if connection in self._silent:
                UNKNOWN.rejected("HeaderTimeout")
                connection.force_close()
                self.closed(connection)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
