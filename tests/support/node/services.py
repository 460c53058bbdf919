"""Services on the node: their names, by a DNS server on the bridge, and their addresses, by a proxy that knows which pods are ready."""

from __future__ import annotations

import asyncio
import contextlib
import random
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.node.api import Key, Object
from tests.support.node.containers import run

_NAME_ERROR = 3


class Endpoints:
    """Who stands behind a Service; ``slices`` are the EndpointSlices of the cluster."""

    def __init__(self, services: Mapping[Key, Object], slices: Mapping[Key, Object]) -> None:
        self.services = services
        self._slices = slices

    def ready(self, namespace: str, service: str) -> Iterator[tuple[Object, list[Object]]]:
        """The ready endpoints, each with the ports of its slice."""
        for (where, _), one in list(self._slices.items()):
            if where == namespace and one["metadata"].get("labels", {}).get("kubernetes.io/service-name") == service:
                for endpoint in one.get("endpoints") or ():
                    if endpoint.get("conditions", {}).get("ready", True):
                        yield endpoint, one.get("ports") or []

    def resolve(self, name: str) -> list[str] | None:
        """The addresses of ``[pod.]service.namespace.svc[.cluster.local]``; None: there is no such name."""
        parts = name.lower().removesuffix(".").removesuffix(".cluster.local").split(".")
        if len(parts) not in (3, 4) or parts[-1] != "svc":
            return None
        *pod, service, namespace, _ = parts
        found = self.services.get((namespace, service))
        if found is None:
            return None
        if not pod and found["spec"].get("clusterIP", "None") != "None":
            return [found["spec"]["clusterIP"]]
        ready = [e for e, _ in self.ready(namespace, service) if not pod or e.get("hostname") == pod[0]]
        return [address for endpoint in ready for address in endpoint["addresses"]] or None

    def targets(self, key: Key, port: Object) -> list[tuple[str, int]]:
        """Where connections to this port of a Service may go."""
        return [
            (endpoint["addresses"][0], one["port"])
            for endpoint, ports in self.ready(*key)
            for one in ports
            if (one.get("name") or "") == port.get("name", "")
        ]


class Dns(asyncio.DatagramProtocol):
    """Answers A queries (RFC 1035); AAAA queries of known names get an empty answer."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode("ascii", "replace"))
            at += 1 + data[at]
        question = data[12 : at + 5]
        kind = struct.unpack("!H", data[at + 1 : at + 3])[0]
        addresses = self._endpoints.resolve(".".join(labels))
        found = (addresses or []) if kind == 1 else []
        flags = 0x8580 | (_NAME_ERROR if addresses is None else 0)
        answers = [b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + bytes(map(int, ip.split("."))) for ip in found]
        header = data[:2] + struct.pack("!HHHHH", flags, 1, len(answers), 0, 0)
        self._transport.sendto(header + question + b"".join(answers), addr)


class Proxy:
    """Takes connections at the addresses of Services and passes each to a ready pod, by chance. A pod that does not answer is not asked twice."""

    def __init__(self, endpoints: Endpoints, bridge: str, api_port: int) -> None:
        self._endpoints = endpoints
        self._bridge = bridge
        self._api_port = api_port
        self._listening: dict[tuple[Key, str, int], asyncio.Server] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.changed = asyncio.Event()

    async def follow(self) -> None:
        """Listen where the Services want it."""
        while True:
            await self.changed.wait()
            self.changed.clear()
            wanted = {
                (key, service["spec"]["clusterIP"], port["port"]): port
                for key, service in self._endpoints.services.items()
                if service["spec"].get("clusterIP", "None") != "None"
                for port in service["spec"].get("ports", ())
            }
            for one in self._listening.keys() - wanted.keys():
                self._listening.pop(one).close()
            for one, port in wanted.items():
                if one not in self._listening:
                    key, address, number = one
                    await run("ip", "addr", "replace", f"{address}/32", "dev", self._bridge)
                    self._listening[one] = await asyncio.start_server(
                        self._taker(key, port), address, number, backlog=1024
                    )

    def _taker(self, key: Key, port: Object) -> Any:
        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):  # the last: the node ends
                await self._pass(key, port, reader, writer)
            writer.transport.abort()

        return take

    async def _pass(self, key: Key, port: Object, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        api = key == ("default", "kubernetes")
        targets = [("127.0.0.1", self._api_port)] if api else self._endpoints.targets(key, port)
        if not targets:
            return
        async with asyncio.timeout(2):
            far_reader, far_writer = await asyncio.open_connection(*random.choice(targets))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, far_writer))
                group.create_task(_pump(far_reader, writer))
        except* OSError:
            pass
        finally:
            far_writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
