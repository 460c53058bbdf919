"""The sensor process of ``up``: all sensors of the manifests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from events.cli.stored import BINDINGS_BUS
from events.cli.wire import read_addresses, read_streams, read_vault
from events.kube import Kube
from events.kube.local import open_store
from events.models.base import parse
from events.models.sensor import Sensor
from sensor.bindings.compiled import compile_binding
from sensor.bindings.sources import FixedBindings
from sensor.process import Bindings, Recorded, SensorProcess, open_process

__all__ = ["open_part"]


@asynccontextmanager
async def open_part(config: dict[str, Any]) -> AsyncIterator[SensorProcess]:
    """Consumers exist when this is entered."""
    folder = Path(config["folder"])
    sensors = [(parse(Sensor, body), namespace) for namespace, body in config["sensors"]]
    recorded = [Recorded((r[0], r[1]), r[2], r[3]) for r in config["recorded"]]
    addresses, streams = read_addresses(config), read_streams(config)
    posted = addresses.pop(BINDINGS_BUS, None)
    bindings = None
    if posted is not None:
        compiled = [compile_binding(body, namespace) for namespace, body in config["bindings"]]
        bindings = Bindings(
            FixedBindings(compiled),
            posted,
            streams[BINDINGS_BUS],
            retention=config["retention"],
            notices=bool(config["kube"]),
            sole=config["sole"],
        )
    async with AsyncExitStack() as stack:
        process = await stack.enter_async_context(
            open_process(
                sensors,
                addresses,
                folder=folder,
                kube=await _kube(config, folder, stack),
                vault=read_vault(config),
                recorded=recorded,
                streams=streams,
                bindings=bindings,
            )
        )
        await process.start()
        yield process


async def _kube(config: dict[str, Any], folder: Path, stack: AsyncExitStack) -> Kube:
    if config["kube"] is not None:
        from events.kube.client import open_cluster  # heavy, and only needed with --kube

        cluster = await stack.enter_async_context(open_cluster(config["kube"]["context"]))
        await cluster.check()
        return cluster
    templates = {(kind, namespace, name): body for kind, namespace, name, body in config["templates"]}
    return await stack.enter_async_context(open_store(folder, templates))
