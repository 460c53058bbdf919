"""The admin port of ``up``: /readyz (and /readyz/source, /sensor, /bus), /livez and /metrics on loopback. Shell."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from eventbus.keeper import StreamKeeper
from events.cli.exposition import merge
from events.errors import InUse
from events.version import __version__

if TYPE_CHECKING:
    from events.cli.running import Up

__all__ = ["Admin", "bind_admin"]

DEFAULT_PORT = 7777


class Admin:
    """Answers for the parent and its children together."""

    def __init__(self, up: Up, port: int, moved: bool) -> None:
        self._up = up
        self.port = port
        self.moved = moved
        """Whether the default port was taken, so that a free one is used."""

    @classmethod
    @asynccontextmanager
    async def opened(cls, up: Up, port: int | None) -> AsyncIterator[Admin]:
        """Listen on ``port``; without one on 7777, or a free one when that is taken. Raises InUse."""
        listener, moved = bind_admin(port)
        admin = cls(up, listener.getsockname()[1], moved)
        app = web.Application()
        app.router.add_get("/readyz", admin._readyz)
        app.router.add_get("/readyz/{part}", admin._readyz)
        app.router.add_get("/healthz", admin._healthz)
        app.router.add_get("/livez", admin._healthz)
        app.router.add_get("/metrics", admin._metrics)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.SockSite(runner, listener).start()
        try:
            yield admin
        finally:
            await runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        """Whether a restart of everything is not called for."""
        return _answer(self._up.hanging())

    async def _readyz(self, request: web.Request) -> web.Response:
        """Whether deliveries can be taken, and what else there is to say; or how one part is."""
        part = request.match_info.get("part")
        troubles = await self._up.troubles()
        if part is not None:
            if part not in troubles:
                return web.Response(status=404, text="no such part\n")
            return _answer(troubles[part], [f"warning: {warning}" for warning in self._up.warnings(part)])
        told = self._up.unready(troubles)
        more = [
            f"warning: {part}: {reason}"
            for part, reasons in troubles.items()
            for reason in (*reasons, *self._up.warnings(part))
            if reason not in told
        ]
        return _answer(told, [*more, *(f"warning: {warning}" for warning in self._up.keepers.warnings())])

    async def _metrics(self, _: web.Request) -> web.Response:
        workers = [role.worker for role in (self._up.source, self._up.sensor) if role.worker is not None]
        texts = await asyncio.gather(*(worker.metrics() for worker in workers))
        text = merge([generate_latest(self._own()).decode(), *texts])
        return web.Response(body=text.encode(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    def _own(self) -> CollectorRegistry:
        registry = CollectorRegistry()
        Gauge("pointsman_build_info", "1", ["version"], registry=registry).labels(__version__).set(1)
        memory = Gauge("pointsman_process_resident_bytes", "Memory of a process", ["process"], registry=registry)
        seconds = Gauge("pointsman_process_cpu_seconds", "Processor time of a process", ["process"], registry=registry)
        restarts = Gauge("pointsman_process_restarts", "Restarts of a process", ["process"], registry=registry)
        pids = {"up": os.getpid()}
        for role in (self._up.source, self._up.sensor):
            if role.worker is not None:
                pids[role.name] = role.worker.child.pid
            restarts.labels(role.name).set(role.restarts)
        if self._up.server is not None:
            pids["bus"] = self._up.server.pid
            restarts.labels("bus").set(self._up.server.restarts)
        for name, pid in pids.items():
            usage = _usage(pid)
            if usage is not None:
                memory.labels(name).set(usage[0])
                seconds.labels(name).set(usage[1])
        _add_buses(registry, self._up.keepers.all)
        return registry


def _answer(reasons: list[str], more: Sequence[str] = ()) -> web.Response:
    lines = [*(reasons or ["ok"]), *more]
    return web.Response(status=503 if reasons else 200, text="".join(f"{line}\n" for line in lines))


def _add_buses(registry: CollectorRegistry, keepers: Sequence[StreamKeeper]) -> None:
    def gauge(name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, ["eventbus", *labels], registry=registry)

    stored = gauge("pointsman_bus_stored_bytes", "What an EventBus holds")
    unread = gauge("pointsman_bus_unread_bytes", "What somebody has not read, about")
    limit = gauge("pointsman_bus_limit_bytes", "What an EventBus may hold; 0: no bound")
    alarm = gauge("pointsman_bus_alarm", "1 when unread events take most of the space")
    risks = gauge("pointsman_bus_risks", "Ways in which accepted events can be lost here")
    trimmed = gauge("pointsman_bus_trimmed_events", "Read events that were removed since the start")
    waiting = gauge("pointsman_bus_waiting_events", "Events that a consumer has not settled", "consumer")
    for keeper in keepers:
        for each, value in (
            (stored, keeper.usage.bytes),
            (unread, keeper.unread),
            (limit, keeper.usage.limit),
            (alarm, bool(keeper.alarm)),
            (risks, len(keeper.risks)),
            (trimmed, keeper.trimmed),
        ):
            each.labels(keeper.name).set(value)
        for reader in keeper.readers:
            waiting.labels(keeper.name, reader.name).set(reader.waiting)


def _usage(pid: int) -> tuple[int, float] | None:
    """Resident bytes and processor seconds, where the system tells them under /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    ticks = os.sysconf("SC_CLK_TCK")
    return int(fields[21]) * os.sysconf("SC_PAGE_SIZE"), (int(fields[11]) + int(fields[12])) / ticks


def bind_admin(port: int | None, host: str = "127.0.0.1") -> tuple[socket.socket, bool]:
    """A bound socket: this port, or without one 7777, or a free one (then True). Raises InUse."""
    for choice, moved in ((port, False),) if port is not None else ((DEFAULT_PORT, False), (0, True)):
        one = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((host, choice))
            return one, moved
        except OSError:
            one.close()
    raise InUse(f"port {port} is in use by another program", hint="choose another with --admin-port")
