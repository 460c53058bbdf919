"""Counters that survive their process, however it ends: each lies in a file that is mapped into memory. Shell.

Adding one writes eight bytes of memory, which the kernel keeps when the process is killed (not when the power goes). Each process has a file
of its own, which it locks; what ended processes left is added to ``total.json`` by whoever looks, once: the total names what it has
taken in, and is replaced in one step.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import mmap
import os
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from events.errors import Unavailable

__all__ = ["Cell", "Counts", "Name", "read_counts"]

Name = tuple[str, ...]
"""What is counted, in words."""

_SLOT = 1024
_SLOTS = 8192
_ROOM = 64 * _SLOT
"""Bytes of the file that are taken from the disk at once."""
_NUMBER = struct.Struct("<Q")
_LENGTH = struct.Struct("<H")
_TEXT = _NUMBER.size + _LENGTH.size
_TOTAL = "total.json"

Mend = Callable[[Counter[Name]], None]
"""Brings the figures of an ended process in order: what it was at has come to an end, too."""


class Cell:
    """One counter."""

    __slots__ = ("_memory", "_offset", "_value")

    def __init__(self, memory: mmap.mmap | None, offset: int) -> None:
        self._memory = memory
        self._offset = offset
        self._value = 0

    def add(self) -> None:
        """One more."""
        self._value += 1
        if self._memory is not None:
            _NUMBER.pack_into(self._memory, self._offset, self._value)


class Counts:
    """The counters of this process, in a folder that processes share. ``mend`` sees what an ended one has left."""

    def __init__(self, folder: Path, mend: Mend) -> None:
        self._folder = folder
        self._mend = mend
        self._cells: dict[Name, Cell] = {}
        self._used = 0
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._name = f"{time.time_ns()}-{os.getpid()}.counts"
            self._descriptor = os.open(folder / self._name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            os.ftruncate(self._descriptor, _SLOT * _SLOTS)
            self._memory = mmap.mmap(self._descriptor, _SLOT * _SLOTS)
            self._room = 0
            self._has_room(_ROOM)
        except OSError as error:
            raise Unavailable(f"{folder} cannot be written: {error}") from None

    def cell(self, name: Name) -> Cell:
        """The counter of this name; always the same one. What is beyond the file's size, or for which the disk has no room, is counted in
        memory only.
        """
        cell = self._cells.get(name)
        if cell is None:
            offset = self._used * _SLOT
            text = json.dumps(name).encode()
            fits = self._used < _SLOTS and len(text) <= _SLOT - _TEXT and self._has_room(offset + _SLOT)
            cell = self._cells[name] = Cell(self._memory if fits else None, offset)
            if fits:
                self._used += 1
                self._memory[offset + _TEXT : offset + _TEXT + len(text)] = text
                _LENGTH.pack_into(self._memory, offset + _NUMBER.size, len(text))
        return cell

    def _has_room(self, end: int) -> bool:
        """Have the disk keep room for the file up to here: where there is none, writing to the memory that maps it would end the process."""
        while self._room < end:
            try:
                os.pwrite(self._descriptor, bytes(_ROOM), self._room)
            except OSError:
                return False
            self._room += _ROOM
        return True

    def before(self) -> Counter[Name]:
        """What ended processes have counted."""
        with _locked(self._folder):
            total, taken = _read_total(self._folder)
            new = {name for name in taken if (self._folder / name).exists()}
            for file in sorted(self._folder.glob("*.counts")):
                if file.name != self._name and file.name not in taken and _is_left(file):
                    found = _read(file)
                    self._mend(found)
                    total += found
                    new.add(file.name)
            if new - taken:
                _write_total(self._folder, total, new)
            for name in new:
                (self._folder / name).unlink(missing_ok=True)
        return total


def read_counts(folder: Path, mend: Mend = lambda found: None) -> Counter[Name]:
    """What all processes have counted so far, also those that run; ``mend`` sees what each ended one has left."""
    total, taken = _read_total(folder)
    for file in folder.glob("*.counts"):
        if file.name not in taken:
            with contextlib.suppress(OSError):  # it has just been taken in
                is_left = _is_left(file)
                found = _read(file)
                if is_left:
                    mend(found)
                total += found
    return total


def _read(file: Path) -> Counter[Name]:
    found: Counter[Name] = Counter()
    data = file.read_bytes()
    for offset in range(0, len(data), _SLOT):
        (length,) = _LENGTH.unpack_from(data, offset + _NUMBER.size)
        if not length:
            break
        text = data[offset + _TEXT : offset + _TEXT + length]
        with contextlib.suppress(ValueError):  # the disk has damaged it
            found[tuple(json.loads(text))] += _NUMBER.unpack_from(data, offset)[0]
    return found


def _is_left(file: Path) -> bool:
    """Whether nobody holds its lock any more."""
    try:
        descriptor = os.open(file, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time."""
    try:
        descriptor = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise Unavailable(f"{folder} cannot be written: {error}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read_total(folder: Path) -> tuple[Counter[Name], set[str]]:
    """The sum of what was taken in, and from which files."""
    try:
        read = json.loads((folder / _TOTAL).read_bytes())
        return Counter({tuple(name): count for name, count in read["counts"]}), set(read["taken"])
    except FileNotFoundError:
        return Counter(), set()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unavailable(f"{folder / _TOTAL} cannot be read: {error}") from None


def _write_total(folder: Path, total: Counter[Name], taken: set[str]) -> None:
    new = folder / f"{_TOTAL}.new"
    try:
        with new.open("wb") as file:
            file.write(
                json.dumps({"counts": [[list(n), c] for n, c in total.items()], "taken": sorted(taken)}).encode()
            )
            file.flush()
            os.fsync(file.fileno())
        new.replace(folder / _TOTAL)
    except OSError as error:
        raise Unavailable(f"{folder} cannot be written: {error}") from None
