"""Watches, and what they lead to: which object must be looked at when something changed. Shell."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from typing import Any

import structlog

from events.controller import metrics, names, status
from events.controller.names import Key
from events.controller.queue import Queue
from events.controller.reconcile import Reconciler
from events.controller.scope import Scope
from events.controller.store import Store, key_of
from events.errors import PointsmanError, Refused, Unavailable
from events.kube import Object
from events.kube.control import Control, Selection
from events.kube.watch import Changed, Gone, Listed, observe

__all__ = ["CHILDREN", "PARENTS", "Manager", "new_stores"]

log = structlog.get_logger("controller")

PARENTS = (names.EVENT_BUS, names.EVENT_SOURCE, names.SENSOR)
CHILDREN = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "Service": "v1", "ConfigMap": "v1"}

_AFTER_REFUSAL = 30.0
_WAITING_FOR_OTHERS = 30.0
_AGAIN = {names.EVENT_BUS: 600.0, names.EVENT_SOURCE: 7200.0, names.SENSOR: 7200.0}
"""Seconds until an object is looked at though nothing changed: nobody tells that a Secret is gone."""


def new_stores() -> dict[str, Store]:
    """An empty store for each kind that is watched."""
    stores = {names.EVENT_BUS: Store(lambda _: "", _whole)}
    stores |= {kind: Store(status.bus_of, _whole) for kind in (names.EVENT_SOURCE, names.SENSOR)}
    return stores | {kind: Store(lambda child: status.owner_of(child)[2], status.failures) for kind in CHILDREN}


def _whole(obj: Object) -> Any:
    return obj.get("status")


class Manager:
    """Runs until it is cancelled. ``settled`` says whether everything was looked at that there was to look at."""

    def __init__(
        self, control: Control, stores: Mapping[str, Store], reconciler: Reconciler, scope: Scope, workers: int = 8
    ) -> None:
        self._control = control
        self._stores = stores
        self.reconciler = reconciler
        self._scope = scope
        self._workers = workers
        self._queue = Queue()
        self._unlisted: set[tuple[str, str]] = set()
        self._complete = asyncio.Event()

    @property
    def settled(self) -> bool:
        """Whether all was listed, and nothing waits or is worked on."""
        return self.complete and self._queue.idle

    @property
    def complete(self) -> bool:
        """Whether all was listed."""
        return self._complete.is_set()

    @property
    def unlisted(self) -> list[str]:
        """Kinds that were not listed yet."""
        return sorted({kind for kind, _ in self._unlisted})

    async def run(self) -> None:
        """Observe and reconcile."""
        selections = self._selections()
        self._unlisted = {(selection.kind, selection.namespace) for selection in selections}
        async with asyncio.TaskGroup() as tasks:
            for selection in selections:
                tasks.create_task(self._observe(selection))
            await self._complete.wait()
            log.info("observing", **{kind: len(store) for kind, store in self._stores.items()})
            for _ in range(self._workers):
                tasks.create_task(self._work())

    def parents(self) -> list[Key]:
        """All EventSources and Sensors that are looked after."""
        kinds = (names.EVENT_SOURCE, names.SENSOR)
        return [key for kind in kinds for key in self._stores[kind].keys() if self._scope.covers(key.namespace)]  # noqa: SIM118

    def _selections(self) -> list[Selection]:
        ours = f"{names.MANAGED[0]}={names.MANAGED[1]}"
        found = [Selection("v1", "Namespace", labels=self._scope.selector)] if self._scope.selector else []
        for namespace in self._scope.watched:
            found += [Selection(names.API_VERSION, kind, namespace) for kind in PARENTS]
            found += [Selection(version, kind, namespace, ours) for kind, version in CHILDREN.items()]
        return found

    # -- Observing

    async def _observe(self, selection: Selection) -> None:
        async for observation in observe(self._control, selection):
            match observation:
                case Changed(obj):
                    self._changed(obj)
                case Gone(obj):
                    self._gone(obj)
                case Listed(uids):
                    self._listed(selection, uids)
            if selection.kind in PARENTS:
                metrics.OBJECTS.labels(selection.kind).set(len(self._stores[selection.kind]))
            metrics.QUEUED.set(len(self._queue))

    def _listed(self, selection: Selection, uids: frozenset[str]) -> None:
        if selection.kind == "Namespace":
            self._scope.retain(uids)
        else:
            gone = self._stores[selection.kind].retain(uids, lambda key: selection.namespace in ("", key.namespace))
            for obj in gone:
                self._follow(obj, None)
        self._unlisted.discard((selection.kind, selection.namespace))
        if not self._unlisted:
            self._complete.set()

    def _changed(self, obj: Object) -> None:
        if obj["kind"] == "Namespace":
            self._scope.found[obj["metadata"]["name"]] = obj["metadata"]["uid"]
            self._add_namespace(obj["metadata"]["name"])
            return
        store = self._stores[obj["kind"]]
        before = store.get(key_of(obj))
        was = None if before is None else before.obj
        how = store.put(obj)
        if how == "changed":
            self._follow(obj, was)
        elif how == "same" and obj["kind"] == names.EVENT_BUS:
            self._follow_bus(obj, was)
        elif how == "same" and was is not None and obj["kind"] in CHILDREN and was["status"] != status.failures(obj):
            self._follow(obj, was)

    def _gone(self, obj: Object) -> None:
        if obj["kind"] == "Namespace":
            self._scope.found.pop(obj["metadata"]["name"], None)
        elif self._stores[obj["kind"]].drop(obj):
            self.reconciler.children.forget(key_of(obj))
            self._follow(obj, None)

    def _follow(self, obj: Object, before: Object | None) -> None:
        """What must be looked at since this object changed, came or went."""
        kind, namespace = obj["kind"], obj["metadata"]["namespace"]
        if kind in CHILDREN:
            owner, name, _ = status.owner_of(obj)
            if owner:
                self._add(Key(owner, namespace, name))
            return
        self._add(key_of(obj))
        if kind == names.EVENT_BUS:
            self._follow_bus(obj, before)
        else:
            for bus in {status.bus_of(one) for one in (obj, before) if one is not None}:
                self._add_deleted_bus(Key(names.EVENT_BUS, namespace, bus))

    def _follow_bus(self, obj: Object, before: Object | None) -> None:
        """Those who are on it, when it became ready, or is reached in another way."""
        namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        if before is None or status.bus_state(name, before) != status.bus_state(name, obj):
            self._add_dependents(namespace, name)

    def _add_dependents(self, namespace: str, bus: str) -> None:
        for kind in (names.EVENT_SOURCE, names.SENSOR):
            for key in self._stores[kind].marked(namespace, bus):
                self._add(key)

    def _add_deleted_bus(self, bus: Key) -> None:
        seen = self._stores[names.EVENT_BUS].get(bus)
        if seen is not None and seen.obj["metadata"].get("deletionTimestamp"):
            self._add(bus)

    def _add_namespace(self, namespace: str) -> None:
        for kind in PARENTS:
            for key in self._stores[kind].keys():  # noqa: SIM118
                if key.namespace == namespace:
                    self._add(key)

    def _add(self, key: Key) -> None:
        if self._scope.covers(key.namespace):
            self._queue.add(key)

    # -- Working

    async def _reconcile(self, key: Key) -> bool:
        store = self._stores[key.kind]
        before = store.get(key)
        try:
            return await self.reconciler.reconcile(key, self._queue.failures(key))
        finally:
            after = store.get(key)
            if (
                key.kind == names.EVENT_BUS and after is not None
            ):  # its new status is in the store before the watch tells of it
                self._follow_bus(after.obj, None if before is None else before.obj)

    async def _work(self) -> None:
        while True:
            key = await self._queue.take()
            started = time.monotonic()
            try:
                done = await self._reconcile(key)
            except PointsmanError as problem:
                if isinstance(problem, Unavailable) and problem.retry_after:
                    self._queue.done(key)
                    self._queue.add_later(key, problem.retry_after)
                    continue
                metrics.FAILURES.labels(key.kind).inc()
                least = _AFTER_REFUSAL if isinstance(problem, Refused) and problem.status != 409 else 0.0
                pause = self._queue.failed(key, at_least=least)
                log.warning("to be looked at again", object=key.title, reason=str(problem), seconds=round(pause, 1))
            except Exception:  # a fault of ours with one object must not end the work on all others
                metrics.FAILURES.labels(key.kind).inc()
                self._queue.failed(key, at_least=_AFTER_REFUSAL)
                log.exception("unexpected failure", object=key.title)
                await self.reconciler.tell_fault(key)
            else:
                if done:
                    self._queue.done(key)
                    if self._stores[key.kind].get(key) is not None:
                        self._queue.add_later(key, _AGAIN[key.kind] * random.uniform(0.8, 1.2))
                else:
                    self._queue.failed(key, at_least=_WAITING_FOR_OTHERS)
            metrics.RECONCILED.labels(key.kind).inc()
            metrics.SECONDS.labels(key.kind).observe(time.monotonic() - started)
            metrics.QUEUED.set(len(self._queue))
