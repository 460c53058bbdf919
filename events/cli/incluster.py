"""What a pod of the controller is given: its object, its bus, and where secrets and state are. Files, flags and environment.

``object.json`` is the EventSource or Sensor; ``bus.json`` is ``{"name", "ours", "config"}``, where ``config`` is the ``status.config`` of
the EventBus as the reference writes it (spec §4.2). Both are read once: a changed spec makes new pods. Secrets and ConfigMaps are followed.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson
import structlog
from prometheus_client import disable_created_metrics

from eventbus.addressing import exotic_address, read_stream_config, read_tls
from eventbus.interface import Address
from eventbus.stream import OURS, THEIRS, StreamSettings
from events import logs, tracing
from events.cli.ending import told_to_end
from events.cli.mounted import Mounts
from events.cli.tuning import allow_many_connections
from events.errors import PointsmanError, Refused, SpecError, Unavailable
from events.models.base import Finding, Json, Spec, parse
from events.models.eventbus import JetStreamExotic
from events.models.shared import SecretKeySelector
from events.secrets import Vault

__all__ = ["DEFAULT_PORT", "BusFile", "PodOptions", "pod_options", "read_bus", "read_object", "run_pod"]

log = structlog.get_logger("pod")

DEFAULT_PORT = 7777
"""Of /metrics, /livez, /readyz and /status, as the reference's metrics."""

S = TypeVar("S", bound=Spec)


@dataclass(frozen=True)
class PodOptions:
    """The options of ``pointsman eventsource`` and ``pointsman sensor``. ``host`` empty: all addresses."""

    object: Path = Path("/etc/pointsman/object.json")
    bus: Path = Path("/etc/pointsman/bus.json")
    secrets: Path = Path("/argo-events/secrets")
    configmaps: Path = Path("/argo-events/config")
    state: Path = Path("/var/lib/pointsman")
    port: int = DEFAULT_PORT
    host: str = ""

    def mounts(self, namespace: str) -> Mounts:
        """The mounted objects, which all are of the pod's own namespace."""
        return Mounts({"secret": self.secrets, "configmap": self.configmaps}, namespace)


def pod_options(command: Any) -> Any:
    """The command line options that all pods have; files and folders can be given as ``POINTSMAN_<NAME>``, too.

    Not so the port: for a Service that is called ``pointsman`` Kubernetes sets ``POINTSMAN_PORT`` in all pods of its namespace.
    """

    def option(name: str, text: str, kind: Any) -> Any:
        variable = f"POINTSMAN_{name.upper()}" if kind is path else None
        default = getattr(PodOptions, name)
        return click.option(
            f"--{name}", type=kind, default=default, envvar=variable, show_default=default != "" or "all", help=text
        )

    path = click.Path(path_type=Path)
    for decorate in reversed(
        [
            option("object", "The object, as JSON.", path),
            option("bus", "Its EventBus, as JSON.", path),
            option("secrets", "Folder of the mounted Secrets.", path),
            option("configmaps", "Folder of the mounted ConfigMaps.", path),
            option("state", "Folder of what must survive a restart of the container.", path),
            option("port", "Port of /metrics, /livez, /readyz and /status.", click.IntRange(0, 65535)),
            option("host", "Address to listen on.", str),
            click.option(
                "--log-level",
                default="info",
                envvar="LOG_LEVEL",
                show_default=True,
                metavar="[debug|info|warning|error]",
                callback=_level,
            ),
        ]
    ):
        command = decorate(command)
    return command


def _level(_: click.Context, __: click.Parameter, value: str) -> str:
    """One that nobody knows is ``info``: a template may set the variable, and what it says must not keep a pod from running."""
    level = {"warn": "warning"}.get(value.lower(), value.lower())
    return level if level in ("debug", "info", "warning", "error") else "info"


def read_object(path: Path, model: type[S]) -> S:
    """The object of this pod. Raises SpecError."""
    return parse(model, _load(path))


@dataclass(frozen=True)
class BusFile:
    """The EventBus of this pod. ``ours``: made by our controller; of a bus of others nothing is demanded."""

    name: str
    ours: bool
    jetstream: JetStreamExotic

    def stream(self) -> tuple[StreamSettings, list[Finding]]:
        """What its stream shall be when it is missing, and what is wrong with its ``streamConfig``."""
        base = OURS if self.ours else THEIRS
        return read_stream_config(self.jetstream.stream_config, base, path=f"EventBus {self.name}: streamConfig")

    def address(self, namespace: str, vault: Vault) -> Address:
        """Where it is, and the credentials and certificates that the vault holds now. Raises SpecError."""
        access, tls = self.jetstream.access_secret, self.jetstream.tls

        def secret(name: str, key: str) -> bytes:
            return vault.get(namespace, SecretKeySelector(name=name, key=key))

        return exotic_address(
            self.jetstream.url,
            None if access is None else secret(access.name, access.key),
            None if tls is None else read_tls(tls, secret),
        )


def read_bus(path: Path) -> BusFile:
    """The bus of this pod. Raises SpecError."""
    raw = _load(path)
    config = raw.get("config")
    if not isinstance(config, dict) or not isinstance(config.get("jetstream"), dict):
        raise SpecError(f"{path} names no JetStream bus", hint="this version runs on JetStream only")
    return BusFile(
        str(raw.get("name", "default")), raw.get("ours") is True, parse(JetStreamExotic, config["jetstream"])
    )


def _load(path: Path) -> dict[str, Json]:
    try:
        value = orjson.loads(path.read_bytes())
    except OSError as error:
        raise SpecError(f"{path} cannot be read: {error.strerror}") from None
    except orjson.JSONDecodeError as error:
        raise SpecError(f"{path} is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise SpecError(f"{path} holds no object")
    return value


def run_pod(service: str, serve: Callable[[asyncio.Event], Awaitable[int]], log_level: str) -> None:
    """Run a pod's process, a ``service`` such as ``eventsource``, until SIGTERM sets the event, and exit with what it returns; an error ends it with a line that says why."""
    import uvloop

    logs.configure(log_level)
    disable_created_metrics()  # type: ignore[no-untyped-call]
    allow_many_connections()
    tracing.start(service)

    async def run() -> int:
        structlog.contextvars.bind_contextvars(**_pod())
        return await serve(told_to_end())

    try:
        code = uvloop.run(run())
    except PointsmanError as error:
        log.error("the process ends", error=str(error), reason=error.reason)
        code = 1 if isinstance(error, (Unavailable, Refused)) else 2
    sys.exit(code)


def _pod() -> dict[str, str]:
    """What each line of a pod says of it."""
    return {"pod": name} if (name := os.environ.get("POD_NAME")) else {}
