"""The accepting side of ``pointsman server``: its socket, its bus with or without a spool, and when it may begin. Shell."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack
from pathlib import Path

import structlog
from prometheus_client import REGISTRY

from eventbus import jetstream, spooling
from eventbus.interface import Address
from eventbus.jetstream import JetStreamBus
from eventbus.metrics import SpoolMetrics
from eventbus.spooling import SpoolingBus
from eventbus.stream import StreamSettings
from events.cli.endpoint import EndpointOptions, serve_endpoint
from events.cli.patient import PatientProcess
from events.cli.stored import BINDINGS_BUS
from events.errors import InUse, PointsmanError, SpecError
from eventsource.endpoint.gate import Gate
from eventsource.server import Server

__all__ = ["Posts", "bound"]

log = structlog.get_logger("server")

_BACKLOG = 4096


class Posts:
    """The accepting side. An event reaches the bus only when the bindings have their consumer there: a new one would miss it."""

    def __init__(
        self,
        address: Address,
        stream: StreamSettings,
        process: PatientProcess,
        *,
        gate: Gate,
        spool: tuple[Path, int] | None,
    ) -> None:
        self.http = Server()
        self.bus: JetStreamBus | None = None
        self.process = process
        self._address = address
        self._stream = stream
        self._gate = gate
        self._spool = spool
        """Folder and bytes."""
        self._trouble = ""

    @property
    def has_spool(self) -> bool:
        """Whether posts are taken while the bus is away."""
        return self._spool is not None

    async def open(
        self, stack: AsyncExitStack, listening: socket.socket, options: EndpointOptions, retention: float
    ) -> None:
        """Take posts; without a spool, when the bus is there. Raises PointsmanError."""
        try:
            await self._open(stack, listening, options, retention)
        except PointsmanError as error:
            self._trouble = str(error)
            log.error("posts are not taken", error=str(error))
            raise

    async def _open(
        self, stack: AsyncExitStack, listening: socket.socket, options: EndpointOptions, retention: float
    ) -> None:
        await self.process.tried.wait()
        self.bus = await self._connected(stack)
        try:
            listening.listen(_BACKLOG)
        except OSError as error:
            host, port = listening.getsockname()[:2]
            raise _in_use(host, port, error) from None
        await serve_endpoint(
            stack,
            self.http,
            self._gate,
            self.bus,
            listening,
            options.settings(),
            retention=retention,
            certificate=options.certificate(),
        )

    async def _connected(self, stack: AsyncExitStack) -> JetStreamBus:
        name = "pointsman endpoint"
        if self._spool is None:
            await self.process.started.wait()
            return await stack.enter_async_context(jetstream.connect(self._address, name=name, stream=self._stream))
        folder, limit = self._spool
        bus = await stack.enter_async_context(
            spooling.connect(self._address, name=name, folder=folder, limit=limit, stream=self._stream)
        )
        metrics = SpoolMetrics()
        metrics.buses[BINDINGS_BUS] = bus
        REGISTRY.register(metrics)
        stack.callback(REGISTRY.unregister, metrics)
        if not self.process.started.is_set():
            bus.hold()
            releasing = asyncio.create_task(self._release(bus), name="release of the spool")
            stack.callback(releasing.cancel)
        return bus

    async def _release(self, bus: SpoolingBus) -> None:
        await self.process.started.wait()
        bus.release()

    def unready(self) -> list[str]:
        """Why no posts should be sent here. With a spool they are taken without the bus."""
        if self._trouble:
            return [self._trouble]
        if isinstance(self.bus, SpoolingBus):
            return [reason] if (reason := self.bus.unready()) else []
        if self.bus is None:
            return self.process.unready()
        return [] if self.bus.is_up else ["the bus is away"]

    def warnings(self) -> list[str]:
        """What keeps posts from the bus, though they may be taken."""
        return [text] if isinstance(self.bus, SpoolingBus) and (text := self.bus.warning()) else []


def bound(host: str, port: int) -> socket.socket:
    """The socket of posts, not listening yet: until posts can be kept a sender is refused, which it understands as "try later"."""
    one = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        one.bind((host, port))
    except socket.gaierror:
        one.close()
        raise SpecError(f"'{host}' is no address of this computer", path="--host") from None
    except OSError as error:
        one.close()
        raise _in_use(host, port, error) from None
    return one


def _in_use(host: str, port: int, error: OSError) -> InUse:
    text = f"port {port} of {host} cannot be opened: {error.strerror}"
    return InUse(text, hint="choose another with --port")
