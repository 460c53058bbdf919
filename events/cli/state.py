"""The state folder of ``up``: what lies where, the version mark, and that only one process has it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from events.errors import InUse, SpecError

__all__ = ["VERSION", "StateFolder"]

VERSION = "1"
"""Raised when the layout changes so that an older program could not read it."""


class StateFolder:
    """``bus/`` (the embedded NATS), ``spool/`` (events that wait for it), ``deliveries/`` (how many came), ``workflows.db``, ``ledger.db``, ``up.json`` (how to reach what runs), ``version``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def bus(self) -> Path:
        """Folder of the embedded bus."""
        return self.path / "bus"

    @property
    def spool(self) -> Path:
        """Folder of the spools, one for each EventBus."""
        return self.path / "spool"

    @property
    def deliveries(self) -> Path:
        """Folder of the counters of deliveries."""
        return self.path / "deliveries"

    @contextmanager
    def opened(self) -> Iterator[StateFolder]:
        """Make it when missing, check its version, and hold it; raises InUse, SpecError."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise InUse(
                    f"the state folder {self.path} is in use by another pointsman{self._holder()}",
                    hint="stop it, or choose another folder with --state",
                ) from None
            self._mark_version()
            self._mark_holder(lock)
            try:
                yield self
            finally:
                (self.path / "up.json").unlink(missing_ok=True)
        finally:
            os.close(lock)

    def _mark_holder(self, lock: int) -> None:
        try:
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
        except OSError as error:
            raise self._unwritable(error) from None

    def _holder(self) -> str:
        try:
            return f", process {int((self.path / 'lock').read_text())}"
        except (OSError, ValueError):
            return ""

    def check(self) -> None:
        """Raises SpecError unless this is a state folder that can be read."""
        if self._version() is None:
            raise SpecError(f"{self.path} is no state folder", hint="`pointsman up` makes one; --state names another")

    def _version(self) -> str | None:
        """The version mark, None when there is none. Raises SpecError when it is not ours."""
        try:
            found = (self.path / "version").read_text(errors="replace").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise SpecError(f"the state folder {self.path} cannot be read: {error.strerror}") from None
        if found != VERSION:
            raise SpecError(
                f"the state folder {self.path} is of version {found[:20]}, this program reads version {VERSION}",
                hint="use the program that made it, or another folder with --state",
            )
        return found

    def _mark_version(self) -> None:
        if self._version() is None:
            try:
                (self.path / "version").write_text(f"{VERSION}\n")
            except OSError as error:
                raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> SpecError:
        reason = "it is a file" if self.path.is_file() else error.strerror
        full = "free some space, or " if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        return SpecError(
            f"the state folder {self.path} cannot be written: {reason}", hint=f"{full}choose another with --state"
        )

    def write_running(self, facts: dict[str, Any]) -> None:
        """Say how to reach what runs (0600: it holds the credentials of the bus)."""
        path = self.path / "up.json"
        try:
            descriptor = os.open(path.with_suffix(".new"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(facts, file)
            path.with_suffix(".new").replace(path)
        except OSError as error:
            raise self._unwritable(error) from None

    def is_running(self) -> bool:
        """Whether an ``up`` has this folder at this moment."""
        facts = self.running()
        try:
            os.kill(int((facts or {})["pid"]), 0)
        except (KeyError, ValueError, ProcessLookupError):
            return False
        except PermissionError:  # somebody else's
            return True
        return True

    def sensor(self) -> str | None:
        """The sensor (namespace/name) whose pod has this folder; None where it is that of an ``up``."""
        facts = self.running() or {}
        return facts.get("sensor")

    def running(self) -> dict[str, Any] | None:
        """What ``write_running`` said, while it runs."""
        try:
            facts: dict[str, Any] = json.loads((self.path / "up.json").read_text())
        except (OSError, ValueError):
            return None
        return facts
