"""The source process of ``up``: all webhook servers, on listening sockets that the parent holds.

Since the parent holds them, another source process can take over without a refused connection.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from prometheus_client import REGISTRY

from eventbus import spooling, subjects
from eventbus.metrics import SpoolMetrics
from eventbus.redelivered import Redelivered
from events.cli.endpoint import serve_locally
from events.cli.state import StateFolder
from events.cli.stored import BINDINGS_BUS
from events.cli.up_hooks import hold_old_secrets, looking_after_hooks
from events.cli.wire import read_addresses, read_streams, read_vault
from events.errors import Unavailable
from events.models.base import parse
from events.models.eventsource import EventSource
from eventsource import metrics as delivery_metrics
from eventsource.process import Sources, start
from eventsource.recent import Recents
from eventsource.server import Server

__all__ = ["open_part"]

_DRAIN_SECONDS = 4.0


class _Serving:
    def __init__(
        self, server: Server, metrics: SpoolMetrics, redelivered: Redelivered, hooks: AbstractAsyncContextManager[None]
    ) -> None:
        self._server = server
        self._hooks = hooks
        self._redelivered = redelivered
        self._metrics = metrics
        self._ended = asyncio.Event()

    async def run(self) -> None:
        telling = asyncio.create_task(self._redelivered.run(), name="redeliveries")
        async with self._hooks:
            await self._ended.wait()
            # The next process may tell the forges of a new secret only when nothing comes here any more.
            await self._server.drain(_DRAIN_SECONDS)
        telling.cancel()

    async def drain(self) -> None:
        self._ended.set()

    def unready(self) -> list[str]:
        return [reason for bus in self._metrics.buses.values() if (reason := bus.unready())]

    def warnings(self) -> list[str]:
        return [text for bus in self._metrics.buses.values() if (text := bus.warning())]


@asynccontextmanager
async def open_part(config: dict[str, Any]) -> AsyncIterator[_Serving]:
    """Requests are answered once this is entered."""
    vault = read_vault(config)
    delivery_metrics.survive(StateFolder(Path(config["folder"])).deliveries)
    theirs = {(namespace, bus) for namespace, bus in config["theirs"]}
    sources = Sources([parse(EventSource, body) for body in config["sources"]], vault, elsewhere=theirs)
    for error in sources.errors:
        raise error
    hold_old_secrets(config, vault)
    sockets = {int(port): [socket.socket(fileno=fd) for fd in fds] for port, fds in config["sockets"].items()}
    async with AsyncExitStack() as stack:
        spools = Path(config["spool"])
        metrics = SpoolMetrics()
        REGISTRY.register(metrics)
        await metrics.measure(spools)
        addresses, streams = read_addresses(config), read_streams(config)
        for name, address in addresses.items():
            bus = await stack.enter_async_context(
                spooling.connect(
                    address,
                    name="pointsman source",
                    folder=spools / subjects.account(*name),
                    limit=config["spool_limit"],
                    stream=streams[name],
                )
            )
            metrics.buses[name] = bus
            with suppress(Unavailable):  # then the forwarder makes it
                await bus.ensure_stream()
        redelivered = Redelivered(Path(config["folder"]))
        recents = Recents()
        server = await start(
            sources,
            sockets,
            lambda namespace, bus: metrics.buses[namespace, bus],
            redelivered=redelivered,
            recents=recents,
        )
        if (posted := metrics.buses.get(BINDINGS_BUS)) is not None:
            await serve_locally(
                stack, server, {**config["endpoint"], "retention": config["retention"]}, posted, vault, redelivered
            )
        yield _Serving(server, metrics, redelivered, looking_after_hooks(config, vault, recents))
