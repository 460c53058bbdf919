"""``pointsman eventsource``: one EventSource in a pod, as the controller starts it.

Any number of replicas serve at once: the id of an event comes from its delivery, so that the bus knows one that came to two of them. An
event is kept before it is answered, on the bus or, while that is away, in the state folder.

Told to end, it is not ready at once, but goes on accepting for as long as senders may still be sent here; then it finishes what is under
way, brings what waits in the spool to the bus, and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from contextlib import AsyncExitStack
from typing import Any

import click
import structlog
from prometheus_client import REGISTRY

from eventbus import spooling, subjects
from eventbus.metrics import SpoolMetrics
from eventbus.spooling import SpoolingBus
from events.cli.health import open_health
from events.cli.incluster import PodOptions, pod_options, read_bus, read_object, run_pod
from events.cli.mounted_spec import wait_for_spec
from events.cli.pod_hooks import looking_after_hooks
from events.cli.quantities import read_size
from events.cli.source_pod import SourcePod
from events.cli.state import StateFolder
from events.cli.tuning import collect_rarely
from events.errors import PointsmanError, Refused, Unavailable
from events.models.eventsource import EventSource
from eventsource import metrics as delivery_metrics
from eventsource.hooks.running import hold_secrets

__all__ = ["command", "serve"]

log = structlog.get_logger("eventsource")

_DRAIN_SECONDS = 4.0
_FLUSH_SECONDS = 4.0
_LAST_SECONDS = 12.0
"""Beyond that, when the bus is away: a pod has 30 s to end, and its spool ends with it."""


@click.command("eventsource", context_settings={"help_option_names": ["-h", "--help"]})
@pod_options
@click.option(
    "--linger", type=click.FloatRange(0, 8), default=5.0, show_default=True, envvar="POINTSMAN_LINGER",
    help="Seconds for which it goes on accepting when it is told to end.",
)  # fmt: skip
@click.option(
    "--spool-size", "spool", callback=read_size, metavar="SIZE", default="1Gi", show_default=True, envvar="POINTSMAN_SPOOL_SIZE",
    help="What may wait in the state folder while the bus is away.",
)  # fmt: skip
def command(log_level: str, linger: float, spool: int, **options: Any) -> None:
    """Serve the webhooks of one EventSource, in a pod that the controller makes."""
    run_pod("eventsource", lambda ended: serve(PodOptions(**options), ended, linger=linger, spool=spool), log_level)


async def serve(options: PodOptions, ended: asyncio.Event, *, linger: float, spool: int) -> int:
    """Serve until told to end. 0: nothing is left behind. Raises PointsmanError when it cannot begin."""
    if not await wait_for_spec(options, ended):
        return 0
    source = read_object(options.object, EventSource)
    namespace = source.metadata.namespace or os.environ.get("POD_NAMESPACE") or "default"
    structlog.contextvars.bind_contextvars(source=f"{namespace}/{source.metadata.name}")
    mounts = options.mounts(namespace)
    where = read_bus(options.bus)
    stream, findings = where.stream()
    for finding in findings:
        log.warning("the EventBus can be better", finding=str(finding))
    async with AsyncExitStack() as stack:
        measured = SpoolMetrics()
        folder = options.state / "spool" / subjects.account(namespace, where.name)
        await measured.measure(folder)
        bus = await stack.enter_async_context(
            spooling.connect(
                where.address(namespace, mounts.vault),
                name="pointsman source",
                folder=folder,
                limit=spool,
                stream=stream,
                forgiving=True,
            )
        )
        measured.buses[namespace, where.name] = bus
        REGISTRY.register(measured)
        stack.callback(REGISTRY.unregister, measured)
        with contextlib.suppress(Unavailable, Refused):  # then the forwarder makes it, and tells
            await bus.ensure_stream()
        delivery_metrics.survive(StateFolder(options.state).deliveries)
        pod = SourcePod(source, namespace, mounts, bus, host=options.host, taken=options.port)
        hold_secrets([source], mounts.vault, {}, namespace=namespace)
        await pod.take_up()

        async def changed() -> None:
            await pod.take_up()
            try:
                await bus.move(where.address(namespace, mounts.vault))
            except PointsmanError as error:
                log.error("the bus is reached as before: its new credentials cannot be used", error=str(error))

        mounts.listen(changed)
        port = await stack.enter_async_context(open_health(pod, options.port, options.host))
        following = asyncio.create_task(mounts.run(), name="mounts")
        hooks = looking_after_hooks(
            source,
            namespace,
            mounts.vault,
            bus,
            owner=os.environ.get("POD_NAME") or socket.gethostname(),
            recents=pod.recents,
            report=pod.hooks_are,
            read=lambda: read_object(options.object, EventSource),
        )
        await stack.enter_async_context(hooks)
        collect_rarely()
        log.info("event source runs", metrics_port=port)
        await ended.wait()
        pod.ending = True
        pod.server.retire()
        log.info("told to end: accepting a little longer", seconds=linger)
        await asyncio.sleep(linger)
        await pod.server.drain(_DRAIN_SECONDS)
        following.cancel()
        return await _leave(bus)


async def _leave(bus: SpoolingBus) -> int:
    """Bring what waits to the bus; 1 when something has to stay."""
    if await _emptied(bus, _FLUSH_SECONDS):
        return 0
    log.warning("the bus is away, and events wait in the spool; waiting for it", events=bus.spool.records)
    if await _emptied(bus, _LAST_SECONDS):
        return 0
    log.error("events stay in the spool, which ends with this pod", events=bus.spool.records)
    return 1


async def _emptied(bus: SpoolingBus, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await bus.spool.wait_empty()
    return bus.spool.is_empty
