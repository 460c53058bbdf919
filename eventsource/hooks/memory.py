"""What is remembered of hooks because forges do not tell it: the fingerprint of the secret that we set, and which hooks were ours.

A record for each EventSource, in the bus's KV (``eventbus.interface.State``) or in a file of the state folder. It may be lost:
then each secret is sent to its forge once more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import orjson
import structlog

from events.errors import Unavailable
from eventsource.hooks.plan import Desired, Existing, Sealed, Target

__all__ = ["FileStore", "Hook", "Memory", "Remembered", "Store", "may_be_one"]

log = structlog.get_logger("hooks")


class Store(Protocol):
    """The part of ``eventbus.interface.State`` that is used."""

    async def get(self, key: str) -> bytes | None:
        """The value, or None."""

    async def put(self, key: str, value: bytes) -> None:
        """Set the value."""


@dataclass(slots=True)
class Hook:
    """``secret``: fingerprint of the one that was set, confirmed by the forge at ``at`` (seconds since 1970).

    ``told``: the URL as the forge tells it, where it does not tell the one that it was given.
    """

    url: str
    secret: str
    at: float
    finish: bool
    settled: float = 0.0
    """All deliveries before this moment have come, or are given up."""
    asked: dict[str, tuple[int, float]] = field(default_factory=dict)
    """Deliveries that were asked for again: how often, and when last."""
    told: str = ""
    form: str = ""
    """What is wanted besides: ``Desired.form``; empty when the hook is not wanted any more."""
    hidden: bool = False
    """Whether the forge does not even tell that it has a secret."""


@dataclass(slots=True)
class Remembered:
    """The record of one EventSource: hooks by instance of a forge, target and id."""

    hooks: dict[tuple[str, Target, str], Hook] = field(default_factory=dict)

    def secrets(self, instance: str) -> dict[tuple[Target, str], str]:
        """Fingerprints by target and id of the hooks at one forge."""
        return {(target, id): hook.secret for (where, target, id), hook in self.hooks.items() if where == instance}

    def note(
        self, instance: str, hook: Existing, wish: Desired, now: float, *, finish: bool, hidden: bool = False
    ) -> None:
        """Remember that a hook is as wished since ``now``, or longer."""
        key = (instance, hook.target, hook.id)
        before = self.hooks.get(key)
        same = before is not None and before.secret == wish.fingerprint and before.url == wish.url
        at = before.at if before is not None and same else now
        log = (before.settled, before.asked) if before is not None else (0.0, {})
        told = before.told if before is not None else ""
        if hook.url not in ("", wish.url):
            told = hook.url
        hidden = hidden or (before is not None and before.hidden)
        self.hooks[key] = Hook(wish.url, wish.fingerprint, at, finish, *log, told, wish.form, hidden)

    def recognised(self, instance: str, hooks: Iterable[Existing]) -> list[Existing]:
        """The same, with the URL that we gave where the forge tells it in another form: as it is not ours by that, we would make
        another one at each look. That there is no secret is not believed of a forge that hides them.
        """
        found = []
        for hook in hooks:
            ours = self.hooks.get((instance, hook.target, hook.id))
            if ours is not None and ours.told == hook.url:
                hook = replace(hook, url=ours.url)
            if ours is not None and ours.hidden and not hook.has_secret:
                hook = replace(hook, has_secret=None)
            found.append(hook)
        return found

    def forget(self, instance: str, hook: Existing) -> None:
        """Remember no more of a hook that is gone."""
        self.hooks.pop((instance, hook.target, hook.id), None)

    def keep_only(self, instance: str, target: Target, ids: Collection[str]) -> None:
        """Forget the hooks of a target that are not there any more."""
        for key in [k for k in self.hooks if k[:2] == (instance, target) and k[2] not in ids]:
            del self.hooks[key]

    def has_moved(self, instance: str, target: Target) -> bool:
        """Whether all hooks of a target are known at another one: it has another name now."""
        known = {(where, id, hook.url) for (where, place, id), hook in self.hooks.items() if place != target}
        here = [
            (instance, id, hook.url)
            for (where, place, id), hook in self.hooks.items()
            if (where, place) == (instance, target)
        ]
        return known.issuperset(here)

    def left_over(self, wanted: set[tuple[str, Target, str]]) -> list[tuple[str, Target, str, str]]:
        """Hooks to be deleted because they are not wanted any more: instance, target, id, URL.

        Forgets those that are not wanted but stay: they were not made under ``deleteHookOnFinish``, or their target has another name now.
        """
        stay = {key: hook for key, hook in self.hooks.items() if (key[0], key[1], hook.url) in wanted}
        gone = {key: hook for key, hook in self.hooks.items() if key not in stay}
        for key, hook in gone.items():
            if not hook.finish or any(_is_same(key, other) and hook.url == stay[other].url for other in stay):
                del self.hooks[key]
        return [(*key, hook.url) for key, hook in gone.items() if key in self.hooks]

    def confirmed(self, instance: str, url: str, secret: Sealed) -> float | None:
        """Since when all hooks with this URL have this secret; None: they have not, as far as we know."""
        ours = [
            (target, hook) for (where, target, _), hook in self.hooks.items() if (where, hook.url) == (instance, url)
        ]
        if not ours or any(hook.secret != secret.fingerprint(target, url) for target, hook in ours):
            return None
        return max(hook.at for _, hook in ours)

    def to_bytes(self) -> bytes:
        """As JSON."""
        return orjson.dumps(
            [
                {
                    "forge": instance,
                    "target": [target.kind, target.name],
                    "id": id,
                    "url": hook.url,
                    "secret": hook.secret,
                    "at": hook.at,
                    "finish": hook.finish,
                    "settled": hook.settled,
                    "asked": hook.asked,
                    "told": hook.told,
                    "form": hook.form,
                    "hidden": hook.hidden,
                }
                for (instance, target, id), hook in self.hooks.items()
            ]
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Remembered:
        """Read; what cannot be read is forgotten."""
        try:
            return cls(dict(_entries(orjson.loads(data))))
        except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError):
            return cls()


def _entries(items: list[dict[str, Any]]) -> Iterator[tuple[tuple[str, Target, str], Hook]]:
    for item in items:
        kind, name = item["target"]
        key = (str(item["forge"]), Target(str(kind), str(name)), str(item["id"]))
        asked = {str(name): (int(times), float(last)) for name, (times, last) in item.get("asked", {}).items()}
        settled = float(item.get("settled", 0))
        told, form = str(item.get("told", "")), str(item.get("form", ""))
        at, finish, hidden = float(item["at"]), bool(item["finish"]), bool(item.get("hidden"))
        yield key, Hook(str(item["url"]), str(item["secret"]), at, finish, settled, asked, told, form, hidden)


def _is_same(one: tuple[str, Target, str], other: tuple[str, Target, str]) -> bool:
    """Whether these are one hook, by two names of its target: GitLab's projects have a number and a path, and case often does not count."""
    (instance, target, id), (where, place, number) = one, other
    return (instance, id) == (where, number) and may_be_one(target, place)


def may_be_one(one: Target, other: Target) -> bool:
    """Whether these may be names of one target."""
    return one.kind == other.kind and (one.name.isdigit() != other.name.isdigit() or one.place == other.place)


class Memory:
    """Loads and saves records. While the store is away the record is the one that this process has, so that hooks go on.

    ``names``: of all EventSources that share the store, where they are known (``Neighbours``).
    """

    def __init__(self, store: Store, names: Collection[str] | None = None) -> None:
        self.store = store
        self.names = names
        self._own: dict[str, Remembered] = {}
        self._saved: dict[str, bytes] = {}

    async def load(self, name: str) -> Remembered:
        """The record of an EventSource; an empty one when there is none."""
        try:
            data = await self.store.get(name)
        except Unavailable as error:
            log.warning("what is remembered of hooks cannot be read", source=name, error=str(error))
            return self._own.setdefault(name, Remembered())
        self._saved[name] = data or b""
        own = self._own[name] = Remembered.from_bytes(data or b"[]")
        return own

    async def save(self, name: str, record: Remembered) -> None:
        """Keep the record."""
        self._own[name] = record
        data = record.to_bytes()
        if data == self._saved.get(name):
            return
        try:
            await self.store.put(name, data)
            self._saved[name] = data
        except Unavailable as error:
            log.warning("what is remembered of hooks cannot be written", source=name, error=str(error))


class FileStore:
    """A file for each EventSource, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _file(self, key: str) -> Path:
        return self._folder / f"{key.replace('/', '=2F')}.json"

    async def get(self, key: str) -> bytes | None:
        """The value, or None."""
        try:
            return self._file(key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"{self._folder}: {error.strerror}") from None

    async def put(self, key: str, value: bytes) -> None:
        """Set the value, so that a reader finds the old or the new one."""
        file = self._file(key)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = file.with_suffix(".draft")
            draft.write_bytes(value)
            draft.replace(file)
        except OSError as error:
            raise Unavailable(f"{file}: {error.strerror}") from None
