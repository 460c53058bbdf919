"""The child process that runs Lua, jq and CEL programs (started by ``sensor/scripts.py``).

It has two pipes and nothing else: no other file descriptors, no environment variables, no way to open files or to fork.
It reads requests and writes answers until its standard input closes. It sets itself a limit of processor time per request
(the kernel ends it with SIGPROF when that is spent, whatever library it is in) and one of memory for its life.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable
from typing import BinaryIO

from events.errors import EvaluationError, ExpressionError

__all__ = ["ANSWER", "EVALUATION", "EXPRESSION", "FAILED_MEMORY", "OK", "OPERATIONS", "READY", "REQUEST", "main"]

# Frames: a header, then the program and the data; an answer is a header, then the result or the error's words.
REQUEST = struct.Struct("<BdII")  # operation, seconds of processor time, length of program, length of data
ANSWER = struct.Struct("<BI")  # status, length
READY = b"\x01"
OK, EVALUATION, EXPRESSION = 0, 1, 2
OPERATIONS = ("lua_filter", "lua_transform", "jq_transform", "check_lua", "check_jq", "cel_filter")
FAILED_MEMORY = 3  # exit code

_MEMORY = 256 * 2**20
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve requests until the parent is gone."""
    requests, answers = _own_pipes()
    operations = _operations()
    _confine()
    answers.write(READY)
    answers.flush()
    while len(header := requests.read(REQUEST.size)) == REQUEST.size:
        operation, seconds, program_length, data_length = REQUEST.unpack(header)
        program = requests.read(program_length).decode("utf-8", "replace")
        data = requests.read(data_length)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        try:
            status, result = OK, operations[operation](program, data)
        except EvaluationError as error:
            status, result = EVALUATION, _words(error)
        except ExpressionError as error:
            status, result = EXPRESSION, _words(error)
        except MemoryError:
            os._exit(FAILED_MEMORY)
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(ANSWER.pack(status, len(result)))
        answers.write(result)
        answers.flush()


def _operations() -> list[Callable[[str, bytes], bytes]]:
    """What each operation does, in the order of ``OPERATIONS``."""
    from events.expressions import cel
    from events.expressions.jq import Jq
    from events.expressions.lua import Lua
    from events.models.event import Event

    lua, jq = Lua(), Jq()
    jq.check(".")

    def cel_filter(program: str, data: bytes) -> bytes:
        event = Event.from_json(data)
        return b"1" if cel.compile(program)(event.document, event.context) else b"0"

    return [
        lambda program, data: b"1" if lua.filter(program, data) else b"0",
        lua.transform,
        jq.transform,
        lambda program, _: _checked(lua.check, program),
        lambda program, _: _checked(jq.check, program),
        cel_filter,
    ]


def _checked(check: Callable[[str], None], program: str) -> bytes:
    check(program)
    return b""


def _words(error: Exception) -> bytes:
    return str(error)[:2000].encode("utf-8", "replace")


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The two pipes under other numbers, so that nothing a library prints gets between the answers."""
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.close(nothing)
    return os.fdopen(requests, "rb"), os.fdopen(answers, "wb")


def _confine() -> None:
    os.environ.clear()  # Python itself may have put a locale there
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with open("/proc/self/statm", encoding="ascii") as file:
            size = int(file.read().split()[0]) * resource.getpagesize()
        _limit(resource.RLIMIT_AS, size + _MEMORY)
        _limit(resource.RLIMIT_NPROC, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, 0)


def _limit(what: int, value: int) -> None:
    with contextlib.suppress(ValueError, OSError):  # a system without this limit
        resource.setrlimit(what, (value, value))
