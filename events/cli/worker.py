"""A child process of ``up``: ``python -m events.cli.worker source|sensor FD``. It gets everything over the control channel."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import signal
import socket
import sys
from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from prometheus_client import REGISTRY, disable_created_metrics, generate_latest

from events import logs, tracing
from events.cli.control import OURS_TO_HEAR, Channel
from events.cli.tuning import allow_many_connections, collect_rarely
from events.errors import PointsmanError

__all__ = ["Part", "main"]


class Part(Protocol):
    """What a role runs: opened by ``open(config)`` of ``worker_<role>``."""

    def run(self) -> Awaitable[None]:
        """Work until drained."""
        ...

    def drain(self) -> Awaitable[None]:
        """Begin to end: take no new work."""
        ...

    def unready(self) -> list[str]:
        """Why it cannot take work now; empty when it can."""
        ...

    def warnings(self) -> list[str]:
        """What is wrong though it takes work."""
        ...


async def _serve(role: str, channel: Channel) -> int:
    config = await channel.receive()
    if config is None:
        return 1
    logs.configure(config["log_level"], style=config["log_style"])
    tracing.start(role)
    module = importlib.import_module(f"events.cli.worker_{role}")
    opened: AbstractAsyncContextManager[Part] = module.open_part(config)
    problems: list[BaseException] = []
    try:
        async with opened as part:
            collect_rarely()
            await channel.send({"ready": True})
            async with asyncio.TaskGroup() as tasks:
                commands = tasks.create_task(_obey(channel, part))
                await part.run()
                commands.cancel()
    except* PointsmanError as group:
        problems = _leaves(group)
    for problem in problems:
        await _report(channel, str(problem))
    return 2 if problems else 0


def _leaves(group: BaseExceptionGroup[Any]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found.extend(_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return found


async def _report(channel: Channel, sentence: str) -> None:
    with contextlib.suppress(
        ConnectionError
    ):  # the parent is gone, and what went wrong comes of that: its bus ended, too
        await channel.send({"error": sentence})


async def _obey(channel: Channel, part: Part) -> None:
    """Answer the parent. When it is gone, end at once: what is not acknowledged comes again, and the ports must be free."""
    while True:
        message = await channel.receive()
        if message is None:
            os._exit(1)
        if message["do"] == "drain":
            await part.drain()
        elif message["do"] == "metrics":
            await channel.send({"metrics": generate_latest(REGISTRY).decode()})
        elif message["do"] == "unready":
            await channel.send({"unready": part.unready(), "warnings": part.warnings()})


def main() -> None:
    """Entry point of the child."""
    role, descriptor = sys.argv[1], int(sys.argv[2])
    allow_many_connections()
    for number in OURS_TO_HEAR:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, OURS_TO_HEAR)  # the parent has started us with these blocked
    disable_created_metrics()  # type: ignore[no-untyped-call]
    for collector in list(REGISTRY._collector_to_names):  # the parent tells of its children's memory and time
        if type(collector).__name__ in ("ProcessCollector", "PlatformCollector", "GCCollector"):
            REGISTRY.unregister(collector)
    sys.exit(_run(role, socket.socket(fileno=descriptor)))


def _run(role: str, end: socket.socket) -> int:
    import uvloop

    async def serve() -> int:
        return await _serve(role, await Channel.over(end))

    return uvloop.run(serve())


if __name__ == "__main__":
    main()
