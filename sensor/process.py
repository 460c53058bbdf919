"""Steps 5–10 · one process for any number of sensors: opens what they share, starts them, drains them. Shell."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import structlog

from eventbus import jetstream, subjects
from eventbus.interface import Address, Bus
from eventbus.ledger import EventRecord, Ledger, open_ledger
from eventbus.stream import OURS, StreamSettings
from events.backoff import full_jitter
from events.crashpoints import crash_at
from events.errors import EvaluationError, Unavailable
from events.kube import Kube
from events.models.event import Event
from events.models.sensor import Sensor
from events.secrets import Vault
from sensor import gauges
from sensor.bindings.runner import BindingRunner
from sensor.bindings.sources import BindingSource
from sensor.plan import CompiledSensor
from sensor.runner import SensorRunner
from sensor.scripts import ScriptWorker
from sensor.target import Tools

__all__ = ["Bindings", "Recorded", "SensorProcess", "open_process"]

log = structlog.get_logger("sensor")

BusName = tuple[str, str]
"""Namespace and name of an EventBus."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event that no sensor waits for; it is only written down, so that one can see that it came."""

    bus: BusName
    source: str
    event: str


@dataclass(frozen=True)
class Bindings:
    """WorkflowEventBindings and the bus of their events. ``notices``: failures are told as Kubernetes Events."""

    source: BindingSource
    address: Address
    stream: StreamSettings
    instance_id: str = ""
    notices: bool = False
    retention: float = 7 * 24 * 3600.0
    """Seconds for which results are kept."""
    sole: bool = True
    """Whether nobody else runs them, so that our ledger must know each event."""


class SensorProcess:
    """Runners of one process; made by ``open_process``, where their consumers are created."""

    def __init__(
        self, parts: Sequence[SensorRunner | Recorder | BindingRunner], buses: Sequence[Bus], ledger: Ledger
    ) -> None:
        self._parts = parts
        self._buses = buses
        self._ledger = ledger
        self._told_to_end = asyncio.Event()

    async def start(self) -> None:
        """Create all consumers; afterwards no event is missed."""
        async with asyncio.TaskGroup() as tasks:
            for part in self._parts:
                tasks.create_task(part.start())

    async def run(self) -> None:
        """Work until ``drain``, also when there is nothing to run."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._told_to_end.wait())
            for part in self._parts:
                tasks.create_task(part.run())
        crash_at("drain.ended")

    def unready(self) -> list[str]:
        """Why events do not come now; what it waits for stays on the bus."""
        troubles = dict.fromkeys(trouble for bus in self._buses for trouble in bus.troubles())
        return [*troubles, *([self._ledger.problem] if self._ledger.problem else [])]

    def warnings(self) -> list[str]:
        """Whatever is wrong keeps events from coming: see ``unready``."""
        return []

    async def drain(self) -> None:
        """Stop pulling; ``run`` ends when what is held has settled."""
        self._told_to_end.set()
        for part in self._parts:
            await part.drain()
        crash_at("drain.begun")


@asynccontextmanager
async def open_process(
    sensors: Iterable[tuple[Sensor, str]],
    addresses: Mapping[BusName, Address],
    *,
    folder: Path,
    kube: Kube,
    vault: Vault,
    recorded: Iterable[Recorded] = (),
    streams: Mapping[BusName, StreamSettings] | None = None,
    bindings: Bindings | None = None,
    ledger: Ledger | None = None,
    opened: Mapping[BusName, Bus] | None = None,
) -> AsyncIterator[SensorProcess]:
    """Compile the sensors (each with its namespace) and connect their buses, beside those that are ``opened``. Raises SpecError for what
    cannot work. Without a ``ledger`` there is one in the folder.
    """
    async with AsyncExitStack() as stack:
        scripts = stack.enter_context(ScriptWorker())
        compiled = [CompiledSensor(sensor, namespace, scripts) for sensor, namespace in sensors]
        if ledger is None:
            ledger = await stack.enter_async_context(open_ledger(folder))
        session = await stack.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
            )
        )
        tools = Tools(kube=kube, http=session, vault=vault)
        gauges.targets(tools.targets.away)
        buses: dict[BusName, Bus] = dict(opened or {})
        for name, address in addresses.items():
            buses[name] = bus = await stack.enter_async_context(
                jetstream.connect(address, name="pointsman sensor", stream=(streams or {}).get(name, OURS))
            )
            await bus.ensure_stream()
        runners = [SensorRunner(s, buses[s.namespace, s.bus], ledger, tools) for s in compiled]
        recorders = [
            Recorder(name, buses[name], ledger, [r for r in recorded if r.bus == name])
            for name in sorted({r.bus for r in recorded})
        ]
        parts: list[SensorRunner | Recorder | BindingRunner] = [*runners, *recorders]
        all_buses = [*buses.values()]
        if bindings is not None:
            bus = await stack.enter_async_context(
                jetstream.connect(bindings.address, name="pointsman bindings", stream=bindings.stream)
            )
            await bus.ensure_stream()
            runner = BindingRunner(
                bindings.source,
                bus,
                ledger,
                tools,
                instance_id=bindings.instance_id,
                notices=bindings.notices,
                max_age=bindings.retention,
                sole=bindings.sole,
            )
            parts.append(runner)
            all_buses.append(bus)
        yield SensorProcess(parts, all_buses, ledger)


class Recorder:
    """Writes down the events of a bus that no sensor waits for."""

    def __init__(self, name: BusName, bus: Bus, ledger: Ledger, recorded: list[Recorded]) -> None:
        self._name = name
        self._bus = bus
        self._ledger = ledger
        self._subjects = [subjects.subject(r.source, r.event) for r in recorded]

    async def start(self) -> None:
        """Create the durable consumer."""
        self._subscription = await self._bus.subscribe(subjects.durable(self._name[0], "_recorder"), self._subjects)

    async def run(self) -> None:
        """Record until ``drain``."""
        namespace, bus = self._name
        async for batch in self._subscription.batches():
            records = []
            for message in batch:
                try:
                    e = Event.from_json(message.data)
                except EvaluationError as error:
                    log.error("message is no event", sequence=message.sequence, error=str(error))
                    continue
                records.append(
                    EventRecord(
                        e.id, namespace, bus, e.source, e.subject, e.type, e.time, message.delivery_id, message.sequence
                    )
                )
            await self._write(records)
            for message in batch:
                await message.ack()

    async def _write(self, records: list[EventRecord]) -> None:
        """What cannot be written down (the disk is full) waits here, as it does where sensors work; it is no reason to end the process."""
        pauses = full_jitter(random.random, cap=5.0)
        while True:
            try:
                await self._ledger.record(records, [])
                return
            except Unavailable as error:
                log.error("ledger cannot be written", error=str(error))
                await asyncio.sleep(next(pauses))

    async def drain(self) -> None:
        """Stop pulling."""
        await self._subscription.close()
