"""``pointsman up``: run everything in these manifests, here.

The parent holds the state folder, the embedded bus and the listening sockets, and supervises two children: one for all
sources, one for all sensors. Consumers exist before the ports open; a child that dies is started again.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import click

from events import logs
from events.cli.ending import told_to_end
from events.cli.endpoint import DEFAULT_PORT, EndpointOptions
from events.cli.endpoint import options as endpoint_options
from events.cli.options import UpOptions, plan_of, secret_values, show_findings
from events.cli.quantities import read_retention, read_size
from events.cli.running import Up
from events.errors import SpecError

__all__ = ["command", "read_secrets", "running"]


def read_secrets(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, bytes]:
    """``name/key=value`` and ``name/key=@file`` of the command line, with the files read."""
    return secret_values(given_secrets(ctx, param, values))


def given_secrets(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, bytes | Path]:
    """``name/key=value`` and ``name/key=@file`` of the command line; the files can be read, and may be edited later."""
    found: dict[str, bytes | Path] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals or name.count("/") not in (1, 2) or not all(name.split("/")):
            # The text itself may be the secret: it is not repeated.
            raise click.BadParameter("write [namespace/]name/key=value or [namespace/]name/key=@file")
        if value.startswith("@"):
            try:
                found[name] = file = Path(value[1:])
                file.read_bytes()
            except OSError as error:
                raise click.BadParameter(f"{value[1:]} cannot be read: {error.strerror}") from None
        else:
            found[name] = os.fsencode(value)
    return found


@click.command("up", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("paths", nargs=-1, required=True, metavar="FILE|DIR|-...")
@click.option(
    "--state", type=click.Path(path_type=Path), default=Path(".pointsman"), show_default=True, help="State folder."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address that the webhook ports listen on.")
@click.option("-n", "--namespace", default="default", show_default=True, help="For objects that name none.")
@click.option("-R", "--recursive", is_flag=True, help="Read folders below the given ones, too.")
@click.option("--nats", metavar="URL", help="Use this NATS server instead of the embedded one.")
@click.option(
    "--nats-ca", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Certificate authority (PEM) of that server: speak TLS, and check it.",
)  # fmt: skip
@click.option("--kube", is_flag=True, help="Create Workflows in the cluster of the kubeconfig.")
@click.option("--context", metavar="NAME", help="Context of the kubeconfig (with --kube).")
@click.option(
    "--secret", "secrets", multiple=True, callback=given_secrets, metavar="[NAMESPACE/]NAME/KEY=VALUE|@FILE",
    help="A Secret's value. Also from the environment: POINTSMAN_SECRET__NAME__KEY, in upper case, with _ for - and the like.",
)  # fmt: skip
@click.option(
    "--bindings-port", type=click.IntRange(0, 65535),
    help="Port of posted events, for WorkflowEventBindings.  [default: 2746, or a free one]",
)  # fmt: skip
@click.option(
    "--token", envvar="POINTSMAN_TOKEN", help="Take events that are posted with `Authorization: Bearer TOKEN`, too."
)
@endpoint_options
@click.option("--register-hooks", is_flag=True, help="Make the hooks that the manifests ask for, and keep them right.")
@click.option("--watch", is_flag=True, help="Take up edited manifests without losing a request.")
@click.option(
    "--admin-port", type=click.IntRange(0, 65535), help="Loopback port of /readyz and /metrics.  [default: 7777]"
)
@click.option(
    "--retention",
    default="7d",
    show_default=True,
    callback=read_retention,
    help="How long events and records are kept.",
)
@click.option(
    "--spool-size", "spool", default="1Gi", show_default=True, callback=read_size, metavar="SIZE",
    help="What may wait on disk while the bus is away; then deliveries are refused.",
)  # fmt: skip
@click.option(
    "--bus-size", callback=read_size, metavar="SIZE",
    help="What each EventBus may hold; unread events are never dropped, new ones are refused when it is full of them."
    "  [default: half of the free disk, at most 8Gi]",
)  # fmt: skip
@click.option(
    "--sync",
    type=click.Choice(["always", "default"]),
    default="always",
    show_default=True,
    help="When the bus writes through to the disk.",
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
@click.option(
    "--log-format", "log_style", type=click.Choice(["auto", "text", "json"]), default="auto", show_default=True
)
def command(**options: object) -> None:
    """Run everything in these manifests, here.

    EventSources are served on the ports that they name, events for WorkflowEventBindings are taken at the path of Argo Server
    (/api/v1/events/NAMESPACE/…), Sensors are run, events go over an embedded NATS JetStream. Workflows
    go to the local store of the state folder (see `pointsman get workflows`), or with --kube to a cluster.
    """
    if options["context"] and not options["kube"]:
        raise click.UsageError("--context goes with --kube")
    token = options.pop("token")
    endpoint = {name: options.pop(name) for name in ("error_status", "max_payload", "wait", "tls_cert", "tls_key")}
    endpoint["token"] = os.fsencode(str(token)) if token else None
    given = UpOptions(**options, endpoint=EndpointOptions(**endpoint))  # type: ignore[arg-type]  # click has checked them
    if given.watch and "-" in given.paths:
        raise click.UsageError("--watch follows files, not stdin")
    logs.configure(given.log_level, style=given.log_style)
    click.echo("Starting: the manifests are read, then bus, sensors and sources start.", err=True)
    sys.exit(asyncio.run(_until_told(given)))


async def _until_told(options: UpOptions) -> int:
    ended, is_up = told_to_end(), asyncio.Event()

    async def run() -> None:
        async with running(options):
            is_up.set()
            await ended.wait()
            click.echo("Stopping: finishing what is under way.", err=True)

    work, told = asyncio.create_task(run()), asyncio.create_task(ended.wait())
    await asyncio.wait((work, told), return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not is_up.is_set() and not work.done():
        click.echo("Stopping before the start was complete.", err=True)
        work.cancel()
    with suppress(asyncio.CancelledError):
        await work
    return 0


@asynccontextmanager
async def running(options: UpOptions, *, quiet: bool = False) -> AsyncIterator[Up]:
    """Everything runs inside this; raises PointsmanError when it cannot."""
    plan = plan_of(options)
    if not quiet or plan.errors:
        show_findings(plan)
    if plan.errors:
        number = len(plan.errors)
        raise SpecError(f"{number} error{'s' if number > 1 else ''} in the manifests; nothing was started")
    async with AsyncExitStack() as stack:
        up = await stack.enter_async_context(Up.opened(options, plan))
        if not quiet:
            _show(up)
        yield up


def _show(up: Up) -> None:
    lines = [*up.plan.lines]
    for title, namespace, template in up.plan.binding_lines:
        lines.append((title, f"submits {template}" if template else "submits nothing", f"{up.posts_url}/{namespace}/"))
    if not lines:
        click.echo(
            "note: these manifests have no event to serve, no Sensor and no binding: nothing is served", err=True
        )
    width = [max((len(line[i]) for line in lines), default=0) for i in (0, 1)]
    for title, what, where in lines:
        click.echo(f"  {title:<{width[0]}}  {what:<{width[1]}}  {where}")
    if up.posts_moved:
        click.echo(f"note: port {DEFAULT_PORT} is taken, so events are posted to {up.posts_url}", err=True)
    if up.admin_moved:
        click.echo(f"note: port 7777 is taken, so /readyz and /metrics are on {up.admin_port}", err=True)
    click.echo(f"Ready. State in {up.options.state}, /readyz and /metrics on http://127.0.0.1:{up.admin_port}")
