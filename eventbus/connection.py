"""The only door to nats-py: one connection that never gives up, requests that know their deadline, and no foreign exception.

Messages go to plain functions as they arrive. nats-py's own way (a queue, a task and an object per subscription and message) costs more
than everything else that happens to an event here.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import random
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import nats.errors
from nats.aio.client import Client, Server
from nats.aio.subscription import Subscription as NatsSubscription

from eventbus.interface import Address, Tls
from eventbus.reaching import Transport
from events.errors import Refused, SpecError, Unavailable

__all__ = ["Connection", "Handler", "Lost", "Reply", "open_connection", "status_of"]

log = logging.getLogger(__name__)

Handler = Callable[[str, str, bytes, bytes], None]
"""``(subject, reply subject, data, raw headers)``; called in the read loop, so it must be quick and must not raise."""

_PING_SECONDS = 5
_RECONNECT_SECONDS = (0.05, 2.0)
_BUFFER_BYTES = 8 << 20
"""What may wait for the socket before a publish waits, too; also acknowledgements that wait for the connection to come back."""


class Reply(NamedTuple):
    """An answer; ``status`` is 0 unless the server answered in the place of a responder (503: nobody listens)."""

    status: int
    data: bytes


class Lost(Unavailable):
    """The connection broke while a request was under way: it may or may not have taken effect."""


class _Client(Client):
    """nats-py's client, with handlers that are called at once."""

    def __init__(self, *, needs_tls: bool = False) -> None:
        super().__init__()
        self.handlers: dict[int, Handler] = {}
        self.closing: asyncio.Task[None] | None = None
        self._needs_tls = needs_tls

    async def _connect_to_server(self, s: Any) -> None:
        if not self._transport and s.uri.scheme in ("nats", "tls"):
            self._transport = Transport()  # type: ignore[no-untyped-call]
        await super()._connect_to_server(s)

    async def _attempt_reconnect(self) -> None:
        """Closed, so that ``Connection`` opens a new one, when something happens that nats-py does not expect: it would never try again."""
        try:
            await super()._attempt_reconnect()
        except Exception as error:
            log.warning("the way back to the bus failed: %s: %s", type(error).__name__, error)
            self.closing = asyncio.create_task(self.close())  # which would cancel the task that we are in

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        """What the server says of itself, before we say anything: nats-py would send the password to a server without TLS."""
        if initial_connection and self._needs_tls and not info.get("tls_required"):
            raise nats.errors.SecureConnRequiredError
        await super()._process_info(info, initial_connection)

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        handler = self.handlers.get(sid)
        if handler is None:
            await super()._process_msg(sid, subject, reply, data, headers)
            return
        try:
            handler(subject.decode(), reply.decode(), data, headers or b"")
        except Exception:
            log.exception("a message handler failed")  # it must not end the read loop


class Connection:
    """See ``open_connection``."""

    def __init__(self, address: Address, name: str, timeout: float) -> None:
        self._address = address
        self._name = name
        self._timeout = timeout
        self._client = self._new_client()
        self._up = asyncio.Event()
        self._down_since: float | None = None
        self._was_up = False
        self.replies = 0
        """Answers that came, to tell a bus that is slow from one that hangs."""
        self._closing = False
        self._last_error = ""
        self._subscriptions: dict[str, tuple[Handler, NatsSubscription]] = {}
        self._waiting: dict[str, asyncio.Future[Reply]] = {}
        self._tokens = itertools.count()
        self._inbox = ""
        self._listeners: list[Callable[[bool], None]] = []
        self._reopening: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def is_up(self) -> bool:
        """Whether the connection stands."""
        return self._up.is_set()

    @property
    def max_payload(self) -> int:
        """Headers and data of one message may have this many bytes together; 0 while no server has said so."""
        return int(self._client.max_payload) if self._was_up else 0

    @property
    def waiting(self) -> str:
        """The oldest request without an answer, as a token; empty when there is none."""
        return next(iter(self._waiting), "")

    def give_up(self, reason: str) -> None:
        """Fail all requests that wait for an answer, as if the connection had broken."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(Lost(reason))

    def listen(self, listener: Callable[[bool], None]) -> Callable[[], None]:
        """Call ``listener(True)`` when the connection is back and ``listener(False)`` when it breaks; returns how to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def send(
        self, subject: str, data: bytes = b"", *, reply: str = "", headers: dict[str, str] | None = None
    ) -> None:
        """Send without waiting for anything. While the connection is away this is kept in memory up to a bound."""
        try:
            await self._client.publish(subject, data, reply, headers)
        except nats.errors.Error as error:
            raise Unavailable(f"the bus is away: {self._why(error)}") from error
        except (OSError, RuntimeError, AttributeError) as error:  # the transport is being replaced
            raise Unavailable(f"the bus is away: {error}") from error

    async def request(self, subject: str, data: bytes = b"", *, headers: dict[str, str] | None = None) -> Reply:
        """Send and wait for the answer. Raises Lost when the connection broke meanwhile, Unavailable when no answer came in time."""
        token = str(next(self._tokens))
        future: asyncio.Future[Reply] = self._loop.create_future()
        self._waiting[token] = future
        try:
            async with asyncio.timeout(self._timeout):
                if not self._up.is_set():
                    await self._wait_up()
                await self.send(subject, data, reply=self._inbox + token, headers=headers)
                return await future
        except TimeoutError:
            if future.done() and not future.cancelled():
                future.exception()  # it failed while we were still sending; nobody else will look at it
            raise Unavailable(f"the bus gave no answer within {self._timeout:g} s{self._because()}") from None
        finally:
            del self._waiting[token]

    async def subscribe(self, subject: str, handler: Handler) -> None:
        """Hand every message on ``subject`` to ``handler``, also after the connection was away."""
        try:
            subscription = await self._client.subscribe(subject)
        except nats.errors.Error as error:
            raise Unavailable(f"the bus is away: {self._why(error)}") from error
        self._client.handlers[subscription._id] = handler
        self._subscriptions[subject] = (handler, subscription)

    async def unsubscribe(self, subject: str) -> None:
        """Stop handing messages on."""
        entry = self._subscriptions.pop(subject, None)
        if entry is not None:
            self._client.handlers.pop(entry[1]._id, None)
            with contextlib.suppress(nats.errors.Error):
                await entry[1].unsubscribe()

    def inbox(self) -> str:
        """A fresh subject that nobody else listens at."""
        return str(self._client.new_inbox())

    async def move(self, address: Address) -> None:
        """Connect anew to this address, or with these credentials; what is under way fails as when the connection breaks.

        Raises SpecError for certificates that cannot be used; then nothing is changed.
        """
        if address == self._address:
            return
        if address.tls is not None:
            _tls_context(address.tls)
        self._address = address
        log.info("the bus has another address or other credentials; connecting anew")
        if self._reopening is None or self._reopening.done():  # else its next try takes the new address
            await _close(self._client)

    async def wait_up(self) -> None:
        """Wait, for as long as it takes, until the connection stands."""
        await self._up.wait()

    async def _wait_up(self) -> None:
        """Wait for the connection, but not longer than the time limit after it broke: a short restart passes unseen, a long outage costs no time."""
        since = self._down_since if self._down_since is not None else self._loop.time()
        try:
            async with asyncio.timeout_at(since + self._timeout):
                await self._up.wait()
        except TimeoutError:
            raise Unavailable(f"the bus is away{self._because()}") from None

    async def _open(self, limit: float) -> None:
        """The first connection. Raises Refused for wrong credentials, Unavailable when the server is away."""
        connecting = asyncio.create_task(self._connect(self._client))
        try:
            async with asyncio.timeout(limit):
                await connecting
        except TimeoutError:
            raise Unavailable(f"no bus at {self._address.url}{self._because()}") from None
        except (nats.errors.Error, OSError, ValueError, ssl.SSLError) as error:
            if _is_authorization(error):
                who = f"the user '{self._address.user}'" if self._address.user else "the token"
                who = who if self._address.user or self._address.token else "clients without credentials"
                raise Refused(f"the bus at {self._address.url} refuses {who}", hint="check the access secret") from None
            raise Unavailable(f"no bus at {self._address.url}: {self._why(error)}") from error
        finally:
            connecting.cancel()
            if not self._client.is_connected:
                self._closing = True
                await _close(self._client)

    def _open_later(self) -> None:
        """Go on trying after ``_open`` has failed."""
        self._closing = False
        self._down_since = self._loop.time() - self._timeout  # nobody waits for what never was
        self._client = self._new_client()
        self._reopening = asyncio.create_task(self._reopen())

    def _new_client(self) -> _Client:
        tls = self._address.tls
        secured = any(url.strip().startswith("tls:") for url in self._address.url.split(","))
        return _Client(needs_tls=secured or (tls is not None and tls.required))

    async def _connect(self, client: _Client) -> None:
        """Connect this client and make it ours, with all subscriptions."""
        address = self._address
        first = True

        async def on_error(error: Exception) -> None:
            self._last_error = str(error) or type(error).__name__
            if first and _is_authorization(error):
                client.options["allow_reconnect"] = False  # have connect() raise it; it would try again for ever

        async def on_disconnect() -> None:
            self._went_down()

        async def on_reconnect() -> None:
            self._came_up()

        async def on_close() -> None:
            if client is not self._client:
                return  # one that never came up
            self._went_down()
            if not self._closing:  # nats-py gives up for good when the server says -ERR
                log.warning("the bus closed the connection%s; opening a new one", self._because())
                self._reopening = asyncio.create_task(self._reopen())

        await client.connect(
            [url.strip() for url in address.url.split(",")],
            name=self._name,
            user=address.user or None,
            password=address.password or None,
            token=address.token or None,
            tls=_tls_context(address.tls) if address.tls else None,
            error_cb=on_error,
            disconnected_cb=on_disconnect,
            reconnected_cb=on_reconnect,
            closed_cb=on_close,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.1,  # type: ignore[arg-type] # declared int, used as seconds to sleep
            reconnect_to_server_handler=_reconnect_delay,
            ping_interval=_PING_SECONDS,
            max_outstanding_pings=2,
            pending_size=_BUFFER_BYTES,
            flush_timeout=self._timeout,
        )
        first = False
        if (
            not client.is_connected
        ):  # the server hung up instead of greeting us, which nats-py does not take for a failure
            raise nats.errors.ConnectionClosedError
        inbox = client.new_inbox() + "."
        subscription = await client.subscribe(inbox + "*")
        client.handlers[subscription._id] = self._on_reply
        for subject, (handler, _) in tuple(self._subscriptions.items()):
            subscription = await client.subscribe(subject)
            if subject in self._subscriptions:  # nobody has unsubscribed meanwhile
                client.handlers[subscription._id] = handler
                self._subscriptions[subject] = (handler, subscription)
        self._client, self._inbox = client, inbox
        self._came_up()

    async def _reopen(self) -> None:
        """A new client in place of one that is closed for good, with the same subscriptions."""
        wait, most = _RECONNECT_SECONDS
        while not self._closing:
            client = self._new_client()
            try:
                await self._connect(client)
            except Exception as error:  # whatever it is, a connection that nobody opens would stay away for ever
                self._last_error = str(error) or type(error).__name__
                await _close(client)
                log.warning("no connection to the bus%s; trying again", self._because())
                await asyncio.sleep(wait)
                wait = min(wait * 2, most)
            except asyncio.CancelledError:
                await _close(client)
                raise
            else:
                return

    def _came_up(self) -> None:
        self._down_since = None
        self._last_error = ""
        self._was_up = True
        self._up.set()
        for listener in tuple(self._listeners):
            listener(True)

    def _went_down(self) -> None:
        if not self._up.is_set():
            return
        self._up.clear()
        self._down_since = self._loop.time()
        self.give_up(f"the connection to the bus broke{self._because()}")
        for listener in tuple(self._listeners):
            listener(False)

    def _on_reply(self, subject: str, reply: str, data: bytes, headers: bytes) -> None:
        self.replies += 1
        future = self._waiting.get(subject[len(self._inbox) :])
        if future is not None and not future.done():
            future.set_result(Reply(status_of(headers) if headers else 0, data))

    async def _close(self) -> None:
        self._closing = True
        if self._reopening is not None:
            self._reopening.cancel()
            await asyncio.gather(self._reopening, return_exceptions=True)
        if self._up.is_set():
            with contextlib.suppress(Exception):
                await self._client.flush(timeout=2)  # acknowledgements that are still in the buffer
        await _close(self._client)

    def _why(self, error: Exception) -> str:
        return str(error) or self._last_error or type(error).__name__

    def _because(self) -> str:
        return f" ({self._last_error})" if self._last_error else ""


@asynccontextmanager
async def open_connection(
    address: Address,
    *,
    name: str,
    request_timeout: float = 2.0,
    connect_timeout: float = 5.0,
    patient: bool = False,
    forgiving: bool = False,
) -> AsyncIterator[Connection]:
    """A connection to the bus. Raises Unavailable when there is none within ``connect_timeout``, Refused for wrong credentials.

    Later it comes back by itself whatever happens. ``request_timeout`` bounds each request in seconds. A ``patient`` one is handed out
    without a server, too, and comes up when there is one; one that is ``forgiving``, too, also when the server refuses the credentials,
    which may be about to change.
    """
    connection = Connection(address, name, request_timeout)
    try:
        await connection._open(connect_timeout)
    except (Unavailable, Refused) as error:
        if not patient or (isinstance(error, Refused) and not forgiving):
            raise
        log.warning("%s; going on without it until it comes", error)
        connection._open_later()
    try:
        yield connection
    finally:
        await connection._close()


def status_of(headers: bytes) -> int:
    """The status of ``NATS/1.0 503 …``, or 0 for the headers of an ordinary message."""
    status = headers[9:12]
    return int(status) if headers[8:9] == b" " and status.isdigit() else 0


async def _close(client: Client) -> None:
    with contextlib.suppress(Exception):  # what is half open may not know how
        await client.close()
    if client._transport:  # and forgets this
        client._transport.close()  # type: ignore[no-untyped-call]


def _reconnect_delay(servers: list[Server], info: dict[str, Any]) -> tuple[Server, float]:
    """The server that was tried least, and how long to wait before: a little at once, up to two seconds, each with jitter."""
    least, most = _RECONNECT_SECONDS
    server = min(servers, key=lambda each: each.reconnects)
    return server, min(most, least * 2.0 ** min(server.reconnects, 10)) * random.uniform(0.5, 1.0)


def _is_authorization(error: Exception) -> bool:
    return isinstance(error, nats.errors.AuthorizationError) or "authorization violation" in str(error).lower()


def _tls_context(tls: Tls) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=tls.ca or None)
        if tls.certificate:
            with tempfile.TemporaryDirectory() as folder:  # OpenSSL reads files only; the folder is ours alone
                certificate, key = Path(folder, "tls.crt"), Path(folder, "tls.key")
                certificate.write_text(tls.certificate)
                key.touch(mode=0o600)
                key.write_text(tls.key)
                context.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:
        raise SpecError(f"the certificates for the bus cannot be used: {error}", reason="InvalidCertificate") from error
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
