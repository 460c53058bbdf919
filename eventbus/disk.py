"""Files that survive a power cut, and how long that takes on this disk.

What is written is safe when ``sync`` has returned, a new or a removed name when ``sync_folder`` has. After an error of ``sync`` nobody
knows what is on the disk, and a second ``sync`` may claim success: such a file is never written again (https://wiki.postgresql.org/wiki/Fsync_Errors).
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path

__all__ = ["SLOW_SYNC", "Disk", "measure", "percentile"]

SLOW_SYNC = 0.020
"""Seconds. A disk whose 99th percentile is above makes each delivery wait noticeably."""

_PROBE = b"." * 2048


class Disk:
    """The system calls, in one place, so that a test can have them fail. All raise OSError."""

    def make_folder(self, folder: Path) -> None:
        """A folder that only we may enter, with those above it; their names are on the disk. It may exist."""
        if not folder.is_dir():
            self.make_folder(folder.parent)
            folder.mkdir(mode=0o700, exist_ok=True)
            self.sync_folder(folder.parent)

    def create(self, path: Path) -> int:
        """A descriptor that appends to a new file which only we may read."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, descriptor: int, data: bytes) -> None:
        """Append all of it."""
        written = os.write(descriptor, data)
        while written < len(data):
            written += os.write(descriptor, data[written:])

    def sync(self, descriptor: int) -> None:
        """Have everything that was written on the disk, and the file's length."""
        if hasattr(fcntl, "F_FULLFSYNC"):  # macOS: fsync alone leaves it in the drive's cache
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        else:
            os.fdatasync(descriptor)

    def take(self, folder: Path, data: bytes) -> None:
        """Write a file through to the disk in this folder, and remove it: a full disk may still take an empty one. Raises OSError."""
        path = folder / f"disk-probe-{os.getpid()}"
        path.unlink(missing_ok=True)
        descriptor = self.create(path)
        try:
            self.write(descriptor, data)
            self.sync(descriptor)
        finally:
            os.close(descriptor)
            path.unlink(missing_ok=True)

    def sync_folder(self, folder: Path) -> None:
        """Have the names in this folder on the disk."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def measure(folder: Path, *, count: int = 50, limit: float = 0.5, disk: Disk | None = None) -> list[float]:
    """Seconds that appends took to be on the disk in this folder: ``count`` of them, or as many as fit into ``limit`` seconds (at least one).

    Blocks; raises OSError.
    """
    disk = disk or Disk()
    disk.make_folder(folder)
    path = folder / f"fsync-probe-{os.getpid()}"
    path.unlink(missing_ok=True)
    taken: list[float] = []
    descriptor = disk.create(path)
    try:
        deadline = time.perf_counter() + limit
        while not taken or (len(taken) < count and time.perf_counter() < deadline):
            begin = time.perf_counter()
            disk.write(descriptor, _PROBE)
            disk.sync(descriptor)
            taken.append(time.perf_counter() - begin)
    finally:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            path.unlink()
    return taken


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that is not below this share of all (nearest rank)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
