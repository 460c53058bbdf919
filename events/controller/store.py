"""What was last seen of the objects, compact: as JSON text, without what we never read. Memory is what thousands of objects cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import orjson
import structlog

from events.controller.diff import fingerprint
from events.controller.names import Key

__all__ = ["Seen", "Store", "key_of"]

log = structlog.get_logger("controller")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """An object as it was seen; ``mark`` is what the store files it under, ``print`` differs when more than its status does."""

    uid: str
    version: int
    mark: str
    print: str
    text: bytes

    @property
    def obj(self) -> Json:
        """The object itself."""
        found: Json = orjson.loads(self.text)
        return found


class Store:
    """The objects of one kind, by namespace and name, and by a mark (the owner's uid of a child, the bus of an EventSource or Sensor).

    ``status``: what is kept of the status.
    """

    def __init__(self, mark: Callable[[Json], str], status: Callable[[Json], Any]) -> None:
        self._mark = mark
        self._status = status
        self._seen: dict[Key, Seen] = {}
        self._marked: dict[tuple[str, str], set[Key]] = defaultdict(set)
        self._removed: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def get(self, key: Key) -> Seen | None:
        """What was seen last under this name."""
        return self._seen.get(key)

    def keys(self) -> list[Key]:
        """The names of all."""
        return list(self._seen)

    def marked(self, namespace: str, mark: str) -> Iterator[Key]:
        """The names of those in a namespace that have this mark."""
        yield from tuple(self._marked.get((namespace, mark), ()))

    def put(self, obj: Json) -> Literal["stale", "same", "changed"]:
        """Remember an object: whether this or something newer was seen already, or only its status is another one, or more."""
        metadata = obj["metadata"]
        key, version = key_of(obj), int(metadata["resourceVersion"])
        before = self._seen.get(key)
        if metadata["uid"] in self._removed or (
            before is not None and before.uid == metadata["uid"] and before.version >= version
        ):
            return "stale"
        self._forget(key)
        kept = {**obj, "status": self._status(obj)}
        kept["metadata"] = {name: value for name, value in metadata.items() if name != "managedFields"}
        try:
            seen = Seen(metadata["uid"], version, self._mark(obj), fingerprint(obj), orjson.dumps([[kept]])[2:-2])
        except orjson.JSONEncodeError:  # nested more deeply than it writes, with room for a level or two around it
            log.error("an object is nested too deeply, and is ignored", object=key.title)
            return "stale"
        self._seen[key] = seen
        self._marked[key.namespace, seen.mark].add(key)
        return "same" if before is not None and before.print == seen.print else "changed"

    def drop(self, obj: Json) -> bool:
        """Forget an object, unless another one has its name by now."""
        key, uid = key_of(obj), obj["metadata"]["uid"]
        self._removed[uid] = None  # an answer to an older request of ours may still come in
        if len(self._removed) > 10_000:
            del self._removed[next(iter(self._removed))]
        seen = self._seen.get(key)
        if seen is None or seen.uid != uid:
            return False
        self._forget(key)
        return True

    def retain(self, uids: frozenset[str], wanted: Callable[[Key], bool]) -> list[Json]:
        """Forget all objects that a whole list did not name, of those that it would have named; returns them."""
        gone = [seen.obj for key, seen in self._seen.items() if seen.uid not in uids and wanted(key)]
        for obj in gone:
            self._forget(key_of(obj))
        return gone

    def _forget(self, key: Key) -> None:
        seen = self._seen.pop(key, None)
        if seen is not None:
            group = self._marked[key.namespace, seen.mark]
            group.discard(key)
            if not group:
                del self._marked[key.namespace, seen.mark]


def key_of(obj: Json) -> Key:
    """The key of an object."""
    return Key(obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"])
