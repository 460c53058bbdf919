"""Child processes of ``up``, supervised: started with their configuration, restarted when they die, drained at the end. Shell."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from typing import Any

import structlog

from eventbus.child import Child
from events.cli.control import OURS_TO_HEAR, Channel
from events.crashpoints import crash_at
from events.errors import PointsmanError, Unavailable

__all__ = ["Role", "Worker"]

log = structlog.get_logger("up")

_START_SECONDS = 30.0
_DRAIN_SECONDS = 7.0
_BACKOFF = (0.05, 5.0)
_ASK_SECONDS = 5.0
_PATIENCE = 6
"""So many questions in a row without an answer mean that a process hangs: after half a minute."""


@contextlib.contextmanager
def _blocked(numbers: Collection[signal.Signals]) -> Iterator[None]:
    """A child that is started in here hears none of these signals until it says so itself; those that come to us meanwhile wait."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Worker:
    """One running child."""

    def __init__(self, role: str, child: Child, channel: Channel) -> None:
        self.role = role
        self.child = child
        self.channel = channel
        self.warnings: list[str] = []
        """What was wrong when it was last asked, though it takes work."""

    @classmethod
    async def start(cls, role: str, config: dict[str, Any], sockets: Sequence[socket.socket] = ()) -> Worker:
        """Start a child and wait until it is ready. Raises PointsmanError with its own sentence."""
        ours, theirs = socket.socketpair()
        with theirs:
            # -P: the user's folder may hold an `events/` of its own, which must not shadow ours.
            command = [sys.executable, "-P", "-m", "events.cli.worker", role, str(theirs.fileno())]
            channel = await Channel.over(ours)
            try:
                # In our process group and with our output; it ends when the channel ends, so it cannot outlive us.
                with _blocked(OURS_TO_HEAR):
                    process = await asyncio.create_subprocess_exec(
                        *command,
                        stdin=asyncio.subprocess.DEVNULL,
                        pass_fds=(theirs.fileno(), *(s.fileno() for s in sockets)),
                    )
            except BaseException:
                channel.close()
                raise
        worker = cls(role, Child(process, None), channel)
        try:
            async with asyncio.timeout(_START_SECONDS):
                await channel.send(config)
                answer = await channel.receive()
        except (TimeoutError, ConnectionError):
            answer = None
        except BaseException:  # told to end: it must not go on without us
            await worker.stop(0.0)
            raise
        if answer is None or "error" in answer:
            await worker.stop(0.0)
            if answer is None:
                raise Unavailable(f"the {role} process did not start")
            raise PointsmanError(answer["error"], reason="StartFailed")
        return worker

    async def metrics(self) -> str:
        """Its metrics as Prometheus text; empty when it is gone."""
        answer = await self.channel.ask({"do": "metrics"})
        return "" if answer is None else str(answer.get("metrics", ""))

    async def unready(self, *, seconds: float = 2.0) -> list[str] | None:
        """Why it cannot take work now; empty when it can, None when it gives no answer."""
        answer = await self.channel.ask({"do": "unready"}, seconds=seconds)
        self.warnings = [] if answer is None else list(answer.get("warnings", []))
        return None if answer is None else list(answer.get("unready", []))

    async def stop(self, grace: float = _DRAIN_SECONDS) -> None:
        """Drain it; what does not end in ``grace`` seconds is killed."""
        with contextlib.suppress(ConnectionError):
            await self.channel.send({"do": "drain"})
        try:
            async with asyncio.timeout(grace):
                await self.child.wait()
        except TimeoutError:
            if grace:
                log.error("process did not end in time and is killed", process=self.role, seconds=grace)
            await self.child.stop(grace=0.0)
        self.channel.close()


class Role:
    """Keeps one child of a role running. ``change`` brings a new configuration into effect."""

    def __init__(
        self, name: str, configure: Callable[[], Awaitable[tuple[dict[str, Any], list[socket.socket]]]]
    ) -> None:
        self.name = name
        self._configure = configure
        self.worker: Worker | None = None
        self.restarts = 0
        self._is_silent = False
        self._tasks: list[asyncio.Task[None]] = []
        self._unanswered = 0
        self._changing = asyncio.Lock()

    async def start(self) -> None:
        """Start the child and watch over it."""
        config, sockets = await self._configure()
        self.worker = await Worker.start(self.name, config, sockets)
        for watch in (self._restart_when_dead, self._kill_when_hanging):
            self._tasks.append(asyncio.create_task(watch(), name=f"watch {self.name}"))

    @property
    def is_up(self) -> bool:
        """Whether the child runs."""
        return self.worker is not None and self.worker.child.returncode is None

    @property
    def serves(self) -> bool:
        """Whether the child runs, and answered when it was last asked."""
        return self.is_up and not self._is_silent

    @property
    def hangs(self) -> bool:
        """Whether the child has not answered for a while, and is about to be started anew."""
        return self._unanswered >= _PATIENCE // 2

    @property
    def warnings(self) -> list[str]:
        """What was wrong when it was last asked (``unready``), though it works."""
        return self.worker.warnings if self.worker is not None and self.serves else []

    async def unready(self) -> list[str]:
        """Why it cannot work now; empty when it can."""
        worker = self.worker
        if worker is None or not self.is_up:
            return [f"the {self.name} process is down"]
        reasons = await worker.unready()
        self._is_silent = reasons is None
        return [f"the {self.name} process gives no answer"] if reasons is None else reasons

    async def change(self, *, overlap: bool) -> None:
        """Take up the present configuration. ``overlap``: the new child serves before the old one ends."""
        async with self._changing:
            old = self.worker
            if not overlap and old is not None:
                self.worker = None
                await old.stop()
            try:
                config, sockets = await self._configure()
                self.worker = await Worker.start(self.name, config, sockets)
            except Exception:
                self.worker = old  # it has ended, unless both overlap: then the watch over it starts another
                raise
            if overlap and old is not None:
                await old.stop()

    async def stop(self) -> None:
        """Drain the child."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)  # a child that is just being started ends with them
        if self.worker is not None:
            await self.worker.stop()

    async def _kill_when_hanging(self) -> None:
        """A child that gives no answer for long is killed; then it is started again."""
        while True:
            await asyncio.sleep(_ASK_SECONDS)
            worker = self.worker
            if worker is None or not self.is_up or await worker.unready(seconds=_ASK_SECONDS) is not None:
                self._unanswered = 0
                continue
            self._unanswered += 1
            if self._unanswered >= _PATIENCE and worker is self.worker:
                log.error("process gives no answer and is killed", process=self.name)
                self._unanswered = 0
                worker.child.send(signal.SIGKILL)

    async def _restart_when_dead(self) -> None:
        delay = _BACKOFF[0]
        loop = asyncio.get_running_loop()
        while True:
            worker = self.worker
            if worker is None:
                await asyncio.sleep(0.1)
                continue
            started = loop.time()
            code = await worker.child.wait()
            if worker is not self.worker:
                continue
            crash_at("up.died", self.name)
            async with self._changing:
                if worker is not self.worker:
                    continue
                if loop.time() - started > 60:
                    delay = _BACKOFF[0]
                self.restarts += 1
                log.error("process ended and is started again", process=self.name, code=code, seconds=delay)
                await asyncio.sleep(delay)
                delay = min(delay * 2, _BACKOFF[1])
                try:
                    config, sockets = await self._configure()
                    self.worker = await Worker.start(self.name, config, sockets)
                    crash_at("up.restarted", self.name)
                except Exception as error:  # no memory for another process, say; nobody else would try again
                    log.error("process does not start", process=self.name, error=str(error) or type(error).__name__)
