"""What a person wants of a sensor in a cluster: hold, release, retry. An order is a message beside the ledger's log, whoever writes that.

The process that writes the ledger carries orders out, in their order, each once; so they reach a sensor whichever of its pods one asks, and
wait when none of them works.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from eventbus.api import JetStreamApi
from eventbus.connection import open_connection
from eventbus.interface import Address
from eventbus.ledgerlog import LedgerLog
from eventbus.replicated import ReplicatedLedger
from events.errors import EvaluationError, Unavailable

__all__ = ["Order", "carry_out", "give"]

log = logging.getLogger(__name__)

_LOOK = 10.0
"""Seconds between two looks, beside those when an order is announced."""
_KEYS = 5_000
"""Keys in one message."""


class Order(NamedTuple):
    """Sensors (namespace/name) to hold (True) or to release, and keys of dead letters to retry."""

    held: Sequence[tuple[str, bool]] = ()
    again: Sequence[str] = ()

    def to_json(self) -> bytes:
        """As it lies on the bus."""
        return orjson.dumps({"held": self.held, "again": self.again})

    @classmethod
    def from_json(cls, data: bytes) -> Order:
        """What ``to_json`` made. Raises EvaluationError."""
        try:
            value = orjson.loads(data)
            return cls([(str(sensor), held is True) for sensor, held in value["held"]], list(map(str, value["again"])))
        except (ValueError, TypeError, KeyError) as error:
            raise EvaluationError(f"not an order: {error}") from None


async def give(address: Address, namespace: str, sensor: str, order: Order) -> int:
    """Give an order to a sensor; it is durable when this returns its place. Raises Unavailable, Refused."""
    place = 0
    async with open_connection(address, name="pointsman order") as connection:
        ledger = LedgerLog(JetStreamApi(connection), namespace, sensor)
        for start in range(
            0, max(len(order.again), 1), _KEYS
        ):  # parts of two orders may come mixed: each is one message
            part = Order(order.held if not start else (), order.again[start : start + _KEYS])
            _, place = await ledger.add(ledger.orders, part.to_json())
    return place


async def carry_out(ledger: ReplicatedLedger, orders: LedgerLog, done: int) -> None:
    """Carry out the orders behind the place ``done``, and those that come, until cancelled."""
    announced = asyncio.Event()
    connection = orders.api.connection
    await connection.subscribe(orders.orders, lambda *_: announced.set())
    try:
        while True:
            announced.clear()
            try:
                if await orders.end(orders.orders) > done:
                    async for batch in orders.records(done, orders.orders):
                        for record in batch:
                            order = _read(record.data)
                            await ledger.obey(record.sequence, held=order.held, again=order.again)
                            done = record.sequence
            except Unavailable as error:
                log.info("orders cannot be read now: %s", error)
            try:
                async with asyncio.timeout(_LOOK):
                    await announced.wait()
            except TimeoutError:
                continue
    finally:
        await connection.unsubscribe(orders.orders)


def _read(data: bytes) -> Order:
    try:
        return Order.from_json(data)
    except EvaluationError as error:
        log.error("%s", error)
        return Order()
