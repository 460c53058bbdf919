"""Runs Lua, jq and long CEL programs in a child process that can be killed (step 6: transform, filter).

No library of these languages can be stopped from within: loops hide in protected calls, coroutines, string patterns and regular
expressions. So programs run in ``sensor/script_worker.py``, one request after the other, over two pipes (about 0.1 ms a call).
Limits per call: processor time, counted by the kernel for the child alone, so that a busy machine ends no honest program; and
a wall clock far beyond it. Memory is limited for the child. A child that reached a limit is replaced.

``ScriptWorker`` has the shape of ``events.expressions.scripts.Scripts``. Calls block; a call takes at most the wall clock limit.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from events.errors import EvaluationError, ExpressionError
from sensor.script_worker import ANSWER, EXPRESSION, FAILED_MEMORY, OK, OPERATIONS, READY, REQUEST

__all__ = ["ScriptWorker"]

_SECONDS_PER_BYTE = 3e-7  # reading large data is not the program's fault
_START_SECONDS = 30.0
_START = "import sys; sys.path += sys.argv[1:]; from sensor.script_worker import main; main()"
_ROOT = str(Path(__file__).resolve().parents[1])
_OPERATION = {name: number for number, name in enumerate(OPERATIONS)}
_LANGUAGE = {name: next(part for part in name.split("_") if part in ("lua", "jq", "cel")) for name in OPERATIONS}


class ScriptWorker:
    """One child process, started at the first call. Use as context manager, or ``close`` it. Safe to share between threads.

    ``cpu_seconds`` and ``wall_seconds`` limit one call. On Linux the child also ends when the thread that started it does, so
    the first call belongs into one that stays (the event loop's).
    """

    def __init__(self, *, cpu_seconds: float = 0.1, wall_seconds: float = 2.0) -> None:
        self._cpu_seconds = cpu_seconds
        self._wall_seconds = wall_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def lua_filter(self, program: str, data: bytes) -> bool:
        """Whether the last value that the Lua chunk returns is exactly ``true``."""
        return self._call("lua_filter", program, data) == b"1"

    def lua_transform(self, program: str, data: bytes) -> bytes:
        """The JSON text of the table that the Lua chunk returns."""
        return self._call("lua_transform", program, data)

    def jq_transform(self, program: str, data: bytes) -> bytes:
        """The JSON text of the first output of the jq program, which must be an object."""
        return self._call("jq_transform", program, data)

    def cel_filter(self, program: str, data: bytes) -> bool:
        """Whether the CEL program says true; ``data`` is the whole event in its structured form."""
        return self._call("cel_filter", program, data) == b"1"

    def check_lua(self, program: str) -> None:
        """Compile only; raises ``ExpressionError``."""
        self._call("check_lua", program, b"")

    def check_jq(self, program: str) -> None:
        """Compile only; raises ``ExpressionError``."""
        self._call("check_jq", program, b"")

    def start(self) -> None:
        """Start the child now, so that the first call need not wait for it."""
        with self._lock:
            self._ensure_started()

    def close(self) -> None:
        """End the child. A later call would start a new one."""
        with self._lock:
            self._stop()

    def _call(self, operation: str, program: str, data: bytes) -> bytes:
        text = program.encode("utf-8", "replace")
        cpu_seconds = self._cpu_seconds + len(data) * _SECONDS_PER_BYTE
        header = REQUEST.pack(_OPERATION[operation], cpu_seconds, len(text), len(data))
        with self._lock:
            self._ensure_started()
            deadline = time.monotonic() + self._wall_seconds
            try:
                self._write(header + text + data, deadline)
                status, length = ANSWER.unpack(self._read(ANSWER.size, deadline))
                answer = self._read(length, deadline)
            except (TimeoutError, OSError) as error:
                raise EvaluationError(self._post_mortem(error), reason="LimitReached") from None
            except BaseException:  # an interrupt in the middle of an answer: the pipes are out of step
                self._stop()
                raise
        if status == OK:
            return answer
        words = answer.decode("utf-8", "replace")
        if status == EXPRESSION:
            raise ExpressionError(words, language=_LANGUAGE[operation], text=program)
        raise EvaluationError(words)

    def _post_mortem(self, error: Exception) -> str:
        """Stop the child, start its successor, and say what the program did."""
        process = self._process
        if process is not None and not isinstance(error, TimeoutError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1.0)
        code = process.poll() if process is not None else None
        self._stop()
        self._spawn()
        if code == -signal.SIGPROF:
            return f"the program took more than {self._cpu_seconds * 1000:g} ms of processor time and was ended"
        if code in (FAILED_MEMORY, -signal.SIGABRT):
            return "the program used more memory than allowed and was ended"
        if code is None:
            return f"the program took more than {self._wall_seconds:g} s and was ended"
        return f"the program broke its interpreter ({f'signal {-code}' if code < 0 else f'exit code {code}'})"

    def _ensure_started(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            self._stop()
        if self._process is None:
            self._spawn()
        if not self._ready:
            try:
                self._ready = self._read(1, time.monotonic() + _START_SECONDS) == READY
            except (TimeoutError, OSError):
                self._stop()
                raise EvaluationError("the process that runs scripts did not start") from None

    def _spawn(self) -> None:
        path = [_ROOT, *(str(Path(entry).resolve()) for entry in sys.path if entry)]  # after the interpreter's own
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _START, *path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={},
            cwd="/",
            start_new_session=True,
        )
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)

    def _stop(self) -> None:
        process, self._process, self._ready = self._process, None, False
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()

    def _write(self, data: bytes, deadline: float) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        pipe = self._process.stdin.fileno()
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(pipe, rest) :]
            except BlockingIOError:
                _wait(pipe, select.POLLOUT, deadline)

    def _read(self, size: int, deadline: float) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        parts: list[bytes] = []
        while size:
            _wait(pipe, select.POLLIN, deadline)
            part = os.read(pipe, size)
            if not part:
                raise BrokenPipeError
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def _wait(pipe: int, event: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(pipe, event)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise TimeoutError
