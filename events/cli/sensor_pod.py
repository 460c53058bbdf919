"""One sensor in a pod: one of its pods works, the others stand by with a copy of its ledger. Shell.

The lease on the bus says who works. Who stands by follows the ledger's log, so that little is to be replayed when it takes over. A process
that was overtaken ends at once, with nothing of what it had begun written anywhere: what it held is delivered to the one that works.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn

import structlog
from prometheus_client import Gauge

from eventbus import jetstream, orders, subjects
from eventbus.jetstream import JetStreamBus
from eventbus.keeper import StreamKeeper, open_keeper
from eventbus.lease import Lease
from eventbus.ledgercopy import LedgerCopy
from eventbus.ledgerlog import LedgerLog
from eventbus.recent import read_recent
from eventbus.replicated import open_replicated
from eventbus.stream import StreamSettings
from events.cli.health import Status
from events.cli.incluster import BusFile
from events.cli.mounted import Mounts
from events.cli.state import StateFolder
from events.cli.wire import write_addresses
from events.errors import PointsmanError, Refused, SpecError, Superseded, Unavailable
from events.kube import Kube
from events.models.sensor import Sensor
from events.secrets import Vault
from sensor.plan import CompiledSensor
from sensor.process import SensorProcess, open_process
from sensor.scripts import ScriptWorker

__all__ = ["OVERTAKEN", "SensorPod"]

log = structlog.get_logger("sensor")

FOLLOW_SECONDS = 2.0
"""Between two looks for what is new in the ledger, while standing by."""
_WAIT_SECONDS = 2.0
"""Before it is tried again what did not work, because something was away."""
OVERTAKEN = 3
"""Exit code of a process that has lost its place to another."""

_ACTIVE = Gauge("pointsman_sensor_active", "Whether this pod works (1) or stands by (0)", ["sensor"])


class SensorPod:
    """``run`` until told to end. ``retention`` in seconds; ``owner`` is the pod's name."""

    def __init__(
        self,
        sensor: Sensor,
        namespace: str,
        mounts: Mounts,
        where: BusFile,
        stream: StreamSettings,
        kube: Kube,
        state: StateFolder,
        *,
        retention: float,
        owner: str,
    ) -> None:
        self._sensor = sensor
        self._namespace = namespace
        self._id = f"{namespace}/{sensor.metadata.name}"
        self._mounts = mounts
        self._where = where
        self._stream = stream
        self._kube = kube
        self._state = state
        self._retention = retention
        self._owner = owner
        self._ended = asyncio.Event()
        self._changed = asyncio.Event()
        self._trouble = "it has not started yet"
        self._buses: list[JetStreamBus] = []
        self._process: SensorProcess | None = None
        self._keeper: StreamKeeper | None = None
        self._admin = ""
        self._active = _ACTIVE.labels(self._id)
        self._active.set(0)

    # -- what it says of itself ------------------------------------------------------------------------------------------

    def unready(self) -> list[str]:
        """Why it neither works nor could take over."""
        if self._ended.is_set():
            return ["it has been told to end"]
        if not all(bus.is_up for bus in self._buses):
            return ["the bus is away"]
        if self._trouble:
            return [self._trouble]
        return self._process.unready() if self._process is not None else []

    def hanging(self) -> list[str]:
        """An answer is proof enough."""
        return []

    def status(self) -> Status:
        """The last event, submission and error of the sensor, whichever pod they were of; and all that is wrong."""
        troubles = self.unready()
        try:
            recent = read_recent(self._state.path, self._id)
        except Unavailable as error:
            return Status(troubles=[*troubles, str(error)])
        if recent.held:
            troubles.append("it is held: its events wait (pointsman release)")
        if recent.letters:
            troubles.append(f"{recent.letters} dead letters wait for somebody (pointsman get deadletters)")
        if self._keeper is not None:
            bus = f"EventBus {self._where.name} can lose events"
            troubles += [self._keeper.alarm] if self._keeper.alarm else []
            troubles += [f"{bus}: {risk}" for risk in self._keeper.risks]
        return Status(recent.event, recent.submission, recent.error, (), troubles)

    # -- its life --------------------------------------------------------------------------------------------------------

    async def run(self, ended: asyncio.Event, admin: str) -> None:
        """Work or stand by until told to end. ``admin`` is the URL of the health port. Raises PointsmanError for what nothing mends."""
        self._ended, self._admin = ended, admin
        self._mounts.listen(self._take_up)
        self._write_running()
        if not await self._can_work():
            return
        async with jetstream.connect(
            self._where.address(self._namespace, self._mounts.vault),
            name=f"pointsman sensor {self._id}",
            stream=self._stream,
            forgiving=True,
        ) as control:
            self._buses.append(control)
            copy = LedgerCopy(self._state.path, LedgerLog(control.api, self._namespace, self._sensor.metadata.name))
            copy.open()
            lease = Lease(control, subjects.key("sensor", self._namespace, self._sensor.metadata.name), self._owner)
            try:
                while await self._stand_by(control, copy, lease):
                    try:
                        await self._work(control, copy, lease)
                    except* PointsmanError as group:
                        self._trouble = str(_first(group))
                        log.warning("the sensor stops for now", error=self._trouble)
                    finally:
                        self._process = None
                        self._active.set(0)
                        await lease.release()
                    await self._pause(_WAIT_SECONDS)
            finally:
                copy.close()

    async def _can_work(self) -> bool:
        """Wait until the manifest and the mounted secrets allow to begin; False when told to end."""
        while not self._ended.is_set():
            self._changed.clear()
            try:
                self._where.address(self._namespace, self._mounts.vault)
                with ScriptWorker() as scripts:
                    CompiledSensor(self._sensor, self._namespace, scripts)
            except SpecError as error:
                self._trouble = f"{error.path}: {error}" if error.path else str(error)
                log.error("the sensor cannot run", error=self._trouble, reason=error.reason)
                await self._either(self._ended.wait(), self._changed.wait())
            else:
                self._trouble = "the bus is away"
                return True
        return False

    async def _stand_by(self, control: JetStreamBus, copy: LedgerCopy, lease: Lease) -> bool:
        """Follow the ledger until it is ours to work; False when told to end."""
        while not self._ended.is_set() and not await self._follow(control, copy):
            await self._pause(_WAIT_SECONDS)
        acquiring = asyncio.create_task(lease.acquire(), name="lease")
        told = False
        try:
            while not self._ended.is_set():
                waiting = asyncio.create_task(self._ended.wait())
                await asyncio.wait({acquiring, waiting}, timeout=FOLLOW_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                if acquiring.done():
                    acquiring.result()
                    return not self._ended.is_set() or await self._given_back(lease)
                if not told and lease.holder:
                    log.info("standing by", active=lease.holder)
                    told = True
                await self._follow(control, copy)
        finally:
            acquiring.cancel()
            await asyncio.gather(acquiring, return_exceptions=True)
            if self._ended.is_set():
                await lease.release()
        return False

    async def _given_back(self, lease: Lease) -> bool:
        await lease.release()
        return False

    async def _follow(self, control: JetStreamBus, copy: LedgerCopy) -> bool:
        """Take over what is new in the ledger; whether that has worked."""
        try:
            await control.ensure_stream()
            info = await control.stream_info()
            await copy.log.ensure(int(info["config"].get("num_replicas") or 1) if info else 1)
            await copy.catch_up()
        except (Unavailable, Refused) as error:
            if str(error) != self._trouble:
                log.warning("the ledger cannot be followed", error=str(error))
            self._trouble = str(error)
            return False
        self._trouble = ""
        return True

    # -- at work ---------------------------------------------------------------------------------------------------------

    async def _work(self, control: JetStreamBus, copy: LedgerCopy, lease: Lease) -> None:
        """Be the one that works, until told to end. Raises groups of Unavailable, Refused."""
        bus = self._namespace, self._where.name
        async with asyncio.TaskGroup() as tasks:
            beside = [tasks.create_task(_or_end(lease.keep())), tasks.create_task(self._keep_stream(control))]
            async with open_replicated(copy, self._owner, retention=self._retention) as ledger:
                writing = tasks.create_task(_or_end(ledger.run()))
                async with (
                    jetstream.connect(
                        self._where.address(*self._vault), name=f"pointsman sensor {self._id}", stream=self._stream
                    ) as events,
                    open_process(
                        [(self._sensor, self._namespace)],
                        {},
                        folder=self._state.path,
                        kube=self._kube,
                        vault=self._mounts.vault,
                        ledger=ledger,
                        opened={bus: events},
                    ) as process,
                ):
                    self._buses.append(events)
                    try:
                        await events.outlast(subjects.durable(self._namespace, self._sensor.metadata.name))
                        await process.start()
                        log.info("the sensor works", sensor=self._id)
                        self._process = process
                        self._active.set(1)
                        beside.append(tasks.create_task(orders.carry_out(ledger, copy.log, copy.orders)))
                        beside.append(tasks.create_task(self._drain(process)))
                        await _or_end(process.run())
                    finally:
                        self._buses.remove(events)
                await ledger.flush()
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)
            for one in beside:
                one.cancel()

    async def _drain(self, process: SensorProcess) -> None:
        await self._ended.wait()
        log.info("told to end: finishing what is under way")
        await process.drain()

    async def _keep_stream(self, control: JetStreamBus) -> None:
        """Look after the bus's stream, if no other sensor does: one for each bus."""
        while True:
            self._changed.clear()
            try:
                async with Lease(control, "keeper", self._owner) as lease, self._open_keeper() as self._keeper:
                    await self._either(self._changed.wait(), lease.lost())
            except SpecError as error:
                log.warning("the EventBus is not looked after", error=str(error))
                await self._changed.wait()
            finally:
                self._keeper = None

    def _open_keeper(self) -> AbstractAsyncContextManager[StreamKeeper]:
        address, name = self._where.address(*self._vault), self._where.name
        return open_keeper(address, name, self._stream, retention=self._retention, own=self._where.ours)

    # -- beside ----------------------------------------------------------------------------------------------------------

    @property
    def _vault(self) -> tuple[str, Vault]:
        return self._namespace, self._mounts.vault

    async def _take_up(self) -> None:
        """The mounted secrets have changed: those of the bus may be among them."""
        self._changed.set()
        try:
            address = self._where.address(*self._vault)
        except SpecError as error:
            log.error("the bus's credentials cannot be used", error=str(error))
            return
        for bus in self._buses:
            await bus.move(address)
        self._write_running()

    def _write_running(self) -> None:
        """For ``pointsman get``, ``hold``, ``release`` and ``retry`` in this pod."""
        try:
            buses = write_addresses({(self._namespace, self._where.name): self._where.address(*self._vault)})
        except SpecError:
            buses = []
        self._state.write_running({"pid": os.getpid(), "admin": self._admin, "buses": buses, "sensor": self._id})

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()

    async def _either(self, *events: Coroutine[Any, Any, object]) -> None:
        """Until one of them is over, however."""
        waiting = [asyncio.create_task(one) for one in events]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)


async def _or_end(work: Awaitable[None]) -> None:
    """Do this; when we are overtaken, the process ends there and then."""
    try:
        await work
    except* Superseded as group:
        _end(str(_first(group)))


def _end(why: str) -> NoReturn:
    log.error("another pod works now, and this one ends", error=why)
    sys.stderr.flush()
    os._exit(OVERTAKEN)


def _first(group: BaseExceptionGroup[PointsmanError]) -> PointsmanError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, PointsmanError)
    return error
