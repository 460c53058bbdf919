"""Looks after the stream of an EventBus: can it lose events, is there space, who holds them; and trims what everybody has read.

A stream that we have made says so in its metadata, and is brought back to what we ask for. One of others is only looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from eventbus import audit, trimming
from eventbus.api import JetStreamApi
from eventbus.connection import open_connection
from eventbus.interface import Address
from eventbus.stream import TRIMMED, StreamSettings, nanoseconds
from eventbus.trimming import Reader, Usage
from events.errors import PointsmanError

__all__ = ["StreamKeeper", "open_keeper"]

log = logging.getLogger(__name__)

PERIOD = 10.0
"""Seconds between two looks."""

_PROBE = "pointsman-keeper"

Told = Callable[[], Awaitable[dict[str, Any] | None]]
"""What the server tells of itself (VARZ), where it may be asked."""


class StreamKeeper:
    """One stream. ``retention`` in seconds; ``expected`` gives the consumers of the sensors that there are (None: nobody knows them all),
    ``gone`` those that nobody reads with any more.
    """

    def __init__(
        self,
        api: JetStreamApi,
        name: str,
        settings: StreamSettings,
        *,
        retention: float,
        own: bool = False,
        expected: Callable[[], AbstractSet[str]] | None = None,
        gone: Callable[[], AbstractSet[str]] = frozenset,
        server: Told | None = None,
    ) -> None:
        self.name = name
        """Of the EventBus, in messages and metrics."""
        self.own = own
        """Whether the stream is ours: then we change it, and it must lose nothing."""
        self.risks: list[str] = []
        """How accepted events can be lost here."""
        self.alarm = ""
        """Why somebody should look: little space is left. Empty when all is well."""
        self.usage = Usage(0, 0, 0, 0, 0)
        self.unread = 0
        """About how many bytes are not read by everybody."""
        self.readers: list[Reader] = []
        self.trimmed = 0
        """Events that were removed since the start."""
        self._api = api
        self._settings = settings
        self._retention = retention
        self._expected = expected
        self._gone = gone
        self._server = server
        self._quiet = 0
        self._problem = ""
        self._unmended = ""

    @property
    def largest_message(self) -> int:
        """Bytes that the server takes in a message; 0 when it has not said so yet."""
        return self._api.connection.max_payload

    async def run(self) -> None:
        """Look again and again."""
        while True:
            try:
                await self.look()
                self._problem = ""
            except Exception as error:
                if not isinstance(error, PointsmanError):
                    log.exception("looking after EventBus %s failed", self.name)
                elif str(error) != self._problem:
                    log.warning("EventBus %s cannot be looked after: %s", self.name, error)
                self._problem = str(error)
            await asyncio.sleep(PERIOD)

    async def look(self) -> None:
        """Read everything back, tell what is new, and trim. Raises Unavailable, Refused."""
        info = await self._api.find(f"STREAM.INFO.{self._settings.name}")
        if info is None:  # whoever publishes or consumes first makes it
            return
        config = info["config"]
        self.own = self.own or TRIMMED in (config.get("metadata") or {})
        if self.own and (wanted := self._mended(config)) != config:
            info = await self._mend(info, wanted)
            config = info["config"]
        told = await self._server() if self._server is not None else None
        self._tell_risks(audit.stream_risks(config) + (audit.server_risks(told) if told is not None else []))
        quiet, self._quiet = self._quiet, int(info["state"]["last_seq"])
        self.usage = Usage.of(info)
        found = [trimming.reader(one, min(quiet, self._quiet)) for one in await self._consumers()]
        self.readers = [one for one in found if one is not None]
        # A stream of that kind lets nobody look without taking, and keeps nothing that was read: there is nothing old.
        old = 0 if config.get("retention") == "workqueue" else await self._first_younger()
        expected = self._expected() if self._expected is not None else None
        settled = trimming.settled_by_all(self.readers, quiet, old=old, expected=expected, gone=self._gone())
        self.unread = trimming.unread_bytes(self.usage, settled)
        self._tell_space()
        end = trimming.below(self.usage, settled, old) if self.own else 0
        if end:
            answer = await self._api.call(f"STREAM.PURGE.{self._settings.name}", {"seq": end})
            self.trimmed += int(answer.get("purged", 0))
            log.info("EventBus %s: %d read events were removed", self.name, answer.get("purged", 0))

    async def _mend(self, info: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
        """Bring the stream back. One that cannot be (its retention, say, is for ever) is told and looked at as it is."""
        try:
            info = await self._api.call(f"STREAM.UPDATE.{self._settings.name}", wanted)
        except PointsmanError as error:
            if str(error) != self._unmended:
                log.error("the stream of EventBus %s cannot be brought back to what it should be: %s", self.name, error)
            self._unmended = str(error)
        else:
            self._unmended = ""
        return info

    def _mended(self, config: dict[str, Any]) -> dict[str, Any]:
        """A stream of ours as we want it, whatever an earlier version or somebody else made of it; nothing that it holds may go by that."""
        wanted = {**config, **self._settings.request()}
        wanted["metadata"] = {**(config.get("metadata") or {}), TRIMMED: "true"}
        wanted["num_replicas"] = config.get("num_replicas", 1)
        wanted["storage"] = config.get("storage")  # cannot be changed; ``risks`` tells it
        return wanted

    async def _consumers(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = await self._api.call(f"CONSUMER.LIST.{self._settings.name}", {"offset": len(found)})
            found += page.get("consumers") or []
            if len(found) >= int(page.get("total", 0)) or not page.get("consumers"):
                return found

    async def _first_younger(self) -> int:
        """The position of the first event that is younger than the retention. The server finds it when a consumer shall begin there."""
        since = datetime.now(UTC) - timedelta(seconds=self._retention)
        config = {
            "name": _PROBE,
            "deliver_policy": "by_start_time",
            "opt_start_time": since.isoformat().replace("+00:00", "Z"),
            "ack_policy": "none",
            "mem_storage": True,
            "num_replicas": 1,
            "inactive_threshold": nanoseconds(5.0),
        }
        stream = self._settings.name
        request = {"stream_name": stream, "config": config, "action": "create"}
        info = await self._api.call(f"CONSUMER.CREATE.{stream}.{_PROBE}", request)
        await self._api.find(f"CONSUMER.DELETE.{stream}.{_PROBE}")
        return int(info["delivered"]["stream_seq"]) + 1

    def _tell_risks(self, risks: list[str]) -> None:
        for risk in risks:
            if risk not in self.risks:
                log.log(
                    logging.ERROR if self.own else logging.WARNING, "EventBus %s can lose events: %s", self.name, risk
                )
        self.risks = risks

    def _tell_space(self) -> None:
        limit = self.usage.limit
        if not limit or self.unread < trimming.ALARM * limit:
            if self.alarm:
                log.info("EventBus %s has space again", self.name)
            self.alarm = ""
            return
        slowest = min(self.readers, key=lambda one: one.settled, default=None)
        who = f"; {slowest.name} has {slowest.waiting} to read" if slowest is not None else ""
        fresh = not self.alarm
        self.alarm = f"unread events take {self.unread * 100 // limit} % of EventBus {self.name}{who}"
        if fresh:
            log.warning("%s; when it is full, new ones are refused", self.alarm)


@asynccontextmanager
async def open_keeper(
    address: Address,
    name: str,
    settings: StreamSettings,
    *,
    retention: float,
    own: bool = False,
    expected: Callable[[], AbstractSet[str]] | None = None,
    gone: Callable[[], AbstractSet[str]] = frozenset,
    server: Told | None = None,
) -> AsyncIterator[StreamKeeper]:
    """Look after a stream within this, over a connection of its own; the first look is done when it is entered, if the bus is there."""
    async with open_connection(address, name="pointsman keeper", connect_timeout=2.0, patient=True) as connection:
        api = JetStreamApi(connection)
        keeper = StreamKeeper(
            api, name, settings, retention=retention, own=own, expected=expected, gone=gone, server=server
        )
        with contextlib.suppress(PointsmanError):  # ``run`` tells it
            await keeper.look()
        running = asyncio.create_task(keeper.run(), name=f"keeper of {name}")
        try:
            yield keeper
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
