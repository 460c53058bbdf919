"""What the pure code asks of whoever runs Lua and jq programs, and CEL programs that may take long.

Programs of these languages can loop, recurse and allocate, and no library of theirs can be stopped from within. They are run
by a child process that can be killed (``sensor/scripts.py``); filters and transforms get an object of this shape handed in.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["Scripts"]


class Scripts(Protocol):
    """Runs programs on event data (JSON bytes of an object). Blocking, bounded in time and memory.

    Every method raises ``ExpressionError`` when the program does not compile and ``EvaluationError`` when it fails on this
    value, returns something unusable, or reaches a limit.
    """

    def lua_filter(self, program: str, data: bytes) -> bool:
        """Whether the last value that the Lua chunk returns is exactly ``true``."""
        ...

    def lua_transform(self, program: str, data: bytes) -> bytes:
        """The JSON text of the table that the Lua chunk returns."""
        ...

    def jq_transform(self, program: str, data: bytes) -> bytes:
        """The JSON text of the first output of the jq program, which must be an object."""
        ...

    def cel_filter(self, program: str, data: bytes) -> bool:
        """Whether the CEL program says true; ``data`` is the whole event in its structured form."""
        ...

    def check_lua(self, program: str) -> None:
        """Compile only."""
        ...

    def check_jq(self, program: str) -> None:
        """Compile only."""
        ...
