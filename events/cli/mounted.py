"""Secrets and ConfigMaps as the kubelet mounts them into a pod, and their changes. Shell.

A mounted object is a folder with a file for each key. The kubelet swaps all of them at once: the files are links through ``..data``, which
is a link to a folder of its own that is replaced. A plain folder of files is read as well.
https://kubernetes.io/docs/concepts/configuration/secret/#mounted-secrets-are-updated-automatically
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import structlog

from events.errors import SpecError
from events.secrets import Key, Vault

__all__ = ["LOOK_SECONDS", "Kind", "Mounts"]

log = structlog.get_logger("mounts")

Kind = Literal["secret", "configmap"]

LOOK_SECONDS = 1.0
_TRIES = 3
_SHOWN = 12
"""So many changed keys are named in a log line."""

Signature = tuple[tuple[str, int, int, int], ...]


class Mounts:
    """All mounted objects of a pod, in one ``vault``. ``run`` keeps it up to date within two seconds.

    ``folders`` by kind; a folder that is missing holds nothing. Raises SpecError for one that cannot be read.
    """

    def __init__(self, folders: Mapping[Kind, Path], namespace: str) -> None:
        self._folders = dict(folders)
        self._namespace = namespace
        self._listeners: list[Callable[[], Awaitable[None]]] = []
        self._signature = self._sign()
        try:
            self.vault = Vault(self._read(), mounted=True)
        except OSError as error:
            raise SpecError(f"{error.filename} cannot be read: {error.strerror}") from None

    def listen(self, listener: Callable[[], Awaitable[None]]) -> None:
        """Call this after each change; the vault has the new values then."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Follow the folders for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except Exception:  # without this task nothing would be taken up any more
                log.exception("changed secrets are not taken up")

    async def look(self) -> None:
        """Take up what has changed."""
        signature = await asyncio.to_thread(self._sign)
        if signature == self._signature:
            return
        try:
            values = await asyncio.to_thread(self._read)
        except OSError as error:  # the next look may succeed
            log.warning("changed secrets cannot be read", file=error.filename, error=error.strerror)
            return
        self._signature = signature
        before = dict(self.vault.items())
        changed = sorted(key for key in before.keys() | values.keys() if before.get(key) != values.get(key))
        if not changed:
            return
        self.vault.replace(values)
        names = [f"{kind} {name}/{key}" for kind, _, name, key in changed[:_SHOWN]]
        log.info("mounted values have changed", keys=names, changed=len(changed))
        for listener in self._listeners:
            try:
                await listener()
            except Exception:  # the others want to know, too
                log.exception("changed values are not taken up everywhere")

    def _sign(self) -> Signature:
        """Tells apart what was there before from what is there now, without reading it."""
        found = []
        for _, folder in self._objects():
            for path in _keys(folder):
                try:
                    stat = path.stat()
                except OSError:
                    continue
                found.append((str(path), stat.st_ino, stat.st_mtime_ns, stat.st_size))
        return tuple(found)

    def _read(self) -> dict[Key, bytes]:
        """Raises OSError."""
        values: dict[Key, bytes] = {}
        for kind, folder in self._objects():
            for name, value in _read_object(folder).items():
                values[kind, self._namespace, folder.name, name] = value
        return values

    def _objects(self) -> Iterator[tuple[Kind, Path]]:
        for kind, root in self._folders.items():
            if root.is_dir():
                yield from ((kind, folder) for folder in sorted(root.iterdir()) if folder.is_dir())


def _keys(folder: Path) -> list[Path]:
    """The files of an object; ``..data`` and the like are the kubelet's."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("..") and path.is_file())
    except OSError:
        return []


def _read_object(folder: Path) -> dict[str, bytes]:
    """All keys as of one moment. Raises OSError when it goes on changing."""
    for tries in range(_TRIES):
        data = folder / "..data"
        try:
            # The folder that it is now; when it is swapped while we read, it goes away, and we begin anew.
            version = data.resolve(strict=True) if data.is_symlink() else folder
            return {path.name: path.read_bytes() for path in _keys(version)}
        except FileNotFoundError:
            if tries == _TRIES - 1:
                raise
    raise AssertionError("unreachable")
