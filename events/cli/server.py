"""``pointsman server``: the event endpoint of Argo Server, for a cluster.

Posts are taken and their bindings are run by the same process; with ``--nats`` several of them share the work, and events survive any one
of them. Permissions are asked of the API server in the poster's name; what is done then is done with our own account.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import click
import structlog

from eventbus import subjects
from eventbus.embedded import EmbeddedNats
from eventbus.interface import Address
from eventbus.keeper import open_keeper
from eventbus.spool import DEFAULT_LIMIT
from events import logs, tracing
from events.cli.admin import bind_admin
from events.cli.ending import told_to_end
from events.cli.endpoint import DEFAULT_PORT, EndpointOptions, stream_of
from events.cli.endpoint import options as endpoint_options
from events.cli.health import Status, open_health
from events.cli.keepers import room_for
from events.cli.patient import PatientProcess
from events.cli.quantities import DAY, read_retention, read_size
from events.cli.running import nats_address
from events.cli.server_posts import Posts, bound
from events.cli.state import StateFolder
from events.cli.stored import BINDINGS_BUS
from events.cli.wire import write_addresses
from events.kube import ClusterApi
from events.kube.client import open_cluster
from events.secrets import Vault
from eventsource.endpoint.cluster import ClusterGate
from sensor.bindings.sources import ClusterBindings
from sensor.process import Bindings, open_process

__all__ = ["ServerOptions", "command", "serving"]

log = structlog.get_logger("server")

_DRAIN_SECONDS = 4.0


@dataclass(frozen=True)
class ServerOptions:
    """The options of ``server``. ``retention`` in seconds, ``spool`` in bytes (None: 1 Gi beside the embedded bus, else none)."""

    host: str = "0.0.0.0"  # noqa: S104 - as Argo Server: it is the port of a Service
    port: int = DEFAULT_PORT
    state: Path = Path(".pointsman")
    nats: str | None = None
    nats_ca: Path | None = None
    context: str | None = None
    instance_id: str = ""
    admin_port: int | None = None
    admin_host: str = "127.0.0.1"
    retention: float = 7 * DAY
    spool: int | None = None
    endpoint: EndpointOptions = field(default_factory=EndpointOptions)


@click.command("server", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="Port of posts.")
@click.option("--host", default=ServerOptions.host, show_default=True, help="Address that it listens on.")
@click.option(
    "--auth-mode", "auth_modes", multiple=True, type=click.Choice(["client", "server"]), default=("client",), show_default=True,
    help="client: posts count as their token or signature says. server: all posts count as our own account. Repeatable.",
)  # fmt: skip
@endpoint_options
@click.option("--instance-id", default="", help="Serve the bindings of this instance only (those of none without it).")
@click.option(
    "--context", metavar="NAME", help="Context of the kubeconfig.  [default: the pod's account, or the current one]"
)
@click.option("--nats", metavar="URL", help="Use this NATS server instead of the embedded one.")
@click.option(
    "--nats-ca", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Certificate authority (PEM) of that server: speak TLS, and check it.",
)  # fmt: skip
@click.option(
    "--state", type=click.Path(path_type=Path), default=Path(".pointsman"), show_default=True, help="State folder."
)
@click.option(
    "--retention",
    default="7d",
    show_default=True,
    callback=read_retention,
    help="How long events and records are kept.",
)
@click.option(
    "--spool-size", "spool", callback=read_size, metavar="SIZE",
    help="What may wait on disk, in the state folder, while the bus is away.  [default: 1Gi; with --nats: nothing]",
)  # fmt: skip
@click.option(
    "--admin-port", type=click.IntRange(0, 65535), help="Port of /readyz, /livez and /metrics.  [default: 7777]"
)
@click.option("--admin-host", default=ServerOptions.admin_host, show_default=True, help="Its address.")
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
@click.option(
    "--log-format", "log_style", type=click.Choice(["auto", "text", "json"]), default="auto", show_default=True
)
def command(log_level: str, log_style: str, **options: Any) -> None:
    """Take posted events for the WorkflowEventBindings of a cluster, as Argo Server does.

    POST /api/v1/events/NAMESPACE/DISCRIMINATOR, with a bearer token or the signature of a webhook client (Secret
    argo-workflows-webhook-clients). Each event is stored first and starts each Workflow once, however often it is sent.
    """
    logs.configure(log_level, style=log_style)
    tracing.start("server")
    names = ("error_status", "max_payload", "wait", "tls_cert", "tls_key", "auth_modes")
    endpoint = EndpointOptions(**{name: options.pop(name) for name in names})
    sys.exit(_run(ServerOptions(**options, endpoint=endpoint)))


def _run(options: ServerOptions) -> int:
    import uvloop

    return uvloop.run(_until_told(options))


async def _until_told(options: ServerOptions) -> int:
    ended = told_to_end()
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(open_cluster(options.context))
        version = await cluster.check()
        running = await stack.enter_async_context(serving(options, cluster))
        click.echo(f"  cluster {version}, events are posted to {running.url}/api/v1/events/NAMESPACE/")
        if "server" in options.endpoint.auth_modes:
            click.echo(
                f"note: --auth-mode server: whoever reaches port {running.port} can start Workflows in all namespaces",
                err=True,
            )
        click.echo(
            f"Ready. State in {options.state}, /readyz and /metrics on http://{options.admin_host}:{running.admin_port}"
        )
        await ended.wait()
        click.echo("Stopping: finishing what is under way.", err=True)
    return 0


@dataclass(frozen=True)
class Serving:
    """What runs: the port of posts, its URL, and the admin port."""

    port: int
    url: str
    admin_port: int


@asynccontextmanager
async def serving(options: ServerOptions, cluster: ClusterApi) -> AsyncIterator[Serving]:
    """Posts are taken, and bindings run, within this."""
    options.endpoint.certificate()  # what is wrong with it is told before anything is opened
    async with AsyncExitStack() as stack:
        state = stack.enter_context(StateFolder(options.state).opened())
        listening = stack.enter_context(bound(options.host, options.port))
        server: EmbeddedNats | None = None
        if options.nats is None:
            server = await stack.enter_async_context(EmbeddedNats(state.bus, [BINDINGS_BUS]))
            address = server.address(*BINDINGS_BUS)
        else:
            address = nats_address(options.nats, options.nats_ca)
        room = room_for(state.bus, 1) if server is not None else -1
        stream = stream_of(room)
        source = ClusterBindings(cluster, options.instance_id)
        bindings = Bindings(
            source, address, stream, options.instance_id,
            notices=True, retention=options.retention, sole=server is not None,
        )  # fmt: skip
        process = PatientProcess(
            lambda: open_process([], {}, folder=state.path, kube=cluster, vault=Vault(), bindings=bindings)
        )
        dispatching = asyncio.create_task(process.run(), name="bindings")
        stack.callback(dispatching.cancel)
        # On a bus of others there is no spool unless somebody wants one: the state folder may be lost with the pod.
        limit = options.spool or (DEFAULT_LIMIT if options.nats is None else 0)
        spool = (state.spool / subjects.account(*BINDINGS_BUS), limit) if limit else None
        gate = ClusterGate(cluster, options.instance_id)
        posts = Posts(address, stream, process, gate=gate, spool=spool)
        opening = posts.open(stack, listening, options.endpoint, options.retention)
        accepting = asyncio.create_task(opening, name="posts")
        stack.callback(accepting.cancel)
        await stack.enter_async_context(
            open_keeper(
                address,
                "of posted events",
                stream,
                retention=options.retention,
                own=server is not None,
                server=None if server is None else partial(server.ask, "VARZ"),
            )
        )
        # Both wait for a bus that is away; all else that is wrong is told now.
        await _first_try(process, dispatching)
        if posts.has_spool or not process.trouble:
            await accepting
        admin, _ = bind_admin(options.admin_port, options.admin_host)
        admin_port = await stack.enter_async_context(open_health(_Whole(posts, dispatching), listening=admin))
        _write_running(options, state, address, admin_port)
        port = listening.getsockname()[1]
        try:
            yield Serving(port, f"{options.endpoint.scheme}://{options.host}:{port}", admin_port)
        finally:
            accepting.cancel()
            await posts.http.drain(_DRAIN_SECONDS)
            await process.drain()
            await dispatching


class _Whole:
    """What /readyz says: posts are taken, and whether their bindings are run."""

    def __init__(self, posts: Posts, dispatching: asyncio.Task[None]) -> None:
        self._posts = posts
        self._dispatching = dispatching

    def unready(self) -> list[str]:
        """Why no posts should be sent here."""
        return [*(["the bindings are not run"] if self._dispatching.done() else []), *self._posts.unready()]

    def hanging(self) -> list[str]:
        """An answer is proof enough."""
        return []

    def status(self) -> Status:
        """Whatever is wrong."""
        troubles = [f"the bindings are not run: {why}" for why in self._posts.process.unready()]
        return Status(troubles=[*troubles, *self._posts.warnings()])


async def _first_try(process: PatientProcess, dispatching: asyncio.Task[None]) -> None:
    """Until it works or waits for its bus. Raises why it ended."""
    tried = asyncio.create_task(process.tried.wait())
    await asyncio.wait((tried, dispatching), return_when=asyncio.FIRST_COMPLETED)
    tried.cancel()
    if dispatching.done():
        await dispatching


def _write_running(options: ServerOptions, state: StateFolder, address: Address, admin_port: int) -> None:
    state.write_running(
        {
            "pid": os.getpid(),
            "admin": f"http://{options.admin_host}:{admin_port}",
            "buses": write_addresses({BINDINGS_BUS: address}),
        }
    )
