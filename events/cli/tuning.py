"""What each long-running process of ours wants of Python and of the system."""

from __future__ import annotations

import contextlib
import gc
import resource

__all__ = ["allow_many_connections", "collect_rarely"]

_FILES = 16_384


def collect_rarely() -> None:
    """Look for reference cycles rarely, and never again in what was made at the start: parsed events, which are most of what
    is made later, hold none.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def allow_many_connections() -> None:
    """The usual limit of 1,024 open files is less than the connections that a source takes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # then there are fewer
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
