"""The children of an object, written where they differ from what is wished for. Shell; what decides is ``diff``."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence

import structlog

from events.controller import metrics, names
from events.controller.desired import Json
from events.controller.diff import common, contains, fingerprint, recreate, stamped, wish
from events.controller.names import Key
from events.controller.status import owner_of
from events.controller.store import Seen, Store, key_of
from events.errors import Refused, Unavailable
from events.kube import AlreadyExists
from events.kube.control import UNKNOWN_FIELD, Control, Selection

__all__ = ["ChildRefused", "Children"]

log = structlog.get_logger("controller")

_MOST_REPAIRED = 1000


class ChildRefused(Refused):
    """A child cannot be written; ``kind`` is its kind, and ``made`` whether there is one already."""

    def __init__(self, kind: str, made: bool, problem: Refused) -> None:
        super().__init__(problem.message, status=problem.status, hint=problem.hint)
        self.kind = kind
        self.made = made


class Children:
    """Applies and removes children; the stores see what the server answers at once, not only when the watch tells."""

    def __init__(self, control: Control, stores: Mapping[str, Store]) -> None:
        self._control = control
        self._stores = stores
        self._written: dict[Key, tuple[str, str]] = {}
        self._repairs = _Repairs()

    async def settle(self, obj: Json, desired: Sequence[Json]) -> int:
        """Make the children of an object those that are desired; returns how many writes that took."""
        writes = 0
        for child in map(stamped, desired):
            try:
                writes += await self._write(obj, child)
            except AlreadyExists as error:
                raise ChildRefused(child["kind"], True, error) from None
            except Refused as error:
                raise ChildRefused(child["kind"], key_of(child) in self._written, error) from None
        wanted = {key_of(child) for child in desired}
        for store in self._stores.values():
            for key in store.marked(obj["metadata"]["namespace"], obj["metadata"]["uid"]):
                seen = store.get(key)
                if key not in wanted and seen is not None:
                    await self._remove(seen)
                    writes += 1
        return writes

    def failures(self, obj: Json) -> list[str]:
        """Why pods of its Deployment cannot be made, or do not start."""
        found: dict[str, None] = {}
        for kind in ("Deployment", "StatefulSet"):
            store = self._stores[kind]
            for key in store.marked(obj["metadata"]["namespace"], obj["metadata"]["uid"]):
                if (seen := store.get(key)) is not None:
                    found |= dict.fromkeys(seen.obj["status"])
        return list(found)

    def forget(self, child: Key) -> None:
        """It is gone."""
        self._written.pop(child, None)

    async def _write(self, obj: Json, child: Json) -> int:
        key = key_of(child)
        seen = self._stores[child["kind"]].get(key)
        if seen is None:
            await self._create(obj, child)
            return 1
        observed = seen.obj
        _, _, owner = owner_of(observed)
        if owner != obj["metadata"]["uid"] and not names.is_left_behind(observed):
            raise Unavailable(f"{child['kind']} {key.name} still belongs to another object of this name")
        if wish(observed) == wish(child) and (
            self._written.get(key) == (wish(child), seen.print) or contains(observed, child)
        ):
            return 0
        if wish(observed) == wish(child):
            self._repairs.note(key)
        if recreate(observed, child):
            await self._remove(seen)
        log.info("applying", kind=child["kind"], namespace=key.namespace, name=key.name)
        self._remember(await self._apply(child, force=True))
        return 1

    async def _create(self, obj: Json, child: Json) -> None:
        """Without force first: an object of somebody else may have the name."""
        key = key_of(child)
        log.info("creating", kind=child["kind"], namespace=key.namespace, name=key.name)
        try:
            made = await self._apply(child, force=False)
        except Refused as error:
            if error.status != 409:
                raise
            there = await self._control.get(child["apiVersion"], key.kind, key.namespace, key.name)
            if there is None:
                raise Unavailable(f"{key.kind} {key.name} comes and goes") from None
            if owner_of(there)[2] != obj["metadata"]["uid"]:
                raise Refused(
                    f"there is a {key.kind} '{key.name}' already, and it is not ours",
                    hint="rename it, or the object",
                    status=409,
                ) from None
            if (there["metadata"].get("labels") or {}).get(names.MANAGED[0]) != names.MANAGED[1]:
                # Argo Events made it for this object: fields of its own would stay under ours.
                await self._control.delete(there, uid=there["metadata"]["uid"])
            made = await self._apply(child, force=True)
        self._remember(made)
        if child["kind"] == "Deployment":
            await self._remove_generated(obj, child)

    async def _apply(self, child: Json, *, force: bool) -> Json:
        """Fields that this cluster does not know are left out, as in the reference; an apply with them would be refused."""
        try:
            return await self._control.apply(child, force=force)
        except Refused as error:
            if UNKNOWN_FIELD not in error.message:
                raise
            log.warning(
                "leaving out what the cluster does not know", name=child["metadata"]["name"], fields=error.message
            )
        known = await self._control.rehearse(child)
        return await self._control.apply({**child, "spec": common(child["spec"], known["spec"])}, force=force)

    async def _remove_generated(self, obj: Json, child: Json) -> None:
        """Deployments that Argo Events made for this object, under names that it generates: both would do the same work."""
        namespace = obj["metadata"]["namespace"]
        labels = ",".join(f"{name}={value}" for name, value in child["spec"]["selector"]["matchLabels"].items())
        for there in await self._control.find(Selection(child["apiVersion"], "Deployment", namespace, labels)):
            managed = (there["metadata"].get("labels") or {}).get(names.MANAGED[0]) == names.MANAGED[1]
            if owner_of(there)[2] == obj["metadata"]["uid"] and not managed:
                log.info("removing", kind="Deployment", namespace=namespace, name=there["metadata"]["name"])
                await self._control.delete(there, uid=there["metadata"]["uid"])

    def _remember(self, made: Json) -> None:
        key = key_of(made)
        metrics.WRITES.labels(key.kind).inc()
        self._written[key] = (wish(made), fingerprint(made))
        self._stores[key.kind].put(made)

    async def _remove(self, seen: Seen) -> None:
        obj = seen.obj
        key = key_of(obj)
        log.info("removing", kind=key.kind, namespace=key.namespace, name=key.name)
        await self._control.delete(obj, uid=seen.uid)
        metrics.WRITES.labels(key.kind).inc()
        self._stores[key.kind].drop(obj)
        self.forget(key)


class _Repairs:
    """How often a child was put right lately: two controllers that correct each other would never end."""

    def __init__(self, most: int = 5, seconds: float = 60) -> None:
        self._most, self._seconds = most, seconds
        self._times: dict[Key, deque[float]] = {}

    def note(self, key: Key) -> None:
        """One more. Raises Refused where it is too often."""
        now = time.monotonic()
        times = self._times.setdefault(key, deque())
        while times and now - times[0] > self._seconds:
            times.popleft()
        if len(times) >= self._most:
            raise Refused(
                f"somebody else keeps changing {key.kind} '{key.name}'", hint="see its managedFields", status=409
            )
        times.append(now)
        if len(self._times) > _MOST_REPAIRED:
            del self._times[next(iter(self._times))]
