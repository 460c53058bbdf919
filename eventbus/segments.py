"""The files of a spool: which there are, whose they are, how far they were forwarded, and what to do with damaged ones. Blocking.

    <root>/<time>-<pid>/             of one process, which holds a lock on it while it lives
    <root>/<time>-<pid>/<time>.spool          records, appended; sorted by name they are in order
    <root>/<time>-<pid>/<time>.position       bytes of that segment that the bus has
    <root>/damaged/                  what was cut off
    <root>/rejected.jsonl            what the bus refused (see ``eventbus.rejects``)

Each process writes to a folder of its own, so that two may overlap for a moment (a new one takes over while the old one finishes). A folder
whose lock is free belonged to a process that has ended, however it ended: whoever sees it first adopts it and forwards what is left.

The position survives the process, not a power cut: it is written without a sync. After a power cut some records are forwarded a second
time, under the same id, which the bus recognises within its window and the ledger afterwards; a sync for each step would halve the speed.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path

from eventbus.disk import Disk
from eventbus.records import Record, boundaries, decode, framed

__all__ = ["Batch", "Folders", "Segment"]

log = logging.getLogger(__name__)

_SUFFIX = ".spool"


@dataclass(slots=True, eq=False)
class Segment:
    """A file of records. ``size``: confirmed bytes; ``position``: those that were forwarded; ``records``: those that were not."""

    path: Path
    size: int = 0
    position: int = 0
    records: int = 0
    sealed: bool = True
    """Whether nothing more will be appended."""
    kept: bool = False
    """Not to be removed: it holds damage that could not be copied."""

    @property
    def is_done(self) -> bool:
        """Whether everything was forwarded."""
        return self.position >= self.size

    @property
    def bytes_left(self) -> int:
        """Bytes that were not forwarded."""
        return self.size - self.position

    def read(self, most_records: int, most_bytes: int) -> Batch:
        """The next records: at least one, unless it is damaged. Raises OSError."""
        with self.path.open("rb", buffering=0) as file:
            data = os.pread(file.fileno(), min(most_bytes, self.bytes_left), self.position)
            if (length := min(framed(data, 0), self.bytes_left)) > len(data):
                data = os.pread(file.fileno(), length, self.position)
        records: list[Record] = []
        ends: list[int] = []
        end = 0
        while len(records) < most_records and (found := decode(data, end)) is not None:
            record, end = found
            records.append(record)
            ends.append(self.position + end)
        return Batch(self, records, ends)

    def write_position(self) -> None:
        """Keep how far it was forwarded. Raises OSError."""
        descriptor = os.open(_position_file(self.path), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(descriptor, self.position.to_bytes(8, "little"), 0)
        finally:
            os.close(descriptor)


@dataclass(slots=True)
class Batch:
    """Records of one segment, and where each of them ends there."""

    segment: Segment
    records: list[Record]
    ends: list[int]


class Folders:
    """All folders under a root that this process holds."""

    def __init__(self, root: Path, disk: Disk) -> None:
        self._root = root
        self._disk = disk
        self._held: dict[Path, int] = {}
        self._own: Path | None = None
        self._last_name = 0
        self._problem = ""
        self.damaged_bytes = 0
        """Bytes that were cut off, since the start."""

    def adopt(self) -> list[Segment]:
        """What processes that have ended left, in order; it is ours from now on. A folder that cannot be read now is told, and left to
        the next time. Raises OSError when nothing can be read.
        """
        found: list[Segment] = []
        problem: OSError | None = None
        if not self._root.is_dir():
            return found
        for folder in sorted(self._root.glob("[0-9]*-[0-9]*")):
            try:
                if folder not in self._held and self._lock(folder):
                    found += self._take(folder)
            except OSError as error:
                if str(error) != self._problem:
                    log.error("what an ended process left in %s cannot be read now: %s", folder, error)
                self._problem, problem = str(error), error
        if problem is not None and not found:
            raise problem
        found.sort(key=lambda segment: segment.path.name)
        if found:
            self._last_name = max(self._last_name, int(found[-1].path.stem))
        return found

    def create(self) -> tuple[Path, int]:
        """A new segment, after all others in the order; its path and a descriptor that appends. Its name is on the disk. Raises OSError."""
        folder = self._own_folder()
        self._last_name = max(time.time_ns(), self._last_name + 1)
        path = folder / f"{self._last_name:020d}{_SUFFIX}"
        descriptor = self._disk.create(path)
        try:
            self._disk.sync_folder(folder)
        except OSError:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        return path, descriptor

    def remove(self, segment: Segment) -> None:
        """A segment that was forwarded; with the last one of a process that has ended, its folder. Raises OSError."""
        if segment.kept:
            segment.write_position()
            return
        segment.path.unlink(missing_ok=True)
        _position_file(segment.path).unlink(missing_ok=True)
        folder = segment.path.parent
        self._disk.sync_folder(folder)
        if folder != self._own and not any(folder.glob("*" + _SUFFIX)):
            self._leave(folder)

    def set_aside(self, path: Path, start: int, end: int | None = None) -> bool:
        """Keep a copy of bytes that are not what was written, for a person to look at; says whether that worked."""
        target = self._root / "damaged" / f"{path.stem}-{start}"
        try:
            data = path.read_bytes()[start:end]
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            target.write_bytes(data)
        except OSError as error:
            log.error("the damaged end of %s, from byte %d, cannot be copied: %s", path, start, error)
            return False
        self.damaged_bytes += len(data)
        log.error("%d bytes at the end of %s are no intact records and are set aside as %s", len(data), path, target)
        return True

    def close(self) -> None:
        """Give up all folders; those without a segment go."""
        for folder in list(self._held):
            self._leave(folder)
        self._own = None

    def _take(self, folder: Path) -> list[Segment]:
        """The segments of a folder whose lock we have just got; one without any goes. Raises OSError; then the lock is free again."""
        try:
            segments = [segment for file in sorted(folder.glob("*" + _SUFFIX)) if (segment := self._load(file))]
        except OSError:
            self._leave(folder)
            raise
        if not segments:
            self._leave(folder)
        return segments

    def _own_folder(self) -> Path:
        if self._own is not None and not self._own.is_dir():  # somebody removed it
            self._leave(self._own)
            self._own = None
        while self._own is None:
            folder = self._root / f"{time.time_ns():020d}-{os.getpid()}"
            self._disk.make_folder(folder)
            if self._lock(folder):  # else another process saw it before we had locked it, and removed it
                self._own = folder
        return self._own

    def _lock(self, folder: Path) -> bool:
        """Raises OSError where the disk knows no locks."""
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        is_there = False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_there = os.path.samestat(os.fstat(descriptor), folder.stat())
        except (BlockingIOError, FileNotFoundError):  # it belongs to a process that lives, or has just gone
            pass
        finally:
            if is_there:
                self._held[folder] = descriptor
            else:
                os.close(descriptor)
        return is_there

    def _leave(self, folder: Path) -> None:
        """Give up the lock, if we have it still; a folder without segments goes."""
        if folder not in self._held:  # it went with its last segment
            return
        with contextlib.suppress(OSError):
            if not any(folder.glob("*" + _SUFFIX)):
                for rest in folder.iterdir():
                    rest.unlink()
                folder.rmdir()
        os.close(self._held.pop(folder))

    def _load(self, path: Path) -> Segment | None:
        """A segment that another process wrote; None when nothing in it is left to do."""
        data = path.read_bytes()
        ends = boundaries(data)
        size = ends[-1] if ends else 0
        kept = False
        if size < len(
            data
        ):  # the last write was torn by a crash (then nobody was told that it is kept), or the disk is bad
            kept = not self.set_aside(path, size)
            if not kept:
                with path.open("r+b") as file:
                    file.truncate(size)
                    self._disk.sync(file.fileno())
        position = _read_position(path)
        if position not in ends:
            position = 0
        segment = Segment(path, size, position, sum(end > position for end in ends), kept=kept)
        if segment.is_done:
            self.remove(segment)
            return None
        return segment


def _position_file(path: Path) -> Path:
    return path.with_suffix(".position")


def _read_position(path: Path) -> int:
    try:
        return int.from_bytes(_position_file(path).read_bytes(), "little")
    except OSError:
        return 0
