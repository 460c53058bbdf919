"""What sources and sensors expect of a bus. The implementation is ``eventbus.jetstream``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from events.models.event import Event

__all__ = [
    "LARGEST_MESSAGE",
    "SPOOLED",
    "Address",
    "Bus",
    "Connector",
    "Message",
    "Progress",
    "Revision",
    "State",
    "Stored",
    "Subscription",
    "Tls",
]

LARGEST_MESSAGE = 8 << 20
"""Bytes that a message may have on a bus that we run; NATS advises against more."""


@dataclass(frozen=True, slots=True)
class Tls:
    """How to speak TLS: PEM texts of authorities (empty: the system's) and of a client certificate with its key (empty: none).

    ``verify=False`` trusts any server. A connection without TLS is never made when it is ``required``.
    """

    ca: str = ""
    certificate: str = ""
    key: str = field(default="", repr=False)
    verify: bool = True
    required: bool = True


@dataclass(frozen=True, slots=True)
class Address:
    """Where a bus is reached: the URL (several with commas) without credentials, and the user or token to connect with (empty: none)."""

    url: str
    user: str = ""
    password: str = ""
    token: str = ""
    tls: Tls | None = None

    def __repr__(self) -> str:
        return f"Address({self.url!r}, user={self.user!r})"


class Stored(NamedTuple):
    """The bus has the event on disk. ``duplicate``: it had it already, under the same id."""

    sequence: int
    """Position in the stream, from 1; 0 when the event was spooled."""
    duplicate: bool

    @property
    def spooled(self) -> bool:
        """It is on our own disk, and the bus will get it; whether it is a duplicate nobody knows yet."""
        return self.sequence == 0


SPOOLED = Stored(0, False)


class Progress(NamedTuple):
    """Where a consumer stands. All up to ``floor`` is acknowledged; ``settled`` messages of it were stored behind the place that was asked
    about and are still in the stream, whose oldest message is ``first``. ``stream`` tells streams of one name apart.
    """

    stream: str
    floor: int
    settled: int
    first: int


class Message(Protocol):
    """An event on its way to a sensor. It stays on the bus until ``ack``."""

    @property
    def data(self) -> bytes:
        """A structured CloudEvent."""

    @property
    def subject(self) -> str:
        """``default.<source>.<event>``."""

    @property
    def sequence(self) -> int:
        """Position in the stream."""

    @property
    def timestamp(self) -> int:
        """When the bus stored it, nanoseconds since 1970."""

    @property
    def deliveries(self) -> int:
        """1 for the first delivery to this consumer."""

    @property
    def delivery_id(self) -> str:
        """The forge's id of the delivery, from the message headers; empty when unknown."""

    async def ack(self) -> None:
        """Settled: never deliver it again to this consumer."""

    async def nak(self, delay: float = 0.0) -> None:
        """Deliver it again after ``delay`` seconds."""

    async def in_progress(self) -> None:
        """Still working: start the acknowledgement deadline anew."""


class Subscription(Protocol):
    """A durable pull consumer."""

    name: str

    @property
    def lag(self) -> int:
        """How many messages wait on the bus for this consumer, as far as it is known."""

    def batches(self) -> AsyncIterator[Sequence[Message]]:
        """Batches of messages, one pull always outstanding; ends when the subscription is closed."""

    async def close(self) -> None:
        """Stop pulling. The durable stays."""

    async def pause(self) -> None:
        """Pull no more until ``resume``: events wait on the bus. When this returns, no batch is handed out any more."""

    async def resume(self) -> None:
        """Pull again."""

    async def progress(self, after: int) -> Progress:
        """How far this consumer has come, and how much of it lies between ``after`` and there. Raises Unavailable."""


class Revision(NamedTuple):
    """A value (None: there is none now) and its revision, which grows with each change; 0 when there was never one."""

    value: bytes | None
    number: int


class State(Protocol):
    """Small values that survive restarts (a KV bucket). Keys are made by ``eventbus.subjects.key``."""

    async def get(self, key: str) -> bytes | None:
        """The value, or None."""

    async def put(self, key: str, value: bytes) -> None:
        """Set the value; it is on disk when this returns."""

    async def create(self, key: str, value: bytes) -> bool:
        """Set the value only if the key never had one; says whether it did so."""

    async def revision(self, key: str) -> Revision:
        """The value with its revision."""

    async def update(self, key: str, value: bytes | None, revision: int) -> int | None:
        """Set the value (None: forget it) only if this is still its revision, and return the new one; None when somebody was faster.

        After Unavailable nobody knows whether it was set: ask for the ``revision``.
        """

    async def delete(self, key: str) -> None:
        """Forget the value."""


class Bus(Protocol):
    """One EventBus of one namespace. Every method raises ``events.errors.Unavailable`` when the bus is away."""

    async def ensure_stream(self) -> None:
        """Create the stream when it is missing; an existing one is used as it is."""

    async def publish(self, event: Event, *, delivery_id: str = "", subject: str = "") -> Stored:
        """Store an event durably; returns after the bus has acknowledged the write. Without ``subject`` it is that of its source."""

    async def subscribe(
        self, durable: str, subjects: Sequence[str], *, batch: int = 200, paused: bool = False, sole: bool = False
    ) -> Subscription:
        """Create or update the durable consumer and begin to pull, or when ``paused`` be ready to ``resume``.

        ``sole``: nobody else uses it, so that what is unsettled was left behind and is delivered at once.
        """

    async def state(self, bucket: str, *, max_age: float = 0.0) -> State:
        """The KV bucket of this name, created when missing; what is older than ``max_age`` seconds is dropped (0: nothing)."""

    def troubles(self) -> list[str]:
        """Why subscriptions of ours get no events now, as far as it is known; empty when all is well."""

    async def announce(self, topic: str, data: bytes) -> None:
        """Tell whoever listens at this moment; nothing is kept."""

    async def listen(self, topic: str, handler: Callable[[str, bytes], None]) -> None:
        """Call ``handler(topic, data)`` for what is announced (``*`` in ``topic`` stands for one part). It must be quick and not raise."""

    async def read(self, sequence: int) -> bytes | None:
        """The stored message at this position (a structured CloudEvent), or None when it is gone."""


class Connector(Protocol):
    """Opens a bus; closing drains it."""

    def __call__(self, address: Address, *, name: str) -> AbstractAsyncContextManager[Bus]:
        """Open the bus at ``address``; ``name`` is what the server calls this connection in its monitoring."""
