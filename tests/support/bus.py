"""A bus that can be away for as long as a test wants."""

from __future__ import annotations

import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

from eventbus import jetstream
from eventbus.embedded import EmbeddedNats
from eventbus.interface import Address
from events.models.event import Event
from tests.support.nats import ACCOUNTS, until_up


class Server:
    """A server in a folder; it keeps its port when it is started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = AsyncExitStack()
        self.nats: EmbeddedNats | None = None
        self.address = Address("")

    async def start(self, max_payload: int = 8 << 20) -> None:
        server = EmbeddedNats(self._folder, ACCOUNTS, max_payload=max_payload)
        self.nats = await self._stack.enter_async_context(server)
        self.address = self.nats.address("default", "default")

    async def stop(self) -> None:
        await self._stack.aclose()

    async def signal(self, number: signal.Signals) -> None:
        assert self.nats is not None
        await until_up(self.nats)
        os.kill(self.pid, number)

    @property
    def pid(self) -> int:
        assert self.nats is not None
        assert self.nats.pid
        return self.nats.pid

    async def stored(self) -> list[str]:
        """The ids of all events in the stream."""
        async with jetstream.connect(self.address, name="test") as bus:
            info = await bus.stream_info()
            assert info is not None
            texts = [await bus.read(n) for n in range(1, info["state"]["last_seq"] + 1)]
        return [Event.from_json(text).id for text in texts if text is not None]
