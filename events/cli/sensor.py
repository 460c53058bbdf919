"""``pointsman sensor``: one Sensor in a pod, as the controller starts it.

Of several replicas one works and the others stand by: ``sensor_pod``. Told to end, it finishes what is under way, writes it down, and hands
over.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import AsyncExitStack
from typing import Any

import click
import structlog

from events.cli.health import open_health
from events.cli.incluster import PodOptions, pod_options, read_bus, read_object, run_pod
from events.cli.mounted_spec import wait_for_spec
from events.cli.pod_bus import PodBus
from events.cli.quantities import read_retention
from events.cli.sensor_pod import SensorPod
from events.cli.state import StateFolder
from events.cli.tuning import collect_rarely
from events.errors import SpecError, Unavailable
from events.kube import Kube, Object
from events.kube.client import open_cluster
from events.models.sensor import Sensor

__all__ = ["command", "serve"]

log = structlog.get_logger("sensor")


@click.command("sensor", context_settings={"help_option_names": ["-h", "--help"]})
@pod_options
@click.option(
    "--retention", default="7d", show_default=True, callback=read_retention, envvar="POINTSMAN_RETENTION",
    help="How long records, and on a bus of ours events that all have read, are kept.",
)  # fmt: skip
def command(log_level: str, retention: float, **options: Any) -> None:
    """Run one Sensor, in a pod that the controller makes. Of several pods one works, and the others stand by."""
    run_pod("sensor", lambda ended: serve(PodOptions(**options), ended, retention=retention), log_level)


async def serve(options: PodOptions, ended: asyncio.Event, *, retention: float) -> int:
    """Work or stand by until told to end. Raises PointsmanError for what nothing mends."""
    if not await wait_for_spec(options, ended):
        return 0
    sensor = read_object(options.object, Sensor)
    namespace = sensor.metadata.namespace or os.environ.get("POD_NAMESPACE") or "default"
    structlog.contextvars.bind_contextvars(sensor=f"{namespace}/{sensor.metadata.name}")
    where = read_bus(options.bus)
    stream, findings = where.stream()
    for finding in findings:
        log.warning("the EventBus can be better", finding=str(finding))
    async with AsyncExitStack() as stack:
        state = stack.enter_context(StateFolder(options.state).opened())
        mounts = options.mounts(namespace)
        bus = PodBus(where, stream, mounts, namespace)
        owner = os.environ.get("POD_NAME") or f"{socket.gethostname()}-{os.getpid()}"
        kube = await _kube(stack)
        pod = SensorPod(sensor, namespace, bus, mounts.vault, kube, state, retention=retention, owner=owner)
        port = await stack.enter_async_context(open_health(pod, options.port, options.host))
        admin = f"http://127.0.0.1:{port}"
        pod.write_running(admin)

        async def changed() -> None:
            pod.write_running(admin)

        mounts.listen(changed)
        following = asyncio.create_task(mounts.run(), name="mounts")
        collect_rarely()
        log.info("sensor pod runs", metrics_port=port)
        try:
            await pod.run(ended)
        finally:
            following.cancel()
    return 0


async def _kube(stack: AsyncExitStack) -> Kube:
    try:
        return await stack.enter_async_context(open_cluster())
    except SpecError as error:  # its triggers may need none
        log.warning("there is no cluster to submit to", error=str(error))
        return _NoCluster(str(error))


class _NoCluster:
    """See ``events.kube.Kube``: what needs a cluster waits for one."""

    def __init__(self, why: str) -> None:
        self._why = why

    async def create(self, obj: Object) -> Object:
        raise Unavailable(self._why)

    async def get(self, api_version: str, kind: str, namespace: str, name: str) -> Object | None:
        raise Unavailable(self._why)
