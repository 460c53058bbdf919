"""A sensor process that starts as soon as its bus is there, and again whatever it ended by. Shell."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import structlog

from events.errors import Unavailable
from sensor.process import SensorProcess

__all__ = ["PatientProcess"]

log = structlog.get_logger("sensor")

_WAIT_SECONDS = (0.2, 5.0)


class PatientProcess:
    """``run`` opens the process, starts it and lets it work until ``drain``. ``trouble`` is why it does not work now."""

    def __init__(self, opening: Callable[[], AbstractAsyncContextManager[SensorProcess]]) -> None:
        self.started = asyncio.Event()
        """Its consumers exist: no event is missed from here on."""
        self.trouble = "it has not started yet"
        self.tried = asyncio.Event()
        """It has started, or what it needs was away at the first try."""
        self._opening = opening
        self._process: SensorProcess | None = None
        self._ending = asyncio.Event()

    async def run(self) -> None:
        """Work until drained. Raises what keeps it from starting at all and time does not mend."""
        wait, most = _WAIT_SECONDS
        while not self._ending.is_set():
            try:
                await self._work()
            except* Unavailable as group:
                self.trouble = str(_first(group))
                log.warning("waiting for what it needs", error=self.trouble)
            except* Exception as group:
                if not self.started.is_set():
                    raise
                self.trouble = f"it broke off: {_first(group)}"  # nobody else would start it again
                log.error("the bindings broke off and are run again", exc_info=group)
            finally:
                self._process = None
                self.tried.set()
            if not self._ending.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), wait)
                wait = min(wait * 2, most)

    async def _work(self) -> None:
        async with self._opening() as process:
            await process.start()
            self._process, self.trouble = process, ""
            self.started.set()
            self.tried.set()
            if not self._ending.is_set():
                await process.run()

    def unready(self) -> list[str]:
        """Why it takes no events now."""
        if self.trouble:
            return [self.trouble]
        return self._process.unready() if self._process is not None else []

    async def drain(self) -> None:
        """Take no new events; ``run`` ends when those that are held have settled."""
        self._ending.set()
        if self._process is not None:
            await self._process.drain()


def _first(group: BaseExceptionGroup[Exception]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
