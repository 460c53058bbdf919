"""What the service account of a Sensor must be allowed, by what its triggers do. Pure.

``create`` needs ``get`` as well: of a name that is taken it is looked up whether it is there for the same event.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from events.errors import SpecError
from events.models.base import Finding, decode
from events.models.sensor import Sensor, Trigger, TriggerParameter
from sensor.artifacts import resource_text
from sensor.triggers import chosen
from sensor.triggers._objects import CLUSTER_SCOPED
from sensor.triggers.specs import ArgoWorkflowConfig, K8sConfig
from sensor.validation import all_triggers

__all__ = ["Right", "Rights", "plural", "rights_of"]

ARGO = "argoproj.io"

_CREATE = ("create", "get")
_K8S = {
    "": _CREATE,
    "create": _CREATE,
    "update": ("create", "get", "update"),
    "patch": ("create", "get", "patch"),
    "delete": ("delete", "get"),
}
"""By operation: update and patch create what is not there (spec §2.1)."""

_PLURALS = {
    "Endpoints": "endpoints",
    "EventBus": "eventbus",
    "Ingress": "ingresses",
    "IngressClass": "ingressclasses",
    "NetworkPolicy": "networkpolicies",
    "PriorityClass": "priorityclasses",
    "ResourceQuota": "resourcequotas",
    "RuntimeClass": "runtimeclasses",
    "StorageClass": "storageclasses",
    **{
        kind: f"{kind.lower()}s"
        for kind in (
            "AnalysisRun", "AnalysisTemplate", "Application", "AppProject", "Certificate", "ClusterRole", "ClusterRoleBinding",
            "ClusterWorkflowTemplate", "ConfigMap", "ControllerRevision", "CronJob", "CronWorkflow", "CustomResourceDefinition",
            "DaemonSet", "Deployment", "Event", "EventSource", "Gateway", "HorizontalPodAutoscaler", "HTTPRoute", "Job", "Lease",
            "LimitRange", "Namespace", "Node", "PersistentVolume", "PersistentVolumeClaim", "PipelineRun", "Pod",
            "PodDisruptionBudget", "ReplicaSet", "ReplicationController", "Role", "RoleBinding", "Rollout", "Secret", "Sensor",
            "Service", "ServiceAccount", "StatefulSet", "TaskRun", "VolumeSnapshot", "Workflow", "WorkflowEventBinding",
            "WorkflowTemplate",
        )
    },
}  # fmt: skip
"""Kinds whose plural is known; others are guessed, as the reference does it."""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """A verb on a resource of an API group (empty: the core) in a namespace (empty: the resource is of the cluster)."""

    namespace: str
    group: str
    resource: str
    verb: str


@dataclass(frozen=True, slots=True)
class Rights:
    """What an account needs, and what cannot be known from the manifest."""

    account: str
    rights: frozenset[Right] = frozenset()
    notes: list[Finding] = field(default_factory=list)


def rights_of(sensor: Sensor, namespace: str) -> Rights:
    """The rights that a Sensor of this namespace needs."""
    account = (sensor.spec.template.service_account_name if sensor.spec.template else "") or "default"
    notes: list[Finding] = []
    rights = {
        right
        for trigger, path in all_triggers(sensor)
        for right in _of_trigger(trigger, namespace, f"{path}.template", notes)
    }
    if rights and account == "default":
        text = "every pod of the namespace that names no account would have these rights"
        notes.append(Finding("note", "spec.template.serviceAccountName", text, "name an account of the Sensor's own"))
    return Rights(account, frozenset(rights), notes)


def plural(kind: str) -> tuple[str, bool]:
    """The resource of a kind, and whether that is known; else it is guessed by the rules of English."""
    if kind in _PLURALS:
        return _PLURALS[kind], True
    word = kind.lower()
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return f"{word}es", False
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies", False
    return f"{word}s", False


def _of_trigger(trigger: Trigger, namespace: str, path: str, notes: list[Finding]) -> Iterator[Right]:
    found = chosen(trigger.template) if trigger.template is not None else None
    if found is None or found[0] not in ("argoWorkflow", "k8s"):
        return
    kind, raw = found
    path = f"{path}.{kind}"
    model: type[ArgoWorkflowConfig | K8sConfig] = ArgoWorkflowConfig if kind == "argoWorkflow" else K8sConfig
    config, wrong = decode(model, raw, path)
    notes += wrong
    if config is None:
        return
    try:
        obj = orjson.loads(resource_text(config.source, f"{path}.source"))
    except SpecError as error:
        text = f"the rights for this trigger cannot be known: {error.message}"
        notes.append(Finding("warning", error.path, text, error.hint))
        return
    target = _metadata(obj).get("namespace") or namespace
    notes += _changed_by_events(trigger, config.parameters, kind, path)
    if isinstance(config, ArgoWorkflowConfig):
        if config.operation in ("", "submit"):
            yield from (Right(target, ARGO, "workflows", verb) for verb in _CREATE)
        else:
            text = f"operation '{config.operation}' is not built yet: what it needs is not known"
            notes.append(Finding("warning", f"{path}.operation", text))
        return
    word = str(obj.get("kind"))
    resource, known = plural(word)
    if not known:
        text = f"'{resource}' is a guess at what the cluster calls {word}"
        notes.append(Finding("warning", f"{path}.source", text, "compare with `kubectl api-resources`"))
    group, slash, _ = str(obj.get("apiVersion", "")).rpartition("/")
    where = "" if word in CLUSTER_SCOPED else target
    yield from (Right(where, group if slash else "", resource, verb) for verb in _K8S.get(config.operation, ()))


def _metadata(obj: Any) -> dict[str, Any]:
    metadata = obj.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


_DECISIVE = ("metadata.namespace", "kind", "apiVersion")


def _changed_by_events(trigger: Trigger, parameters: list[TriggerParameter], kind: str, path: str) -> Iterator[Finding]:
    """What an event may change of where and what is created."""
    before = f"{kind}.source.resource."
    written = [p.dest for p in parameters]
    written += [p.dest.removeprefix(before) for p in trigger.parameters if p.dest.startswith(before)]
    for dest in written:
        if dest in _DECISIVE:
            text = f"an event decides over {dest}: the rights below are for what the manifest says"
            yield Finding("warning", f"{path}.parameters", text, "grant what it may become by hand")
