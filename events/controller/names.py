"""Names, labels and annotations of what the controller makes; those of the reference, where others may rely on them (spec §5.4). Pure."""

from __future__ import annotations

import hashlib
import re
from typing import Any, NamedTuple

from events.models.base import Finding

__all__ = [
    "API_VERSION",
    "APPLIED",
    "EVENT_BUS",
    "EVENT_SOURCE",
    "FINALIZERS",
    "LEASE",
    "MANAGED",
    "MANAGER",
    "REPLICAS",
    "SENSOR",
    "SPEC_HASH",
    "Key",
    "bus_object",
    "bus_secrets",
    "is_left_behind",
    "label_value",
    "labels",
    "owner_reference",
    "selector",
    "unfit",
    "unfit_for_service",
    "volume_name",
]

API_VERSION = "argoproj.io/v1alpha1"
EVENT_BUS, EVENT_SOURCE, SENSOR = "EventBus", "EventSource", "Sensor"

MANAGER = "pointsman-controller"
"""Field manager of all that we apply."""

LEASE = "pointsman-controller"

MANAGED = ("app.kubernetes.io/managed-by", "pointsman-controller")
"""The label by which we find again what we made."""

APPLIED = "pointsman/applied-hash"
"""Annotation: what of an object we wished for when we wrote it last."""

SPEC_HASH = "pointsman/spec-hash"
"""Annotation of a pod: what its files say. Another value is another pod."""

REPLICAS = "pointsman/replicas"
"""Annotation of a StatefulSet: how many servers it was made for, whatever somebody scales it to."""

FINALIZERS = {EVENT_BUS: "eventbus-controller", EVENT_SOURCE: "eventsource-controller", SENSOR: "sensor-controller"}

_MAX_LABEL = 63
_SERVICE = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")

_LONGEST = {EVENT_BUS: 40, EVENT_SOURCE: 230, SENSOR: 235}
"""Characters. The servers of a bus carry the label ``eventbus-<name>-js-<hash>``, which has 63 at most; the pods of the others are made by a
ReplicaSet ``<name>-eventsource-<hash>`` or ``<name>-sensor-<hash>``, whose name has 253. Hashes have ten."""


class Key(NamedTuple):
    """An object of ours or of a user's, by kind, namespace and name."""

    kind: str
    namespace: str
    name: str

    @property
    def title(self) -> str:
        """As in ``kubectl``'s messages."""
        return f"{self.kind} {self.namespace}/{self.name}"


def selector(kind: str, name: str) -> dict[str, str]:
    """The three labels of the reference that select the pods of an object; never changed, as selectors cannot be."""
    word = kind.lower()
    return {"controller": f"{word}-controller", f"{word}-name": label_value(name), "owner-name": label_value(name)}


def labels(kind: str, name: str, inherited: dict[str, str] | None = None) -> dict[str, str]:
    """Labels of a child: those of its object, overridden by ours."""
    return {**(inherited or {}), **selector(kind, name), MANAGED[0]: MANAGED[1]}


def label_value(name: str) -> str:
    """A name as value of a label: as it is where it is short enough, else cut, with a hash that keeps it apart."""
    return name if len(name) <= _MAX_LABEL else f"{name[:52].rstrip('-.')}-{_digest(name)}"


def volume_name(prefix: str, name: str) -> str:
    """A volume's name, which is a DNS label of at most 63 characters, for a Secret or ConfigMap."""
    plain = f"{prefix}-{name}"
    label = plain.replace("_", "-").replace(".", "-")
    return label if label == plain and len(label) <= _MAX_LABEL else f"{label[:52].rstrip('-')}-{_digest(name)}"


def unfit(kind: str, name: str) -> Finding | None:
    """Why nothing can be made for an object of this kind and name, although the API server has taken it."""
    longest = _LONGEST[kind]
    if len(name) > longest:
        return _unfit(f"may have {longest} characters, not {len(name)}: what is made for it has longer names")
    if kind == EVENT_BUS and "." in name:
        return _unfit("must have no dot: a Service is named after it")
    return None


def unfit_for_service(name: str) -> Finding | None:
    """Why an EventSource of this name can have no Service (RFC 1035)."""
    service = f"{name}-eventsource-svc"
    if len(service) > _MAX_LABEL:
        longest = _MAX_LABEL - len(service) + len(name)
        return _unfit(f"may have {longest} characters, not {len(name)}: its Service has a longer name")
    if not _SERVICE.fullmatch(service):
        return _unfit("must begin with a letter and have no dot: its Service is named after it")
    return None


def _unfit(why: str) -> Finding:
    return Finding("error", "metadata.name", why, "choose another name")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def owner_reference(obj: dict[str, Any]) -> dict[str, Any]:
    """The object as controlling owner of its children: they are removed with it."""
    return {
        "apiVersion": API_VERSION,
        "kind": obj["kind"],
        "name": obj["metadata"]["name"],
        "uid": obj["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def is_left_behind(obj: dict[str, Any]) -> bool:
    """Whether we made it for an object that was deleted without it (``--cascade=orphan``): nobody owns it now."""
    metadata = obj["metadata"]
    ours = (metadata.get("labels") or {}).get(MANAGED[0]) == MANAGED[1]
    return ours and not any(reference.get("controller") for reference in metadata.get("ownerReferences") or ())


def bus_object(name: str, suffix: str = "") -> str:
    """``eventbus-<name>-js``, and what hangs on it (``-svc``, ``-config``, ``-vol``)."""
    return f"eventbus-{name}-js{suffix}"


def bus_secrets(name: str) -> tuple[str, str]:
    """The Secrets of a bus: of its servers, and of its clients."""
    return bus_object(name, "-server"), bus_object(name, "-client-auth")
