"""Being told to end: Ctrl-C, SIGTERM, and the terminal that goes away."""

from __future__ import annotations

import asyncio
import signal

__all__ = ["told_to_end"]


def told_to_end() -> asyncio.Event:
    """Set by Ctrl-C, SIGTERM, and when the terminal is closed (unless `nohup` says that this is to be ignored)."""
    ended = asyncio.Event()
    nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    for number in (signal.SIGINT, signal.SIGTERM, *(() if nohup else (signal.SIGHUP,))):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    return ended
