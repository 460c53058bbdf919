"""The status of an object: what is to be written, and which Kubernetes Events tell of it. Pure (spec §5.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from events.controller import names
from events.controller.conditions import Condition, cut, merged
from events.controller.desired import Bus
from events.controller.diff import merge_patch
from events.controller.eventbus import is_native

__all__ = ["bus_of", "bus_state", "failures", "news", "owner_of", "status_patch"]

Json = dict[str, Any]

_OURS = ("conditions", "observedGeneration", "config")


def status_patch(obj: Json, conditions: Iterable[Condition], extra: Mapping[str, Any], at: str) -> Json:
    """The patch of the status; empty when it says all of it already. Fields of others stay, and what the processes said."""
    before = _dict(obj.get("status"))
    generation = obj["metadata"].get("generation", 0)
    after = {
        "conditions": merged(before.get("conditions"), conditions, generation, at),
        "observedGeneration": generation,
        **extra,
    }
    return merge_patch({name: before[name] for name in _OURS if name in before}, after)


def news(obj: Json, conditions: Iterable[Condition]) -> list[Condition]:
    """The refusals that the status does not tell yet."""
    known = _conditions(_dict(obj.get("status")))
    told = {(c.get("type"), c.get("reason"), c.get("message")) for c in known}
    return [c for c in conditions if c.status == "False" and (c.type, c.reason, cut(c.message)) not in told]


def bus_state(name: str, obj: Json | None) -> Bus:
    """What an EventSource or Sensor knows of its bus."""
    if obj is None:
        return Bus(name, reason="EventBusNotFound", message=f"EventBus not found: there is no EventBus '{name}' here.")
    status = _dict(obj.get("status"))
    conditions = _conditions(status)
    wrong = [c for c in conditions if c.get("status") != "True"]
    config = status.get("config")
    if wrong or not conditions or not isinstance(config, dict):
        why = "; ".join(f"{c.get('type')}: {c.get('message') or c.get('reason') or '?'}" for c in wrong)
        text = f"EventBus not ready. {why}" if why else "EventBus not ready."
        return Bus(name, reason="EventBusNotReady", message=text)
    return Bus(name, config=config, ours=is_native(obj))


def bus_of(obj: Json) -> str:
    """The name of the bus of an EventSource or Sensor."""
    spec = obj.get("spec")
    name = spec.get("eventBusName") if isinstance(spec, dict) else None
    return name if isinstance(name, str) and name else "default"


def owner_of(child: Json) -> tuple[str, str, str]:
    """Kind, name and uid of the object that a child belongs to; empty texts when it belongs to none of ours."""
    for reference in child["metadata"].get("ownerReferences") or ():
        if reference.get("controller") and reference.get("kind") in names.FINALIZERS:
            return reference["kind"], reference["name"], reference["uid"]
    return "", "", ""


def failures(workload: Json) -> list[str]:
    """Why the pods of a Deployment or StatefulSet cannot be made or do not start, in the words of Kubernetes."""
    status = _dict(workload.get("status"))
    if workload["kind"] == "StatefulSet":  # has no conditions
        metadata, wanted, made = workload["metadata"], workload["spec"].get("replicas", 1), status.get("replicas", 0)
        if status.get("observedGeneration") != metadata.get("generation") or made >= wanted:
            return []
        return [f"{made} of {wanted} pods are there (kubectl describe statefulset {metadata['name']} says why)"]
    wrong = {"ReplicaFailure": "True", "Progressing": "False"}
    found = (c for c in _conditions(status) if wrong.get(str(c.get("type"))) == c.get("status"))
    return [str(c.get("message") or c.get("reason")) for c in found]


def _dict(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _conditions(status: Json) -> list[Json]:
    found = status.get("conditions")
    return [c for c in found if isinstance(c, dict)] if isinstance(found, list) else []
