"""Steps 1 to 4 as one process: compiled sources, listening sockets and buses put together, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from eventbus.interface import Bus
from eventbus.redelivered import Redelivered
from events import tracing
from events.errors import SpecError
from eventsource import metrics
from eventsource.answers import Served
from eventsource.hooks.pulls import open_pulls
from eventsource.listener import Listener
from eventsource.recent import Recents
from eventsource.routes import Table
from eventsource.server import Limits, Server
from eventsource.sources import Sources

__all__ = ["BusFor", "Sources", "bind", "renew_certificates", "serve", "start"]

BusFor = Callable[[str, str], Bus]
"""The open bus of a namespace and the name of an EventBus."""


def bind(
    sources: Sources, bus_for: BusFor, redelivered: Redelivered | None = None, recents: Recents | None = None
) -> dict[int, Table[Served]]:
    """The routes of each port with the bus and the counters of each listener."""
    recents = recents or Recents()
    served = {
        id(one): Served(
            one,
            tracing.around_bus(bus_for(one.namespace, one.bus)),
            _metrics(one),
            redelivered,
            recent=recents.of(one),
            asking=open_pulls(one, sources.vault),
        )
        for one in sources.listeners
    }
    for (namespace, source), events in Counter((one.namespace, one.source) for one in sources.listeners).items():
        metrics.running(namespace, source, events)
    return {port: table.map(lambda one: served[id(one)]) for port, table in sources.tables.items()}


def _metrics(listener: Listener) -> metrics.EventMetrics:
    return metrics.EventMetrics(listener.namespace, listener.source, listener.name)


async def start(
    sources: Sources,
    sockets: Mapping[int, Sequence[socket.socket]],
    bus_for: BusFor,
    *,
    limits: Limits | None = None,
    redelivered: Redelivered | None = None,
    recents: Recents | None = None,
) -> Server:
    """A server that accepts on these sockets; end it with ``drain``."""
    server = Server(limits)
    tls = {port: tls_context(chain, key) for port, chain, key in sources.certificates()}
    await server.start(bind(sources, bus_for, redelivered, recents), sockets, tls)
    return server


def renew_certificates(server: Server, sources: Sources) -> None:
    """Take up the certificates that the vault holds now. (Other secrets are read for each delivery.) Raises SpecError."""
    for port, chain, key in sources.certificates():
        if port in server.tls:
            tls_context(chain, key, server.tls[port])


async def serve(
    sources: Sources,
    sockets: Mapping[int, Sequence[socket.socket]],
    bus_for: BusFor,
    stop: asyncio.Event,
    *,
    grace: float = 10.0,
    limits: Limits | None = None,
) -> None:
    """Serve until ``stop`` is set, then finish what is under way within ``grace`` seconds."""
    server = await start(sources, sockets, bus_for, limits=limits)
    try:
        await stop.wait()
    finally:
        await server.drain(grace)


def tls_context(chain: bytes, key: bytes, context: ssl.SSLContext | None = None) -> ssl.SSLContext:
    """A server's context with this certificate chain and key (PEM). With ``context``, that one gets them: a renewal.

    Raises SpecError for a pair that cannot be used; then ``context`` is as it was.
    """
    with tempfile.TemporaryDirectory() as folder:  # OpenSSL reads files only; the folder is ours alone
        certificate_file, key_file = Path(folder, "tls.crt"), Path(folder, "tls.key")
        certificate_file.write_bytes(chain)
        key_file.touch(mode=0o600)
        key_file.write_bytes(key)
        fresh = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        # A pair that does not fit leaves half of itself in a context: the one that is in use gets it only when it fits.
        for each in (fresh,) if context is None else (fresh, context):
            try:
                each.load_cert_chain(os.fspath(certificate_file), os.fspath(key_file), password="")
            except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
                raise SpecError(
                    f"the certificate cannot be used: {error}",
                    hint="serverCertSecret holds the chain and serverKeySecret its key, both PEM and without a password",
                    reason="InvalidCertificate",
                ) from None
    return context or fresh
