"""The end of an object: what must be done before it may go (spec §5.2). Shell.

An EventBus goes when nobody is on it any more, and its volumes go with it. An EventSource with ``deleteHookOnFinish`` goes when its hooks are
deleted, or could not be. All else goes at once; its children are collected by Kubernetes.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable

import structlog

from events.controller import names
from events.controller.children import Children
from events.controller.conditions import Condition, false
from events.controller.desired import Json
from events.controller.hook_job import DEADLINE, hook_job, job_name, outcome
from events.controller.names import bus_object, is_left_behind, selector
from events.controller.recorder import Recorder
from events.errors import Refused, Unavailable
from events.kube import AlreadyExists
from events.kube.control import Control, Selection

__all__ = ["add_finalizer", "connected", "delete_hooks", "release"]

log = structlog.get_logger("controller")


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
    if obj["kind"] == names.EVENT_BUS and not await _stays(control, obj):
        for claim in await control.find(_selected("PersistentVolumeClaim", obj)):
            await control.delete(claim, uid=claim["metadata"]["uid"])
    try:
        await _write(control, obj, [name for name in given if name != ours])
    except Refused as error:
        if error.status != 404:
            raise


async def _stays(control: Control, bus: Json) -> bool:
    """Whether the servers of the bus are to outlive it (``--cascade=orphan``): then their volumes are, too."""
    metadata = bus["metadata"]
    if "orphan" in metadata["finalizers"]:
        return True
    made = await control.get("apps/v1", "StatefulSet", metadata["namespace"], bus_object(metadata["name"]))
    return made is not None and is_left_behind(made)


async def delete_hooks(
    control: Control,
    children: Children,
    recorder: Recorder,
    obj: Json,
    workload: tuple[Json, ...],
    kept: Callable[[], Iterable[str]] = tuple,
) -> None:
    """Returns when the hooks of an EventSource are deleted, or cannot be, which is told. Raises Unavailable while that is under way.

    ``workload``: the ConfigMap and the Deployment that run it; ``kept`` gives the URLs of hooks that stay. What the API server refuses is tried again for as long as the forges get, but
    not in a namespace that is being deleted: nothing can be made there any more, and it waits for us.
    """
    try:
        why_not = await _run_job(control, children, obj, workload, kept)
    except Refused as problem:
        if not (problem.status == 422 or "being terminated" in problem.message or _waited(obj)):
            raise
        why_not = problem.message
    if why_not:
        await recorder.warn(obj, "HooksNotDeleted", f"Hooks may be left at the forges: {why_not}")


async def _run_job(
    control: Control, children: Children, obj: Json, workload: tuple[Json, ...], kept: Callable[[], Iterable[str]]
) -> str:
    """Why the Job failed, or nothing. Raises Unavailable until it ended."""
    config_map, deployment = workload
    namespace = obj["metadata"]["namespace"]
    job = await control.get("batch/v1", "Job", namespace, job_name(obj))
    if job is None:
        await children.settle(obj, [config_map])  # no pod may make the hooks again
        if await control.find(_selected("Pod", obj)) and not _waited(obj):  # those of a lost node end never
            raise Unavailable("its pods are still ending", retry_after=1)
        log.info("deleting hooks", namespace=namespace, eventsource=obj["metadata"]["name"])
        try:
            await control.create(hook_job(obj, deployment, kept()))
        except AlreadyExists:
            pass
        raise Unavailable("its hooks are being deleted", retry_after=1)
    why_not = outcome(job, datetime.datetime.now(datetime.UTC))
    if why_not is None:
        raise Unavailable("its hooks are being deleted", retry_after=2)
    return why_not


def _waited(obj: Json) -> bool:
    """Whether its end was asked for so long ago that the hooks must not hold it any longer."""
    asked = datetime.datetime.fromisoformat(obj["metadata"]["deletionTimestamp"])
    return (datetime.datetime.now(datetime.UTC) - asked).total_seconds() > DEADLINE


def _selected(kind: str, obj: Json) -> Selection:
    metadata = obj["metadata"]
    labels = ",".join(f"{name}={value}" for name, value in selector(obj["kind"], metadata["name"]).items())
    return Selection("v1", kind, metadata["namespace"], labels)


async def _write(control: Control, obj: Json, finalizers: list[str]) -> Json:
    version = obj["metadata"]["resourceVersion"]
    return await control.patch(obj, {"metadata": {"finalizers": finalizers, "resourceVersion": version}})
