"""What a person wants of sensors: written into the state folder of an ``up``, or given over the bus where this is the folder of a pod."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from eventbus import marks, orders, rounds
from eventbus.orders import Order
from events.cli.state import StateFolder
from events.cli.wire import read_addresses
from events.errors import SpecError

__all__ = ["hold_sensors", "retry_dead_letters"]


def hold_sensors(folder: StateFolder, sensors: Sequence[str], *, held: bool) -> int:
    """Hold or release sensors (namespace/name). Returns the order's place on the bus; 0: it is written in the folder.

    Raises SpecError, Unavailable, Refused.
    """
    own = folder.sensor()
    if own is None:
        marks.change_hold(folder.path, sensors, held=held)
        return 0
    for sensor in sensors:
        if sensor != own:
            raise SpecError(f"this is a pod of the sensor {own}, not of {sensor}", hint="ask one of its own pods")
    return _give(folder, own, Order(held=[(own, held)]))


def retry_dead_letters(folder: StateFolder, keys: Sequence[str]) -> bool:
    """Have dead letters retried; whether the order went over the bus. Raises SpecError, Unavailable, Refused."""
    own = folder.sensor()
    if own is None:
        rounds.order_retry(folder.path, keys)
        return False
    _give(folder, own, Order(again=keys))
    return True


def _give(folder: StateFolder, sensor: str, order: Order) -> int:
    addresses = list(read_addresses(folder.running() or {"buses": []}).values())
    if not addresses:
        raise SpecError("the sensor of this pod does not run", hint="try again when it does")
    namespace, _, name = sensor.partition("/")
    return asyncio.run(orders.give(addresses[0], namespace, name, order))
