"""Port 7777 of a pod: /metrics, /livez, /readyz and /status. Shell."""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson
from aiohttp import web
from prometheus_client import REGISTRY, Gauge, generate_latest

from events.errors import InUse, SpecError
from events.version import __version__

__all__ = ["Pod", "Status", "listen_on", "open_health"]

_BUILD = Gauge("pointsman_build_info", "1", ["version"])


@dataclass(frozen=True)
class Status:
    """What a pod says of itself to the controller. Times in seconds since 1970, None: never.

    A hook is ``{"event", "target", "url", "state", "message"}``; ``troubles`` are sentences.
    """

    last_event: float | None = None
    last_submission: float | None = None
    last_error: str | None = None
    hooks: Sequence[dict[str, str]] = ()
    troubles: Sequence[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As /status answers."""
        return {
            "lastEvent": _time(self.last_event),
            "lastSubmission": _time(self.last_submission),
            "lastError": self.last_error,
            "hooks": list(self.hooks),
            "troubles": list(self.troubles),
        }


class Pod(Protocol):
    """What the port tells of. The lists hold sentences."""

    def unready(self) -> list[str]:
        """Why it should get no work now; empty when it should."""

    def hanging(self) -> list[str]:
        """Why only a restart helps; empty when none is called for."""

    def status(self) -> Status:
        """What it does, and what is wrong with it. ``troubles`` that do not make it unready are warnings of /readyz."""


@asynccontextmanager
async def open_health(
    pod: Pod, port: int = 0, host: str = "", *, listening: socket.socket | None = None
) -> AsyncIterator[int]:
    """Answer on this port (0: a free one), which is yielded, or on this socket, which is ours then. Raises InUse, SpecError."""
    _BUILD.labels(__version__).set(1)

    async def ready(_: web.Request) -> web.Response:
        reasons = pod.unready()
        return _answer(reasons, [t for t in pod.status().troubles if t not in reasons])

    async def alive(_: web.Request) -> web.Response:
        return _answer(pod.hanging())

    async def status(_: web.Request) -> web.Response:
        return web.Response(body=orjson.dumps(pod.status().to_json()), content_type="application/json")

    async def metrics(_: web.Request) -> web.Response:
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=generate_latest(REGISTRY), headers=headers)

    app = web.Application()
    for path, handler in (("/readyz", ready), ("/livez", alive), ("/status", status), ("/metrics", metrics)):
        app.router.add_get(path, handler)
    app.router.add_get("/healthz", alive)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        listening = listening or listen_on(host, port)
        await web.SockSite(runner, listening).start()
        yield listening.getsockname()[1]
    finally:
        await runner.cleanup()


def listen_on(host: str, port: int) -> socket.socket:
    """A listening socket (``host`` empty: all addresses, of IPv6 too where there is any). Raises InUse, SpecError.

    Another process of ours may listen on the port at the same time, so that one can take over from the other.
    """
    families = [socket.AF_INET6 if ":" in host else socket.AF_INET]
    if not host and socket.has_dualstack_ipv6():
        families.insert(0, socket.AF_INET6)
    while True:
        family = families.pop(0)
        try:
            return socket.create_server(
                (host, port),
                family=family,
                backlog=4096,
                reuse_port=True,
                dualstack_ipv6=family == socket.AF_INET6 and not host,
            )
        except socket.gaierror:
            raise SpecError(f"'{host}' is no address of this computer") from None
        except OSError as error:
            if error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL) and families:
                continue
            where = f"port {port} of {host or 'all addresses'}"
            raise InUse(f"{where} cannot be opened: {error.strerror}") from None


def _answer(reasons: list[str], warnings: Sequence[str] = ()) -> web.Response:
    lines = [*(reasons or ["ok"]), *(f"warning: {warning}" for warning in warnings)]
    return web.Response(status=503 if reasons else 200, text="".join(f"{line}\n" for line in lines))


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
