"""Every request that the controller makes of an API server, by resource and verb: its RBAC is made from this, and tests compare the two. Pure."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ACCESS", "CLUSTER_ACCESS", "LEASE_ACCESS", "Access"]


class Access(NamedTuple):
    """Verbs on a resource of an API group (empty: the core), and what for."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    reason: str


_READ = ("get", "list", "watch")
_APPLY = ("create", "delete", "get", "list", "patch", "watch")

ACCESS = (
    Access("argoproj.io", "eventbus", ("get", "list", "patch", "watch"), "read; patch: their finalizer"),
    Access("argoproj.io", "eventsources", ("get", "list", "patch", "watch"), "read; patch: finalizers of Argo Events"),
    Access("argoproj.io", "sensors", ("get", "list", "patch", "watch"), "read; patch: finalizers of Argo Events"),
    Access("argoproj.io", "eventbus/finalizers", ("update",), "owner references that block deletion"),
    Access("argoproj.io", "eventsources/finalizers", ("update",), "owner references that block deletion"),
    Access("argoproj.io", "sensors/finalizers", ("update",), "owner references that block deletion"),
    Access("argoproj.io", "eventbus/status", ("patch",), "their status"),
    Access("argoproj.io", "eventsources/status", ("patch",), "their status"),
    Access("argoproj.io", "sensors/status", ("patch",), "their status"),
    Access("apps", "deployments", _APPLY, "EventSources and Sensors"),
    Access("apps", "statefulsets", _APPLY, "EventBuses"),
    Access("", "services", _APPLY, "EventSources and EventBuses"),
    Access("", "configmaps", _APPLY, "specifications, and the configuration of NATS"),
    Access("", "secrets", ("create", "get", "patch"), "credentials of EventBuses; keys of those that manifests name"),
    Access("", "persistentvolumeclaims", ("delete", "list"), "the volumes of an EventBus that was deleted"),
    Access("", "pods", ("list",), "their addresses, to ask for their state"),
    Access("batch", "jobs", ("create", "get"), "the end of an EventSource with deleteHookOnFinish"),
    Access("", "events", ("create",), "refusals"),
)
"""In each namespace that is looked after."""

CLUSTER_ACCESS = (Access("", "namespaces", ("list", "watch"), "--namespace-selector"),)
"""In the whole cluster, with ``--namespace-selector`` only."""

LEASE_ACCESS = (Access("coordination.k8s.io", "leases", ("create", "get", "update"), "which replica works"),)
"""In the controller's own namespace."""
