"""The event endpoint as a part of other commands: its listening socket, its settings on their way to a child, and its parts there."""

from __future__ import annotations

import base64
import dataclasses
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click

from eventbus.jetstream import JetStreamBus
from eventbus.redelivered import Redelivered
from eventbus.stream import FOR_BINDINGS, StreamSettings
from events.errors import SpecError
from events.secrets import Vault
from eventsource.endpoint.credentials import Mode
from eventsource.endpoint.gate import Gate
from eventsource.endpoint.local import LocalGate
from eventsource.endpoint.results import ResultsDesk
from eventsource.endpoint.service import EndpointService, EndpointSettings
from eventsource.process import tls_context
from eventsource.server import Server

__all__ = [
    "DEFAULT_PORT",
    "EndpointOptions",
    "options",
    "serve_endpoint",
    "serve_locally",
    "stream_of",
]

DEFAULT_PORT = 2746
"""As Argo Server."""


@dataclass(frozen=True)
class EndpointOptions:
    """How the endpoint answers. ``token`` is good for all posts where no cluster knows tokens."""

    error_status: Literal["results", "argo"] = "results"
    max_payload: int = 5_000_000
    wait: float = 4.0
    auth_modes: tuple[Mode, ...] = ("client",)
    tls_cert: Path | None = None
    tls_key: Path | None = None
    token: bytes | None = None

    def certificate(self) -> tuple[bytes, bytes] | None:
        """Certificate chain and key, when both are given. Raises SpecError."""
        if (self.tls_cert is None) != (self.tls_key is None):
            raise SpecError("--tls-cert and --tls-key go together")
        if self.tls_cert is None or self.tls_key is None:
            return None
        try:
            return self.tls_cert.read_bytes(), self.tls_key.read_bytes()
        except OSError as error:
            raise SpecError(f"{error.filename} cannot be read: {error.strerror}") from None

    @property
    def scheme(self) -> str:
        """``https`` with a certificate."""
        return "https" if self.tls_cert is not None else "http"

    def settings(self) -> EndpointSettings:
        """What the service needs of it."""
        return EndpointSettings(self.auth_modes, self.error_status, self.max_payload, self.wait)

    def to_wire(self) -> dict[str, Any]:
        """As JSON for a child process."""
        certificate = self.certificate()
        return {
            "error_status": self.error_status,
            "max_payload": self.max_payload,
            "wait": self.wait,
            "token": None if self.token is None else base64.b64encode(self.token).decode(),
            "certificate": None if certificate is None else [part.decode("latin-1") for part in certificate],
        }


def options(command: Any) -> Any:
    """The command line options of the endpoint."""
    for decorate in reversed(
        [
            click.option(
                "--error-status",
                type=click.Choice(["results", "argo"]),
                default="results",
                show_default=True,
                help="Status when a binding failed: 200 with all results, or Argo's 500.",
            ),
            click.option(
                "--max-payload-size",
                "max_payload",
                type=click.IntRange(1, 5 << 20),
                default=5_000_000,
                show_default=True,
                help="Bytes of a posted event.",
            ),
            click.option(
                "--wait",
                type=click.FloatRange(0, 60),
                default=4.0,
                show_default=True,
                help="Seconds for which a post waits for its bindings; 0: not at all.",
            ),
            click.option(
                "--tls-cert",
                type=click.Path(exists=True, dir_okay=False, path_type=Path),
                help="Certificate chain (PEM): HTTPS for posted events.",
            ),
            click.option(
                "--tls-key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its key (PEM)."
            ),
        ]
    ):
        command = decorate(command)
    return command


def stream_of(room: int = -1) -> StreamSettings:
    """The stream of posted events, with room for so many bytes (-1: no bound)."""
    return dataclasses.replace(FOR_BINDINGS, max_bytes=room)


async def serve_endpoint(
    stack: AsyncExitStack,
    http: Server,
    gate: Gate,
    bus: JetStreamBus,
    listening: socket.socket,
    settings: EndpointSettings,
    *,
    retention: float,
    certificate: tuple[bytes, bytes] | None = None,
    redelivered: Redelivered | None = None,
) -> None:
    """Answer posts on this socket, until ``http`` drains. Results are kept for ``retention`` seconds."""
    desk = await stack.enter_async_context(ResultsDesk.opened(bus, retention))
    service = EndpointService(gate, bus, desk, http.bodies, settings, redelivered)
    tls = None if certificate is None else tls_context(*certificate)
    await http.serve(listening.getsockname()[1], service, [listening], tls)


async def serve_locally(
    stack: AsyncExitStack,
    http: Server,
    config: Mapping[str, Any],
    bus: JetStreamBus,
    vault: Vault,
    redelivered: Redelivered | None = None,
) -> None:
    """The endpoint of ``up``, from what ``EndpointOptions.to_wire`` made, with ``socket`` and ``bindings`` put in."""
    bindings: dict[str, list[dict[str, Any]]] = {}
    for namespace, body in config["bindings"]:
        bindings.setdefault(namespace, []).append(body)
    token = None if config["token"] is None else base64.b64decode(config["token"])
    certificate = config["certificate"]
    await serve_endpoint(
        stack,
        http,
        LocalGate(vault, token, bindings),
        bus,
        socket.socket(fileno=config["socket"]),
        EndpointSettings(("client",), config["error_status"], config["max_payload"], config["wait"]),
        retention=config["retention"],
        redelivered=redelivered,
        certificate=None
        if certificate is None
        else (certificate[0].encode("latin-1"), certificate[1].encode("latin-1")),
    )
