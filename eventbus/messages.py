"""A message as the bus delivers it. What the reply subject and the headers say is read only when somebody asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from eventbus.stream import nanoseconds

__all__ = ["DELIVERY_HEADER", "JetStreamMessage", "header", "position"]

DELIVERY_HEADER = "Pointsman-Delivery-Id"

Settle = Callable[["JetStreamMessage", bytes], Awaitable[None]]
"""Sends an acknowledgement."""


class JetStreamMessage:
    """See ``eventbus.interface.Message``. ``ack`` and its kin are sent, not awaited: a lost one means a redelivery."""

    __slots__ = ("_headers", "_settle", "data", "reply", "sequence", "subject")

    def __init__(self, subject: str, reply: str, data: bytes, headers: bytes, settle: Settle) -> None:
        self.subject = subject
        self.reply = reply
        self.data = data
        self.sequence = position(reply, 1)
        self._headers = headers
        self._settle = settle

    @property
    def deliveries(self) -> int:
        """1 for the first delivery to this consumer."""
        return position(self.reply, 0)

    @property
    def timestamp(self) -> int:
        """When the bus stored it, nanoseconds since 1970."""
        return position(self.reply, 3)

    @property
    def delivery_id(self) -> str:
        """The forge's id of the delivery; empty when unknown."""
        return header(self._headers, DELIVERY_HEADER)

    async def ack(self) -> None:
        """Settled: never deliver it again to this consumer."""
        await self._settle(self, b"+ACK")

    async def nak(self, delay: float = 0.0) -> None:
        """Deliver it again after ``delay`` seconds."""
        await self._settle(self, b'-NAK {"delay": %d}' % nanoseconds(delay) if delay > 0 else b"-NAK")

    async def in_progress(self) -> None:
        """Still working: start the acknowledgement deadline anew."""
        await self._settle(self, b"+WPI")

    def __repr__(self) -> str:
        return f"JetStreamMessage({self.subject!r}, sequence={self.sequence})"


def position(reply: str, index: int) -> int:
    """A number of the reply subject: 0 deliveries, 1 sequence in the stream, 2 in the consumer, 3 time in ns, 4 messages left.

    ``$JS.ACK.<stream>.<consumer>.<numbers…>``, or with ``<domain>.<account>`` before the stream (and a random token at the end).
    """
    tokens = reply.split(".")
    return int(tokens[(4 if len(tokens) == 9 else 6) + index])


def header(headers: bytes, name: str) -> str:
    """The value of a NATS header, or an empty text."""
    prefix = name.encode() + b":"
    for line in headers.split(b"\r\n"):
        if line.startswith(prefix):
            return line[len(prefix) :].strip().decode("utf-8", "replace")
    return ""
