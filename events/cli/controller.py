"""``pointsman controller``: runs what EventBuses, EventSources and Sensors of a cluster ask for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from events import logs
from events.cli.ending import told_to_end
from events.cli.judges import JUDGES
from events.controller import health, names
from events.controller.process import Controller
from events.controller.settings import Settings
from events.errors import SpecError
from events.kube.client import open_cluster
from events.kube.control import Control

__all__ = ["ControllerOptions", "command"]

_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True)
class ControllerOptions:
    """The options of ``controller``."""

    namespaced: bool = False
    namespaces: tuple[str, ...] = ()
    namespace_selector: str = ""
    namespace: str = ""
    leader_election: bool = True
    metrics_port: int = 7777
    health_port: int = 8081
    host: str = ""
    workers: int = 8
    context: str | None = None


@click.command("controller", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--namespaced", is_flag=True, help="Look after the own namespace only.")
@click.option(
    "--namespaces", metavar="A,B", default="", help="Look after these namespaces only.  [default: the whole cluster]"
)
@click.option(
    "--namespace-selector", metavar="LABELS", default="", help="Look after namespaces with these labels only."
)
@click.option(
    "--namespace", envvar=["NAMESPACE", "POD_NAMESPACE"], default="", metavar="NAME",
    help="The own namespace, where the Lease is.  [default: the pod's]",
)  # fmt: skip
@click.option(
    "--leader-election/--no-leader-election", default=True, show_default=True, help="One of several replicas works."
)
@click.option(
    "--metrics-port", type=click.IntRange(0, 65535), default=7777, show_default=True, help="Port of /metrics."
)
@click.option(
    "--health-port", type=click.IntRange(0, 65535), default=8081, show_default=True,
    help="Port of /livez, /readyz and /healthz.",
)  # fmt: skip
@click.option("--host", default="", help="Address of both ports.  [default: all]")
@click.option(
    "--workers", type=click.IntRange(1, 64), default=8, show_default=True, help="Objects that are worked on at once."
)
@click.option(
    "--context", metavar="NAME", help="Context of the kubeconfig.  [default: the pod's account, or the current one]"
)
@click.option(
    "--log-level", envvar="LOG_LEVEL", type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    default="info", show_default=True,
)  # fmt: skip
@click.option(
    "--log-format", "log_style", type=click.Choice(["auto", "text", "json"]), default="auto", show_default=True
)
def command(log_level: str, log_style: str, namespaces: str, **options: Any) -> None:
    """Run what the EventBuses, EventSources and Sensors of a cluster ask for.

    Environment: POINTSMAN_IMAGE (the image of EventSources and Sensors), POINTSMAN_NATS_IMAGE (of EventBuses),
    POINTSMAN_IMAGE_PULL_POLICY, LOG_LEVEL (of both).
    """
    logs.configure(log_level, style=log_style)
    named = tuple(name.strip() for name in namespaces.split(",") if name.strip())
    sys.exit(_run(ControllerOptions(namespaces=named, **options)))


def _run(options: ControllerOptions) -> int:
    import uvloop

    return uvloop.run(_until_told(options))


async def _until_told(options: ControllerOptions) -> int:
    ended = told_to_end()
    settings = Settings.read(os.environ)
    namespace = _own_namespace(options)
    chosen = [options.namespaced, bool(options.namespaces), bool(options.namespace_selector)]
    if sum(chosen) > 1:
        raise SpecError("--namespaced, --namespaces and --namespace-selector exclude each other")
    async with open_cluster(options.context) as cluster:
        controller = Controller(
            Control(cluster, names.MANAGER),
            JUDGES,
            settings,
            namespace,
            f"{os.environ.get('POD_NAME') or socket.gethostname()}_{os.getpid()}",
            (namespace,) if options.namespaced else options.namespaces,
            options.namespace_selector,
            options.workers,
        )
        ports = health.serve(options.health_port, options.metrics_port, controller.unready, host=options.host)
        async with ports as (health_port, metrics_port):
            click.echo(f"Ready. /readyz on port {health_port}, /metrics on port {metrics_port}")
            running = asyncio.ensure_future(controller.run(elect=options.leader_election))
            waiting = asyncio.ensure_future(ended.wait())
            await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            waiting.cancel()
    return 0


def _own_namespace(options: ControllerOptions) -> str:
    if options.namespace:
        return options.namespace
    with contextlib.suppress(OSError):
        return _NAMESPACE_FILE.read_text().strip()
    raise SpecError("the own namespace is not known", hint="name it with --namespace or NAMESPACE")
