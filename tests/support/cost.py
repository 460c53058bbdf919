"""What a call costs, for tests that hostile input is bounded: a bound that is far above what the call takes on a quiet machine.

Speed itself is measured in ``benchmarks/``. Here, input without a bound would take seconds to centuries.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

__all__ = ["BOUNDED", "cpu_seconds"]

BOUNDED = 2.0
"""Seconds of processor time that what is bounded at about 0.2 s never takes, on whatever machine."""


def cpu_seconds(call: Callable[[], object], rounds: int = 3) -> float:
    """The least processor time of some rounds, without the collector, whose work depends on what other tests left."""
    least = float("inf")
    enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            begin = time.process_time()
            call()
            least = min(least, time.process_time() - begin)
            if least < BOUNDED:
                break
    finally:
        if enabled:
            gc.enable()
    return least
