"""One sensor in a pod: one of its pods works, the others stand by with a copy of its ledger. Shell.

The lease on the bus says who works. Who stands by follows the ledger's log, so that little is to be replayed when it takes over. A process
that was overtaken ends at once, with nothing of what it had begun written anywhere: what it held is delivered to the one that works.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable
from typing import NoReturn

import structlog
from prometheus_client import Gauge

from eventbus import orders, subjects
from eventbus.jetstream import JetStreamBus
from eventbus.lease import Lease
from eventbus.ledgercopy import LedgerCopy
from eventbus.ledgerlog import LedgerLog
from eventbus.recent import read_recent
from eventbus.replicated import ReplicatedLedger, open_replicated
from events.cli.health import Status
from events.cli.pod_bus import PodBus, either
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
    """``run`` until told to end. ``retention`` of records in seconds; ``owner`` is the pod's name, which no other has."""

    def __init__(
        self,
        sensor: Sensor,
        namespace: str,
        bus: PodBus,
        vault: Vault,
        kube: Kube,
        state: StateFolder,
        *,
        retention: float,
        owner: str,
    ) -> None:
        self._sensor = sensor
        self._name = namespace, sensor.metadata.name
        self._id = "/".join(self._name)
        self._bus = bus
        self._vault = vault
        self._kube = kube
        self._state = state
        self._retention = retention
        self._owner = owner
        self._ended = asyncio.Event()
        self._trouble = "it has not started yet"
        self._told = ""
        self._process: SensorProcess | None = None
        self._lease: Lease | None = None
        self._active = _ACTIVE.labels(self._id)
        self._active.set(0)

    # -- what it says of itself ------------------------------------------------------------------------------------------

    def unready(self) -> list[str]:
        """Why it neither works nor could take over."""
        if self._ended.is_set():
            return ["it has been told to end"]
        if not self._bus.is_up:
            return ["the bus is away"]
        if self._process is not None:  # whatever there was before it took over
            return self._process.unready()
        if self._trouble:
            return [self._trouble]
        # A pod that is ready promises that what comes from now on is read: by itself, or by the one for which it stands by.
        stands_by = self._lease is not None and self._lease.holder not in ("", self._owner)
        return [] if stands_by else ["no pod of this sensor works yet"]

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
        return Status(recent.event, recent.submission, recent.error, (), [*troubles, *self._bus.troubles()])

    def write_running(self, admin: str) -> None:
        """For ``pointsman get``, ``hold``, ``release`` and ``retry`` in this pod. ``admin`` is the URL of the health port."""
        try:
            buses = write_addresses({(self._name[0], self._bus.name): self._bus.address()})
        except SpecError:
            buses = []
        self._state.write_running({"pid": os.getpid(), "admin": admin, "buses": buses, "sensor": self._id})

    # -- its life --------------------------------------------------------------------------------------------------------

    async def run(self, ended: asyncio.Event) -> None:
        """Work or stand by until told to end. Raises PointsmanError for what nothing mends."""
        self._ended = ended
        if not await self._can_work():
            return
        async with self._bus.connect(f"pointsman sensor {self._id}", forgiving=True) as control:
            copy = LedgerCopy(self._state.path, LedgerLog(control.api, *self._name))
            copy.open()
            try:
                lease = self._lease = Lease(control, subjects.durable(*self._name), self._owner, unique=True)
                while await self._stand_by(control, copy, lease):
                    await self._hold_lease(control, copy, lease)
            finally:
                copy.close()

    async def _can_work(self) -> bool:
        """Wait until the manifest and the mounted secrets allow to begin; False when told to end."""
        while not self._ended.is_set():
            self._bus.changed.clear()
            try:
                self._bus.address()
                with ScriptWorker() as scripts:
                    CompiledSensor(self._sensor, self._name[0], scripts)
            except SpecError as error:
                self._trouble = f"{error.path}: {error}" if error.path else str(error)
                log.error("the sensor cannot run", error=self._trouble, reason=error.reason)
                await either(self._ended.wait(), self._bus.changed.wait())
            else:
                self._trouble = "the bus is away"
                return True
        return False

    async def _stand_by(self, control: JetStreamBus, copy: LedgerCopy, lease: Lease) -> bool:
        """Follow the ledger until the lease is ours; False when told to end."""
        while not self._ended.is_set() and not await self._follow(control, copy):
            await self._pause(_WAIT_SECONDS)
        acquiring = asyncio.create_task(lease.acquire(), name="lease")
        ending = asyncio.create_task(self._ended.wait())
        told = ""
        try:
            while not self._ended.is_set() and not acquiring.done():
                await asyncio.wait({acquiring, ending}, timeout=FOLLOW_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if not acquiring.done():
                    if lease.holder != told:
                        log.info("standing by", active=lease.holder)
                        told = lease.holder
                    await self._follow(control, copy)
            if acquiring.done():
                acquiring.result()
        finally:
            for one in (acquiring, ending):
                one.cancel()
            await asyncio.gather(acquiring, ending, return_exceptions=True)
        if self._ended.is_set():
            await lease.release()
        return not self._ended.is_set()

    async def _follow(self, control: JetStreamBus, copy: LedgerCopy) -> bool:
        """Take over what is new in the ledger; whether that has worked."""
        try:
            if self._trouble:
                await control.ensure_stream()
                info = await control.stream_info()
                await copy.log.ensure(int(info["config"].get("num_replicas") or 1) if info else 1)
                self._trouble = "its ledger is being replayed"
            await copy.catch_up()
        except (Unavailable, Refused) as error:
            if str(error) != self._told:
                log.warning("the ledger cannot be followed", error=str(error))
            self._told = self._trouble = str(error)
            return False
        self._told = self._trouble = ""
        return True

    # -- at work ---------------------------------------------------------------------------------------------------------

    async def _hold_lease(self, control: JetStreamBus, copy: LedgerCopy, lease: Lease) -> None:
        """Work until told to end, or until something that it needs is away."""
        try:
            async with asyncio.TaskGroup() as tasks:
                beside = [
                    tasks.create_task(_or_end(lease.keep())),
                    tasks.create_task(self._bus.look_after(control, self._owner, self._retention)),
                ]
                async with open_replicated(copy, self._owner, retention=self._retention) as ledger:
                    writing = tasks.create_task(_or_end(ledger.run()))
                    await self._work(ledger, copy)
                    await ledger.flush()
                    writing.cancel()
                    await asyncio.gather(writing, return_exceptions=True)
                for one in beside:
                    one.cancel()
        except* PointsmanError as group:
            self._trouble = str(_first(group))
            log.warning("the sensor stops for now", error=self._trouble)
        finally:
            await lease.release()
        await self._pause(_WAIT_SECONDS)

    async def _work(self, ledger: ReplicatedLedger, copy: LedgerCopy) -> None:
        """Consume and submit until told to end."""
        async with (
            self._bus.connect(f"pointsman sensor {self._id}") as events,
            open_process(
                [(self._sensor, self._name[0])], {}, folder=self._state.path, kube=self._kube, vault=self._vault,
                ledger=ledger, opened={(self._name[0], self._bus.name): events},
            ) as process,
            asyncio.TaskGroup() as tasks,
        ):  # fmt: skip
            await either(events.outlast(subjects.durable(*self._name)), self._ended.wait())
            await process.start()
            log.info("the sensor works", sensor=self._id)
            self._process = process
            self._active.set(1)
            try:
                obeying = tasks.create_task(orders.carry_out(ledger, copy.log, copy.orders))
                draining = tasks.create_task(self._drain(process))
                await _or_end(process.run())
                obeying.cancel()
                draining.cancel()
            finally:
                self._process = None
                self._active.set(0)

    async def _drain(self, process: SensorProcess) -> None:
        await self._ended.wait()
        log.info("told to end: finishing what is under way")
        await process.drain()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()


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
