"""The ports of the controller: /livez, /readyz, /healthz, and /metrics. Shell."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import generate_latest

from events.controller import metrics
from events.errors import InUse

__all__ = ["serve"]


@asynccontextmanager
async def serve(health: int, scraped: int, unready: Callable[[], str], *, host: str) -> AsyncIterator[tuple[int, int]]:
    """Serve both ports (0: any that is free); yields which they are. ``unready`` says why we are not ready, or nothing. Raises InUse."""
    one, other = web.Application(), web.Application()

    async def alive(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(_: web.Request) -> web.Response:
        reason = unready()
        return web.Response(status=503 if reason else 200, text=f"{reason or 'ok'}\n")

    async def counted(_: web.Request) -> web.Response:
        text = generate_latest(metrics.REGISTRY)
        return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    for path, answer in (("/livez", alive), ("/healthz", alive), ("/readyz", ready)):
        one.router.add_get(path, answer)
    other.router.add_get("/metrics", counted)
    runners, ports = [], []
    try:
        for app, port in ((one, health), (other, scraped)):
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
            runners.append(runner)
            await runner.setup()
            listener = _bound(host, port)
            await web.SockSite(runner, listener).start()
            ports.append(listener.getsockname()[1])
        yield ports[0], ports[1]
    finally:
        for runner in runners:
            await runner.cleanup()


def _bound(host: str, port: int) -> socket.socket:
    """A listening socket; without a host on all addresses, of both versions of IP where there are two."""
    try:
        if not host and socket.has_dualstack_ipv6():
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise InUse(f"port {port} cannot be listened on: {error.strerror}") from None
