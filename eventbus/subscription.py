"""Step 5: a durable pull consumer with a pull always outstanding.

While one batch is at work the next is already on its way. The server is asked for as many messages as there is room for (credit); when
it goes silent, restarts, or somebody deletes the consumer, the pull is renewed without losing an event. A watchdog asks from time to time
whether messages wait that do not come. What comes again while it is at work here (this process stood still for longer than the
acknowledgement deadline) is not handed out a second time.
https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-37.md
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import orjson

from eventbus.api import JetStreamApi
from eventbus.connection import status_of
from eventbus.counters import REPEATED, STALLS
from eventbus.interface import Progress
from eventbus.messages import JetStreamMessage, header, position
from eventbus.stream import nanoseconds
from events.crashpoints import crash_at
from events.errors import PointsmanError, Unavailable

__all__ = ["PullSubscription"]

log = logging.getLogger(__name__)

ACK_WAIT = 30.0
"""Seconds after which an unsettled message is delivered again."""
MAX_ACK_PENDING = 2000
"""So many messages may be at work at a time."""

EXPIRES = 12.0
"""Seconds for which a pull waits on the server."""
_HEARTBEAT = 5.0
_SILENCE = 12.0
"""Two missed heartbeats and some: the pull is lost."""
_LOOK = 8.0
"""Seconds without a message after which the watchdog looks; the second look that finds the consumer where it was binds it anew."""
_BACKOFF = (0.05, 2.0)

_OVERDUE = 0.15
"""Seconds after which the server has taken notice of a shorter acknowledgement deadline."""

_TIMED_OUT = (404, 408)
_NO_RESPONDERS = 503


class PullSubscription:
    """See ``eventbus.interface.Subscription``."""

    def __init__(
        self,
        api: JetStreamApi,
        name: str,
        subjects: Sequence[str],
        *,
        batch: int,
        stream: str,
        ensure_stream: Callable[[], Awaitable[None]],
        paused: bool = False,
        sole: bool = False,
    ) -> None:
        self.name = name
        self._api = api
        self._subjects = sorted(set(subjects))
        self._batch = batch
        self._stream = stream
        self._ensure_stream = ensure_stream
        self._loop = asyncio.get_running_loop()
        self._inbox = ""
        self._buffer: list[JetStreamMessage] = []
        self._arrived = asyncio.Event()
        self._attention = asyncio.Event()
        self._credit = 0
        """So many messages the server may still send on the pulls that are under way."""
        self._heard = 0.0
        """When the bus last said anything on a pull."""
        self._delivered = 0.0
        """When the last message came."""
        self._looked = 0.0
        self._place = -1
        """How many deliveries the consumer had made at the last look, -1 when nothing was waiting then."""
        self._problem = ""
        self._waiting: int | str = 0
        """How many messages wait on the bus, or the address of an acknowledgement, which says it."""
        self._repeated = REPEATED.labels(name)
        self._stalls = STALLS.labels(name)
        self._bound = False
        self._unsettled: dict[int, JetStreamMessage | None] = {}
        """What was delivered and not acknowledged, by position; None for what was given back."""
        self._seen: int | None = None
        """The highest position that was delivered, None until the consumer was seen for the first time."""
        self._created = ""
        """When the stream was made that these positions are of."""
        self._keeper: asyncio.Task[None] | None = None
        self._stop_listening: Callable[[], None] = lambda: None
        self._closed = False
        self._paused = paused
        self._sole = sole

    @property
    def trouble(self) -> str:
        """Why no messages come, as far as it is known; empty when all is well."""
        if self._closed:
            return ""
        if not self._api.connection.is_up:
            return f"consumer {self.name}: the bus is away"
        return f"consumer {self.name}: {self._problem}" if self._problem else ""

    @property
    def lag(self) -> int:
        """How many messages were not handed to this consumer yet, as of the newest one or, in quiet times, of the last look."""
        return position(self._waiting, 4) if isinstance(self._waiting, str) else self._waiting

    async def start(self) -> None:
        """Create or update the consumer and begin to pull. Raises Unavailable, or Refused when the server says no for good."""
        connection = self._api.connection
        await self._bind()
        if self._sole:
            await self._reclaim()
        if not self._paused:
            await self._listen()
            await self._pull()
        self._stop_listening = connection.listen(self._on_connection)
        self._keeper = asyncio.create_task(self._keep(), name=f"consumer {self.name}")

    async def batches(self) -> AsyncIterator[Sequence[JetStreamMessage]]:
        """Batches of messages; ends when the subscription is closed."""
        while not self._closed:
            await self._arrived.wait()
            batch, self._buffer = self._buffer, []
            self._arrived.clear()
            if batch:
                try:
                    await self._pull()
                except Unavailable:
                    self._attention.set()
                if self._paused:  # while we asked for more
                    await _nak(batch)
                else:
                    yield batch

    async def close(self) -> None:
        """Stop pulling. The durable stays; what was not handed out is delivered again, at once where the server can be told."""
        if self._closed:
            return
        self._closed = True
        self._stop_listening()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await self._give_back()
        self._arrived.set()

    async def pause(self) -> None:
        """Pull no more until ``resume``; what was not handed out goes back to the bus. After it no batch is handed out."""
        if not self._paused and not self._closed:
            self._paused = True
            await self._give_back()

    async def resume(self) -> None:
        """Pull again."""
        if self._paused and not self._closed:
            self._paused = False
            await self._listen()
            self._attention.set()

    async def _listen(self) -> None:
        """Take messages in on an address of its own, so that none comes that an earlier pull asked for."""
        self._inbox = self._api.connection.inbox()
        await self._api.connection.subscribe(self._inbox, self._on_message)

    async def _give_back(self) -> None:
        """Take no more messages in. The server notices that nobody is there for its pulls and ends them."""
        if self._inbox:
            await self._api.connection.unsubscribe(self._inbox)
        self._inbox, self._credit = "", 0
        given_back, self._buffer = self._buffer, []
        await _nak(given_back)

    async def progress(self, after: int) -> Progress:
        """How far this consumer has come, and how much of it lies between ``after`` and there. Raises Unavailable."""
        stream = await self._api.call(f"STREAM.INFO.{self._stream}")
        info = await self._api.call(f"CONSUMER.INFO.{self._stream}.{self.name}")
        self._waiting = int(info["num_pending"])
        floor = int(info["ack_floor"]["stream_seq"])
        settled = await self._count(after) - await self._count(floor) if after < floor else 0
        kept_all = stream["config"].get("retention", "limits") == "limits"
        first = int(stream["state"]["first_seq"])
        return Progress(str(stream["created"]), floor, settled if kept_all else 0, first)

    async def _count(self, after: int) -> int:
        """How many messages for this consumer the stream holds behind a place: a consumer that nobody reads from is told."""
        name = f"{self.name[:40]}-count-{secrets.token_hex(4)}"
        config: dict[str, Any] = {
            "name": name,
            "ack_policy": "none",
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": after + 1,
            "inactive_threshold": nanoseconds(5),
            "mem_storage": True,
            **self._filter(),
        }
        request = {"stream_name": self._stream, "config": config, "action": "create"}
        info = await self._api.call(f"CONSUMER.CREATE.{self._stream}.{name}", request)
        await self._api.call(f"CONSUMER.DELETE.{self._stream}.{name}")
        return int(info["num_pending"])

    def _filter(self) -> dict[str, Any]:
        if len(self._subjects) == 1:  # servers before 2.10 know only this one
            return {"filter_subject": self._subjects[0]}
        return {"filter_subjects": self._subjects}

    def _on_message(self, subject: str, reply: str, data: bytes, headers: bytes) -> None:
        self._heard = self._loop.time()
        status = status_of(headers) if headers else 0
        if status:
            self._on_status(status, headers)
            return
        message = JetStreamMessage(subject, reply, data, headers, self._settle)
        self._credit -= 1
        self._waiting = reply
        self._delivered = self._heard
        held = self._unsettled.get(message.sequence)
        if held is not None:
            held.reply = reply  # what is said of it from now on counts for this delivery
            self._repeated.inc()
            self._attention.set()
            return
        self._unsettled[message.sequence] = message
        if self._seen is None or message.sequence > self._seen:
            self._seen = message.sequence
        self._buffer.append(message)
        self._arrived.set()

    def _on_status(self, status: int, headers: bytes) -> None:
        """A pull ended (or lives: 100 is a heartbeat)."""
        if status == 100:
            return
        if status in _TIMED_OUT:
            unserved = header(headers, "Nats-Pending-Messages")
            self._credit = max(0, self._credit - int(unserved)) if unserved.isdigit() else 0
        else:  # 409: consumer deleted, server shutting down …; 503: nobody serves this consumer
            self._credit = 0
            self._bound = self._bound and status != _NO_RESPONDERS and b"Consumer Deleted" not in headers
        self._attention.set()

    def _on_connection(self, up: bool) -> None:
        self._credit = 0  # pulls end with the connection
        if up:
            self._attention.set()

    async def _settle(self, message: JetStreamMessage, verdict: bytes) -> None:
        if self._unsettled.get(message.sequence) is not message:  # its stream is gone, and its place is another event's
            return
        if verdict == b"+ACK":
            self._unsettled.pop(message.sequence, None)
        elif verdict != b"+WPI":
            self._unsettled[message.sequence] = None
        try:
            await self._api.connection.send(message.reply, verdict)
        except Unavailable as error:
            if verdict != b"+ACK":
                raise
            log.info("consumer %s: an acknowledgement is lost, the event comes again: %s", self.name, error)

    async def _pull(self) -> None:
        """Ask for more when at least half of the room is free."""
        room = self._batch - self._credit - len(self._buffer)
        if self._paused or room * 2 < self._batch:
            return
        self._credit += room
        self._heard = self._loop.time()
        request = {"batch": room, "expires": nanoseconds(EXPIRES), "idle_heartbeat": nanoseconds(_HEARTBEAT)}
        try:
            await self._api.connection.send(
                f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self.name}", orjson.dumps(request), reply=self._inbox
            )
        except Unavailable:
            self._credit -= room
            raise

    async def _keep(self) -> None:
        """Renew the pull when it ended, and bind again when the consumer is gone or stalled."""
        least, most = _BACKOFF
        wait = least
        while True:
            try:
                async with asyncio.timeout(_HEARTBEAT):
                    await self._attention.wait()
            except TimeoutError:
                pass
            self._attention.clear()
            await self._api.connection.wait_up()
            if self._credit and self._loop.time() - self._heard > _SILENCE:
                log.warning("consumer %s: the bus is silent, pulling again", self.name)
                self._credit, self._bound = 0, False
            try:
                await self._keep_buffered()
                if not self._bound:
                    await self._bind()
                await self._pull()
                await self._look()
                wait = least
            except Exception as error:  # whatever it is, a consumer that nobody keeps would stand still for ever
                if isinstance(error, PointsmanError):
                    log.warning("consumer %s: %s", self.name, error)
                else:
                    log.exception("consumer %s: internal error", self.name)
                self._problem, self._looked = str(error), 0.0
                self._attention.set()
                await asyncio.sleep(wait)
                wait = min(wait * 2, most)

    async def _look(self) -> None:
        """The watchdog: when nothing comes though we asked for it, ask the bus whether something is waiting."""
        now = self._loop.time()
        if now - self._delivered < _LOOK:
            self._place, self._problem = -1, ""
            return
        if not self._credit:  # we are busy and have asked for nothing
            self._place = -1
            return
        if now - self._looked < _LOOK:
            return
        self._looked = now
        info = await self._api.find(f"CONSUMER.INFO.{self._stream}.{self.name}")
        if info is None:
            self._bound = False
            self._attention.set()
            return
        self._waiting = int(info["num_pending"])
        before, self._place = self._place, int(info["delivered"]["consumer_seq"]) if info["num_pending"] else -1
        if info.get("paused"):
            self._problem = f"somebody has paused it; {info['num_pending']} events wait"
        elif self._place < 0:
            self._problem = ""
        elif before == self._place:
            self._problem = f"{info['num_pending']} events wait and do not come"
            log.error("consumer %s is stalled: %s; binding it anew", self.name, self._problem)
            self._stalls.inc()
            await self._rebind()

    async def _rebind(self) -> None:
        """Bring the consumer's configuration in order and pull at a fresh address, so that nothing depends on what was before."""
        connection = self._api.connection
        await connection.unsubscribe(self._inbox)
        self._inbox, self._credit = connection.inbox(), 0
        await connection.subscribe(self._inbox, self._on_message)
        await self._bind()
        await self._pull()

    async def _keep_buffered(self) -> None:
        """Messages that wait for a slow sensor must not be taken for forgotten ones."""
        for message in tuple(self._buffer):
            await self._api.connection.send(message.reply, b"+WPI")

    async def _bind(self) -> None:
        """Create the consumer, or bring an existing one up to date: it keeps its position."""
        wanted: dict[str, Any] = {
            "durable_name": self.name,
            "name": self.name,
            "ack_policy": "explicit",
            "ack_wait": nanoseconds(ACK_WAIT),
            "max_deliver": -1,
            "max_ack_pending": MAX_ACK_PENDING,
            "replay_policy": "instant",
        }
        wanted |= self._filter()
        crash_at("bind.before", self.name)
        # The stream first: if another one takes its place now, we see that next time.
        stream = await self._api.find(f"STREAM.INFO.{self._stream}")
        info = await self._api.find(f"CONSUMER.INFO.{self._stream}.{self.name}")
        if info is None:
            await self._ensure_stream()
            stream = await self._api.call(f"STREAM.INFO.{self._stream}")
        is_another = self._is_another(stream)
        if info is None:
            config = {**wanted, **self._starting_point(is_another)}
        else:
            kept = {field: value for field, value in info["config"].items() if not field.startswith("filter_subject")}
            config = {**kept, **wanted}
            if config == info["config"]:
                config = {}
        if config:
            request = {"stream_name": self._stream, "config": config, "action": ""}
            info = await self._api.call(f"CONSUMER.CREATE.{self._stream}.{self.name}", request)
        if self._seen is None and info is not None:
            self._seen = int(info["ack_floor"]["stream_seq"])
        crash_at("bind.after", self.name)
        self._bound = True

    async def _reclaim(self) -> None:
        """What a process before us has not settled is ours now: have it delivered at once, not after the rest of ``ACK_WAIT``.

        The server looks at what is overdue 0.1 s after that limit has changed (``updateConfig`` in
        https://github.com/nats-io/nats-server/blob/main/server/consumer.go).
        """
        path = f"{self._stream}.{self.name}"
        info = await self._api.call(f"CONSUMER.INFO.{path}")
        if not info["num_ack_pending"]:
            return
        for limit in (0.001, ACK_WAIT):
            config = {**info["config"], "ack_wait": nanoseconds(limit)}
            request = {"stream_name": self._stream, "config": config, "action": ""}
            await self._api.call(f"CONSUMER.CREATE.{path}", request)
            await asyncio.sleep(_OVERDUE if limit < ACK_WAIT else 0)

    def _is_another(self, stream: dict[str, Any] | None) -> bool:
        """Whether the stream was deleted and made again: then what we hold is of no place in it."""
        created = str(stream["created"]) if stream is not None else self._created
        before, self._created = self._created, created
        if before in ("", created):
            return False
        log.warning("the stream of consumer %s was deleted, and there is another one", self.name)
        self._unsettled.clear()
        self._seen = 0
        return True

    def _starting_point(self, is_another: bool) -> dict[str, Any]:
        """Where a consumer begins that does not exist: with new events, or where the one that was deleted under us stood."""
        if is_another:  # all in it is new to us
            return {"deliver_policy": "all"}
        if self._seen is None:
            return {"deliver_policy": "new"}
        position = min(self._unsettled, default=self._seen + 1)
        log.warning("consumer %s was deleted; it begins again at position %d", self.name, position)
        return {"deliver_policy": "by_start_sequence", "opt_start_seq": max(position, 1)}


async def _nak(messages: Sequence[JetStreamMessage]) -> None:
    """Give them back. The bus may be away: then they come again when their deadline is over, and must not count as being at work here."""
    for message in messages:
        with contextlib.suppress(Unavailable):
            await message.nak()
