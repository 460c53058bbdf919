"""Watches over the embedded server: one that has stopped storing is started anew as soon as that can help.

After an error of the disk (it was full, say) a stream takes nothing more until the server's next start, also when there is space again; the
server says so when it is asked for its health. A server that gives no answer at all for long is ended with -9, which costs nothing that it
has acknowledged.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from eventbus.disk import Disk

__all__ = ["ServerWatchdog"]

log = logging.getLogger(__name__)

_PERIOD = 2.0
_PATIENCE = 10
"""So many questions without an answer, each of which takes up to two seconds, mean that it hangs."""
_PAUSES = (5.0, 300.0)
"""Seconds between two starts when the last one did not help: at least, doubled each time, up to."""
_NOT_READY = "ready for connections"
"""What the server says of its health while it is busy (``failed to be ready for connections after 1ms``): nothing is wrong with its store."""
_ROOM = b"\0" * (4 << 20)
"""When the disk takes this, it is worth a start."""


class ServerWatchdog:
    """``ask`` puts a question to the server; ``end`` sends it a signal, whereupon its supervisor starts it again. ``folder`` is on its disk."""

    def __init__(
        self,
        folder: Path,
        ask: Callable[[str], Awaitable[dict[str, Any] | None]],
        end: Callable[[signal.Signals], None],
        *,
        disk: Disk | None = None,
    ) -> None:
        self.trouble = ""
        """Why it stores nothing; empty when it is well."""
        self._folder = folder
        self._ask = ask
        self._end = end
        self._disk = disk or Disk()
        self._unanswered = 0
        self._ended = 0.0
        self._pause = 0.0
        self._serving = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch a server that is ready."""
        self._serving.set()
        self._task = asyncio.create_task(self._watch(), name="nats-server watchdog")

    async def stop(self) -> None:
        """End the watch."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def pause(self) -> None:
        """The server has ended."""
        self._serving.clear()

    def go_on(self) -> None:
        """It is ready again."""
        self._unanswered = 0
        self._serving.set()

    async def _watch(self) -> None:
        while True:
            await self._serving.wait()
            try:
                await self.look()
            except Exception:
                log.exception("the watch over nats-server failed")
            await asyncio.sleep(_PERIOD)

    async def look(self) -> None:
        """Ask once, and do what is to be done."""
        health = await self._ask("HEALTHZ")
        if not self._serving.is_set():
            return
        if health is None or _NOT_READY in str(health.get("error", "")):
            self._unanswered += 1
            if self._unanswered >= _PATIENCE:
                self._say(f"the bus has given no good answer {self._unanswered} times: nats-server is started anew")
                self.pause()
                self._end(signal.SIGKILL)
            return
        self._unanswered = 0
        now = asyncio.get_running_loop().time()
        if health.get("status") == "ok":
            if self.trouble:
                log.info("the bus is well again and stores events; it was: %s", self.trouble)
            self.trouble = ""
            if now - self._ended > _PAUSES[1]:
                self._pause = 0.0
            return
        problem = await asyncio.to_thread(self._probe)
        if problem is not None:
            self._say(f"the bus stores nothing, its disk cannot be written: {problem}")
            # A cause that comes and goes: once it is gone the next start helps, however often it was so.
            self._pause = 0.0
            return
        first = not self.trouble
        self._say(f"the bus stores nothing: {health.get('error') or health.get('status')}")
        if first or now - self._ended < self._pause:  # it may be over at the next look; the last start did not help
            return
        log.warning("the bus stores nothing though its disk can be written: nats-server is started anew")
        least, most = _PAUSES
        self._ended, self._pause = now, min(max(self._pause * 2, least), most)
        self.pause()
        self._end(signal.SIGTERM)

    def _say(self, trouble: str) -> None:
        if trouble != self.trouble:
            log.error("%s", trouble)
        self.trouble = trouble

    def _probe(self) -> OSError | None:
        """Whether the disk takes some megabytes."""
        try:
            self._disk.take(self._folder, _ROOM)
        except OSError as error:
            return error
        return None
