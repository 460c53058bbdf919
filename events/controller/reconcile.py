"""One object brought to its desired state: observe, desire, diff, apply. Shell; each decision is made by a pure module."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from events.controller import eventbus, eventsource, names, sensor, status
from events.controller.bus_secrets import ensure_secrets
from events.controller.children import ChildRefused, Children
from events.controller.conditions import Condition, false, in_words, true
from events.controller.desired import Bus, Desired, Json
from events.controller.finalizing import add_finalizer, connected, delete_hooks, release
from events.controller.hook_job import hook_urls
from events.controller.judging import Judge, Judgement
from events.controller.lookups import Lookups
from events.controller.names import Key
from events.controller.recorder import Recorder, timestamp
from events.controller.references import missing
from events.controller.settings import Settings
from events.controller.store import Store
from events.controller.workload import workload
from events.errors import PointsmanError, Refused, Unavailable
from events.kube.control import Control
from events.models.base import Finding

__all__ = ["Reconciler"]

log = structlog.get_logger("controller")

_TOLD_AFTER = 3
"""Failures in a row of the API server, until the status tells."""

_DESIRES: Mapping[str, Callable[[Json, Bus, Judgement, Sequence[Finding], Settings], Desired]] = {
    names.EVENT_SOURCE: eventsource.desire,
    names.SENSOR: sensor.desire,
}


@dataclass(frozen=True)
class Reconciler:
    """What a look at an object needs."""

    control: Control
    stores: Mapping[str, Store]
    children: Children
    judges: Mapping[str, Judge]
    settings: Settings
    recorder: Recorder
    lookups: Lookups
    judging: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def reconcile(self, key: Key, failures: int = 0) -> bool:
        """Look at an object; False when there is something to wait for that nobody tells us of. Raises PointsmanError: look again later.

        ``failures``: how often that was so in a row; what goes by soon is not told in the status.
        """
        seen = self.stores[key.kind].get(key)
        if seen is None:
            return True
        obj = seen.obj
        if not isinstance(obj.get("spec"), dict):
            obj = {**obj, "spec": {}}
        if obj["metadata"].get("deletionTimestamp"):
            return await self._end(obj)
        if key.kind == names.EVENT_BUS:
            return await self._bus(obj, failures)
        return await self._workload(obj, failures)

    async def tell_fault(self, key: Key) -> None:
        """Say in the status that a look at an object failed unexpectedly."""
        seen = self.stores[key.kind].get(key)
        if seen is not None:
            fault = false("Deployed", "InternalError", "the controller failed with this object; its log says at what")
            with contextlib.suppress(PointsmanError):
                await self._tell(seen.obj, Desired((fault,)))

    async def _workload(self, obj: Json, failures: int) -> bool:
        kind, namespace = obj["kind"], obj["metadata"]["namespace"]
        bus_name = status.bus_of(obj)
        seen = self.stores[names.EVENT_BUS].get(Key(names.EVENT_BUS, namespace, bus_name))
        bus_object = None if seen is None else seen.obj
        if bus_object is not None and not bus_object.get("status"):
            return True  # it was not looked at yet; that it was brings us back
        judgement = await self._judge(obj, bus_object)
        if judgement.deletes_hooks:
            obj = await self._kept(obj)
        known = await self.lookups.keys(namespace, judgement.references)
        lacking = missing(judgement.references, known)
        bus = status.bus_state(bus_name, bus_object)
        desired = _DESIRES[kind](obj, bus, judgement, lacking, self.settings)
        await self._settle(obj, desired, failures)
        return not lacking

    async def _bus(self, obj: Json, failures: int) -> bool:
        obj = await self._kept(obj)
        name, namespace = obj["metadata"]["name"], obj["metadata"]["namespace"]
        judgement = await self._judge(obj)
        certificate = ""
        if not judgement.errors and eventbus.is_native(obj) and not names.unfit(obj["kind"], name):
            try:
                certificate = await ensure_secrets(self.control, obj)
            except Refused as problem:
                refusal = false("Deployed", "JetStreamAuthSecretsFailed", str(problem))
                await self._tell(obj, Desired((false("Configured", refusal.reason, refusal.message), refusal)))
                raise
        lacking = missing(judgement.references, await self.lookups.keys(namespace, judgement.references))
        judgement = replace(judgement, warnings=(*lacking, *judgement.warnings))
        there = self.stores["StatefulSet"].get(Key("StatefulSet", namespace, names.bus_object(name)))
        desired = eventbus.desire(obj, judgement, certificate, self.settings, None if there is None else there.obj)
        await self._settle(obj, desired, failures)
        return not lacking

    async def _judge(self, obj: Json, bus: Json | None = None) -> Judgement:
        """In a thread, one at a time: what is compiled may take long where somebody wants that, and the Lease must be renewed meanwhile."""
        async with self.judging:
            return await asyncio.to_thread(self.judges[obj["kind"]], obj, bus)

    async def _kept(self, obj: Json) -> Json:
        """The object with our finalizer."""
        kept = await add_finalizer(self.control, obj)
        if kept is None:
            return obj
        self.stores[obj["kind"]].put(kept)
        return kept

    async def _settle(self, obj: Json, desired: Desired, failures: int) -> None:
        """Write the children, then the status, which says also what could not be written."""
        problem: PointsmanError | None = None
        if desired.children is not None:
            try:
                await self.children.settle(obj, desired.children)
            except ChildRefused as refused:
                problem = refused
                desired = _with(desired, false("Deployed", _reason(obj["kind"], refused), f"{refused.kind}: {refused}"))
            except Unavailable as unavailable:
                if failures < _TOLD_AFTER:
                    raise
                problem = unavailable
                desired = _with(desired, false("Deployed", "Unavailable", str(unavailable)))
            else:
                if failing := self.children.failures(obj):
                    desired = _with(desired, true("Deployed", "PodsFailing", "; ".join(failing)))
        await self._tell(obj, desired)
        if problem is not None:
            raise problem

    async def _tell(self, obj: Json, desired: Desired) -> None:
        patch = status.status_patch(obj, desired.conditions, desired.status, timestamp())
        if not patch:
            return
        await self._patch_status(obj, patch)
        for condition in status.news(obj, desired.conditions):
            await self.recorder.warn(obj, condition.reason, f"{condition.type}: {condition.message}")

    async def _patch_status(self, obj: Json, patch: Mapping[str, Any]) -> None:
        try:
            self.stores[obj["kind"]].put(await self.control.patch(obj, {"status": patch}, part="status"))
        except Refused as error:
            if error.status != 404:  # it was deleted meanwhile
                raise

    async def observe(self, key: Key, found: Mapping[str, Any]) -> bool:
        """Tell in the status what its processes say; whether that took a write."""
        seen = self.stores[key.kind].get(key)
        obj = None if seen is None else seen.obj
        if obj is None or obj["metadata"].get("deletionTimestamp"):
            return False
        before = obj.get("status") or {}
        changes = {name: value for name, value in found.items() if before.get(name) != value}
        for name in ("lastEvent", "lastSubmission"):  # the pod that saw the last one may be gone
            if name in changes and changes[name] < str(before.get(name) or ""):
                del changes[name]
        if changes:
            await self._patch_status(obj, changes)
        if error := changes.get("lastError"):
            await self.recorder.warn(obj, "LastError", error)
        for trouble in changes.get("troubles") or ():
            if trouble not in (before.get("troubles") or ()):
                await self.recorder.warn(obj, "Trouble", trouble)
        return bool(changes)

    async def _end(self, obj: Json) -> bool:
        ours = names.FINALIZERS[obj["kind"]] in (obj["metadata"].get("finalizers") or ())
        if obj["kind"] == names.EVENT_BUS and (used := self._connected(obj)) is not None:
            config = (obj.get("status") or {}).get("config")
            await self._tell(obj, Desired((true("Configured"), used), status={"config": config} if config else {}))
            return True  # the end of each of them is told
        if obj["kind"] == names.EVENT_SOURCE and ours:
            await self._end_hooks(obj)
        await release(self.control, obj)
        return True

    def _connected(self, bus: Json) -> Condition | None:
        namespace, name = bus["metadata"]["namespace"], bus["metadata"]["name"]
        counts = (
            sum(1 for _ in self.stores[kind].marked(namespace, name)) for kind in (names.EVENT_SOURCE, names.SENSOR)
        )
        return connected(*counts)

    async def _end_hooks(self, obj: Json) -> None:
        judgement = await self._judge(obj)
        if not judgement.deletes_hooks:
            return
        made = workload(obj, Bus(status.bus_of(obj)), judgement, self.settings)
        if made.findings:
            text = f"Hooks may be left at the forges: {in_words(made.findings)}"
            await self.recorder.warn(obj, "HooksNotDeleted", text)
            return
        await delete_hooks(
            self.control, self.children, self.recorder, obj, made.children, lambda: self._wanted_elsewhere(obj)
        )

    def _wanted_elsewhere(self, obj: Json) -> list[str]:
        """Those URLs of its hooks that another EventSource has, too: the same one by another name, say."""
        urls = hook_urls(obj["spec"])
        found: set[str] = set()
        store = self.stores[names.EVENT_SOURCE]
        for seen in map(store.get, store.keys()):
            if seen is None or seen.uid == obj["metadata"]["uid"]:
                continue
            other = seen.obj
            if not other["metadata"].get("deletionTimestamp") and isinstance(other.get("spec"), dict):
                found |= hook_urls(other["spec"])
        return sorted(found & urls)


def _with(desired: Desired, condition: Condition) -> Desired:
    """Another condition in the place of the one of this type."""
    others = tuple(other for other in desired.conditions if other.type != condition.type)
    return replace(desired, conditions=(*others, condition))


def _reason(kind: str, refused: ChildRefused) -> str:
    if kind == names.EVENT_BUS:
        return f"JetStream{refused.kind}Failed"
    return f"{'Update' if refused.made else 'Create'}{refused.kind}Failed"
