"""The process that runs the Lua and jq programs of all cases."""

from __future__ import annotations

import atexit
import functools

from sensor.scripts import ScriptWorker

__all__ = ["scripts"]


@functools.cache
def scripts() -> ScriptWorker:
    """One worker for all cases; a generous limit, because many tests may run at once."""
    worker = ScriptWorker(cpu_seconds=0.5, wall_seconds=10)
    atexit.register(worker.close)
    return worker
