"""What only the bus of a running ``up`` knows: the events themselves, and what joins keep. Shell; nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from eventbus import jetstream, subjects
from eventbus.interface import Address
from eventbus.jetstream import JetStreamBus
from eventbus.stream import OURS, StreamSettings
from events.cli.state import StateFolder
from events.cli.stored import where_stored
from events.cli.wire import read_addresses
from events.errors import Unavailable
from events.models.event import Event
from sensor import kept
from sensor.kept import JoinState
from sensor.plan import CompiledSensor

__all__ = ["addresses", "read_event", "read_joins"]

BusName = tuple[str, str]


def addresses(state: StateFolder) -> dict[BusName, Address]:
    """The buses of the ``up`` that runs with this folder; empty when none runs."""
    running = state.running()
    return read_addresses(running) if running is not None else {}


async def read_event(buses: Mapping[BusName, Address], row: Mapping[str, Any]) -> Event:
    """The event of a row of the ledger. Raises Unavailable when the bus has it no more, or cannot be asked."""
    name, stream = where_stored(row)
    address = buses.get(name)
    if address is None:
        raise Unavailable(
            f"event {row['id']} is known, but only the bus holds its data",
            hint="start `pointsman up` with this state folder, or explain the delivery",
        )
    async with _open(address, stream) as bus:
        text = await bus.read(row["sequence"])
    if text is None:
        raise Unavailable(f"event {row['id']} is known, but the bus does not hold it any more")
    return Event.from_json(text)


async def read_joins(
    buses: Mapping[BusName, Address], sensors: Iterable[CompiledSensor]
) -> dict[tuple[str, str], JoinState]:
    """What the joins of these sensors keep, by sensor and trigger. Raises Unavailable."""
    found: dict[tuple[str, str], JoinState] = {}
    for sensor in sensors:
        address = buses.get((sensor.namespace, sensor.bus))
        joining = [trigger.name for trigger in sensor.triggers if trigger.joins]
        if address is None or not joining:
            continue
        names = {dependency.name for dependency in sensor.dependencies}
        async with _open(address) as bus:
            for trigger in joining:
                text = await bus.peek(subjects.bucket(sensor.namespace, sensor.name), subjects.key(trigger))
                if text is not None:
                    found[sensor.id, trigger] = kept.read(text, names).state
    return found


def _open(address: Address, stream: StreamSettings = OURS) -> AbstractAsyncContextManager[JetStreamBus]:
    return jetstream.connect(address, name="pointsman explain", stream=stream)
