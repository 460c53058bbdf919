"""The event endpoint and its dispatcher in this process, with a real bus, on a cluster in memory or a local store."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eventbus import jetstream
from eventbus.embedded import EmbeddedNats
from eventbus.interface import Address
from eventbus.ledger import open_ledger
from eventbus.stream import FOR_BINDINGS
from events.kube import Kube
from eventsource.endpoint.cluster import ClusterGate
from eventsource.endpoint.gate import Gate
from eventsource.endpoint.results import ResultsDesk
from eventsource.endpoint.service import EndpointService, EndpointSettings
from eventsource.server import Server
from sensor.bindings.runner import BindingRunner
from sensor.bindings.sources import BindingSource, ClusterBindings
from sensor.target import Tools
from tests.support.cluster import MemoryCluster

__all__ = ["Answer", "dispatcher", "on_cluster", "post", "receiver", "temporary_bus"]

_BUS = ("ns", "bindings")


@dataclass(frozen=True)
class Answer:
    """A response; status 0: the connection was closed without one."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def bindings(self) -> dict[str, Any]:
        """The results by the binding's name."""
        return {result.pop("name"): result for result in self.json["bindings"]}


@contextlib.asynccontextmanager
async def temporary_bus(folder: Path, *, sync: str = "default") -> AsyncIterator[Address]:
    """A NATS server for these events."""
    async with EmbeddedNats(folder / "bus", [_BUS], sync=sync) as nats:  # type: ignore[arg-type]
        yield nats.address(*_BUS)


@contextlib.asynccontextmanager
async def dispatcher(
    folder: Path, address: Address, source: BindingSource, kube: Kube, *, instance_id: str = "", notices: bool = True
) -> AsyncIterator[BindingRunner]:
    """Runs bindings."""
    async with jetstream.connect(address, name="dispatcher", stream=FOR_BINDINGS) as bus, open_ledger(folder) as ledger:
        await bus.ensure_stream()
        runner = BindingRunner(source, bus, ledger, Tools(kube), instance_id=instance_id, notices=notices)
        await runner.start()
        running = asyncio.create_task(runner.run())
        try:
            yield runner
        finally:
            await runner.drain()
            await running


@contextlib.asynccontextmanager
async def receiver(
    address: Address, gate: Gate, settings: EndpointSettings, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[str, int]]:
    """Takes posts; gives host and port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        async with (
            jetstream.connect(address, name="receiver", stream=FOR_BINDINGS) as bus,
            ResultsDesk.opened(bus, 0) as desk,
        ):
            await bus.ensure_stream()
            http = Server()
            service = EndpointService(gate, bus, desk, http.bodies, settings)
            await http.serve(0, service, [listening], tls)
            try:
                yield listening.getsockname()
            finally:
                await http.drain(0)


@contextlib.asynccontextmanager
async def on_cluster(
    cluster: MemoryCluster, settings: EndpointSettings | None = None, *, instance_id: str = ""
) -> AsyncIterator[tuple[str, int]]:
    """Both, for the bindings of this cluster."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = ClusterBindings(cluster, instance_id)
        async with (
            temporary_bus(folder) as address,
            dispatcher(folder, address, source, cluster, instance_id=instance_id),
            receiver(address, ClusterGate(cluster, instance_id), settings or EndpointSettings(wait=20.0)) as where,
        ):
            yield where


async def post(
    address: tuple[str, int],
    path: str | bytes = "/api/v1/events/ns/d",
    body: bytes | None = b"{}",
    headers: Any = (),
    *,
    method: str = "POST",
) -> Answer:
    """One request on a connection of its own. ``headers``: pairs, sent as they are (a Host and a length are added if missing)."""
    pairs = [
        (_bytes(name), _bytes(value)) for name, value in (headers.items() if isinstance(headers, dict) else headers)
    ]
    names = {name.lower() for name, _ in pairs}
    lines = [b"%s %s HTTP/1.1" % (_bytes(method), _bytes(path))]
    if b"host" not in names:
        lines.append(f"Host: {address[0]}:{address[1]}".encode())
    lines += [b"%s: %s" % pair for pair in pairs]
    if body is not None and not {b"content-length", b"transfer-encoding"} & names:
        lines.append(b"Content-Length: %d" % len(body))
    lines += [b"Connection: close", b"", b""]
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(b"\r\n".join(lines) + (body or b""))
        async with asyncio.timeout(30):
            text = await reader.read(-1)
    except ConnectionError:
        text = b""
    finally:
        writer.close()
    return _parsed(text.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n"))


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def _parsed(text: bytes) -> Answer:
    head, _, body = text.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split(" ")[1]) if first.startswith("HTTP/") else 0, fields, body)
