"""A child process that never outlives us, also when we are killed with -9.

On Linux the kernel sends the child SIGKILL when its parent dies: a line of Python asks for that and then becomes the program by exec
(code between fork and exec in our own process, with its threads, could deadlock). Elsewhere a tiny watcher process waits at a pipe that only we hold
open, and kills the child when the pipe ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["Child", "spawn"]

_DIE_WITH_PARENT = (
    "import ctypes, os, sys\n"
    "ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)\n"  # PR_SET_PDEATHSIG, SIGKILL; kept by exec
    "if os.getppid() == int(sys.argv[1]): os.execv(sys.argv[2], sys.argv[2:])\n"
    # else the parent died before that call: no signal will come, so end here
)
_WATCHER = (
    "import os, signal, sys\n"
    "os.read(0, 1)\n"  # returns at the end of the pipe, that is when the parent is gone or has closed it
    "try: os.kill(int(sys.argv[1]), signal.SIGKILL)\n"
    "except OSError: pass\n"
)


class Child:
    """A running child. ``wait`` may be called by many; ``stop`` ends it by its process id."""

    def __init__(self, process: asyncio.subprocess.Process, watcher: subprocess.Popen[bytes] | None) -> None:
        self._process = process
        self._watcher = watcher
        self.pid = process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait for its end."""
        code = await self._process.wait()
        self._end_watcher()
        return code

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def stop(self, grace: float = 5.0) -> None:
        """SIGTERM, and SIGKILL after ``grace`` seconds."""
        self.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace):
                await self.wait()
        except TimeoutError:
            self.send(signal.SIGKILL)
            await self.wait()

    def _end_watcher(self) -> None:
        # Killed, not told: at the end of its pipe it would kill a pid that may belong to another process by then.
        if self._watcher is not None:
            self._watcher.kill()
            self._watcher.wait()
            if self._watcher.stdin:
                self._watcher.stdin.close()
            self._watcher = None


async def spawn(
    command: Sequence[str], *, output: Path, keep_open: Sequence[int] = (), by_kernel: bool = sys.platform == "linux"
) -> Child:
    """Start ``command`` (with a full path) without input. ``output`` takes what it prints; ``keep_open`` are descriptors that it inherits.

    The kernel ties the child to the thread that called this; that should be the main thread.
    """
    before = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid())] if by_kernel else []
    with output.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *before,
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            pass_fds=tuple(keep_open),
            start_new_session=True,  # Ctrl-C in a terminal is for us; we stop the child in order
        )
    watcher = None
    if not by_kernel:
        watcher = subprocess.Popen(  # noqa: ASYNC220 - returns at once
            [sys.executable, "-I", "-S", "-c", _WATCHER, str(process.pid)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
    return Child(process, watcher)
