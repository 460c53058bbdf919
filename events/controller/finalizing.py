"""The end of an object: an EventBus goes when nobody is on it any more, and its volumes go with it (spec §5.2). Shell."""

from __future__ import annotations

from events.controller import names
from events.controller.conditions import Condition, false
from events.controller.desired import Json
from events.controller.names import selector
from events.errors import Refused
from events.kube.control import Control, Selection

__all__ = ["add_finalizer", "connected", "release"]


def connected(sources: int, sensors: int) -> Condition | None:
    """Why an EventBus cannot be deleted yet, in the words of the reference."""
    for count, kind in ((sources, "EventSources"), (sensors, "Sensors")):
        if count:
            text = f"Can not delete an EventBus with {count} {kind} connected."
            return false("Deployed", "EventBusInUse", text)
    return None


async def add_finalizer(control: Control, obj: Json) -> Json | None:
    """So that it stays until we are done with it; returns it, when it had no finalizer of ours before."""
    ours, given = names.FINALIZERS[obj["kind"]], obj["metadata"].get("finalizers") or []
    return None if ours in given else await _write(control, obj, [*given, ours])


async def release(control: Control, obj: Json) -> None:
    """Let it go; of an EventBus remove the volumes first, which Kubernetes keeps until their pods are gone."""
    ours, given = names.FINALIZERS[obj["kind"]], obj["metadata"].get("finalizers") or []
    if ours not in given:
        return
    if obj["kind"] == names.EVENT_BUS:
        metadata = obj["metadata"]
        labels = ",".join(f"{name}={value}" for name, value in selector(obj["kind"], metadata["name"]).items())
        for claim in await control.find(Selection("v1", "PersistentVolumeClaim", metadata["namespace"], labels)):
            await control.delete(claim, uid=claim["metadata"]["uid"])
    try:
        await _write(control, obj, [name for name in given if name != ours])
    except Refused as error:
        if error.status != 404:
            raise


async def _write(control: Control, obj: Json, finalizers: list[str]) -> Json:
    version = obj["metadata"]["resourceVersion"]
    return await control.patch(obj, {"metadata": {"finalizers": finalizers, "resourceVersion": version}})
