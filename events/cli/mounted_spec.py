"""The specification that a pod was made for may be mounted late: a kubelet whose cache lags mounts the one before it. Shell.

The controller tells a pod the hash of its specification, and writes that hash beside the files. The kubelet brings new files to a folder that is
mounted already, all at once. https://kubernetes.io/docs/tasks/configure-pod-container/configure-pod-configmap/#mounted-configmaps-are-updated-automatically
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path

import structlog

from events.cli.health import Status, open_health
from events.cli.incluster import PodOptions

__all__ = ["WANTED", "wait_for_spec"]

log = structlog.get_logger("pod")

WANTED = "POINTSMAN_SPEC_HASH"
"""The variable with the hash; without it nothing is waited for."""

PATIENCE = 180.0
"""Seconds; a kubelet needs two minutes at most. A pod of an older specification that starts again waits in vain, and must run nevertheless."""
_LOOK_SECONDS = 0.5

_WHY = "the specification that this pod was made for is not mounted yet"


class _Waiting:
    """See ``events.cli.health.Pod``."""

    def unready(self) -> list[str]:
        return [_WHY]

    def hanging(self) -> list[str]:
        return []

    def status(self) -> Status:
        return Status(troubles=[_WHY])


async def wait_for_spec(options: PodOptions, ended: asyncio.Event, *, patience: float = PATIENCE) -> bool:
    """Returns when the files are those that the pod was made for, or when that took too long; False when told to end. Not ready meanwhile."""
    wanted, path, begun = os.environ.get(WANTED, ""), options.object.parent / "hash", options.state / "begun"
    if not wanted or _read(begun) == wanted:  # a container that starts again: what is mounted can only be newer
        return True
    if not await _mounted(options, path, wanted, ended, patience):
        return False
    with contextlib.suppress(OSError):
        begun.parent.mkdir(parents=True, exist_ok=True)
        begun.write_text(wanted)
    return True


async def _mounted(options: PodOptions, path: Path, wanted: str, ended: asyncio.Event, patience: float) -> bool:
    if _read(path) == wanted:
        return True
    async with open_health(_Waiting(), options.port, options.host):
        log.warning(f"{_WHY}: waiting for it", wanted=wanted, mounted=_read(path), seconds=patience)
        deadline = time.monotonic() + patience
        while not ended.is_set() and _read(path) != wanted:
            if time.monotonic() >= deadline:
                log.warning(f"{_WHY}: going on with what is", wanted=wanted, mounted=_read(path))
                break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await ended.wait()
    return not ended.is_set()


def _read(path: Path) -> str:
    """Empty when it is not there."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
