"""Which of several processes of one machine looks after hooks: the one that has the lock of a file. Shell."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import structlog

__all__ = ["FileLease"]

log = structlog.get_logger("hooks")


class FileLease:
    """A lock in a folder, taken when it is free and first asked for; the system lets it go when the process ends."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "lock"
        self._descriptor = -1

    @property
    def held(self) -> bool:
        """Whether it is ours."""
        if self._descriptor >= 0:
            return True
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            log.warning("hooks are not looked after", file=str(self._file), error=error.strerror)
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def close(self) -> None:
        """Let it go."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
