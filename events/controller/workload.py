"""The Deployment and the ConfigMap of an EventSource or Sensor (spec §5.4). Pure.

The specification reaches the process as a mounted file, since an environment variable ends at 128 KiB. A change of what the process reads
changes an annotation of its pod, and so rolls the pods; a change of the number of replicas does not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from events.controller import names
from events.controller.desired import Bus, Json
from events.controller.judging import Judgement, Reference
from events.controller.names import labels, selector, volume_name
from events.controller.pods import DEFAULT_ACCOUNT, check_template, container_security, merged_pod, pod_security
from events.controller.settings import Settings
from events.models.base import Finding

__all__ = ["Workload", "child", "workload"]

PORT = 7777
_ROLES = {names.EVENT_SOURCE: "eventsource", names.SENSOR: "sensor"}
_NOT_READ = ("replicas", "template", "service", "revisionHistoryLimit")
"""Fields of a specification that are about the pods, not for them."""

_SECRETS = "/argo-events/secrets"
_CONFIG_MAPS = "/argo-events/config"
_FILES = "/etc/pointsman"
_STATE = "/var/lib/pointsman"
_GRACE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Workload:
    """The objects that run something, or why they cannot be made."""

    children: tuple[Json, ...] = ()
    findings: tuple[Finding, ...] = ()


def workload(obj: Json, bus: Bus, judgement: Judgement, settings: Settings) -> Workload:
    """ConfigMap and Deployment of an EventSource or Sensor on its bus."""
    kind, name = obj["kind"], obj["metadata"]["name"]
    if unfit := names.unfit(kind, name):
        return Workload(findings=(unfit,))
    role, spec = _ROLES[kind], obj["spec"]
    files = _files(obj, bus)
    version = files["hash"]
    config_map = f"{name}-{role}-spec"
    volumes, mounts = _volumes(config_map, bus.config or {}, judgement.references)
    container = _container(role, version, settings, mounts)
    template = spec.get("template") or {}
    findings = check_template(template, container, volumes, "spec.template")
    if findings:
        return Workload(findings=tuple(findings))
    pod = merged_pod(
        template,
        {
            "labels": {**selector(kind, name), names.MANAGED[0]: names.MANAGED[1]},
            "annotations": {names.SPEC_HASH: version},
        },
        {
            "serviceAccountName": DEFAULT_ACCOUNT,
            "automountServiceAccountToken": judgement.needs_token,
            "enableServiceLinks": False,  # their variables would grow with each Service of the namespace
            "terminationGracePeriodSeconds": _GRACE_SECONDS,
            "securityContext": pod_security(
                template.get("securityContext"), settings.user, low_ports=judgement.low_ports
            ),
        },
        container,
        volumes,
    )
    deployment = child(
        obj, "apps/v1", "Deployment", f"{name}-{role}", spec=_deployment(kind, name, spec, pod, judgement)
    )
    return Workload((child(obj, "v1", "ConfigMap", config_map, data=files), deployment))


def _deployment(kind: str, name: str, spec: Json, pod: Json, judgement: Judgement) -> Json:
    rolling: Json = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    deployment: Json = {
        "selector": {"matchLabels": selector(kind, name)},
        "strategy": {"type": "Recreate"} if judgement.alone else rolling,
        "template": pod,
    }
    if spec.get("replicas") is not None:  # else an autoscaler may choose
        deployment["replicas"] = max(1, spec["replicas"])  # as the reference
    if kind == names.SENSOR and spec.get("revisionHistoryLimit") is not None:  # EventSources have no such field
        deployment["revisionHistoryLimit"] = spec["revisionHistoryLimit"]
    return deployment


def _container(role: str, version: str, settings: Settings, mounts: list[Json]) -> Json:
    container: Json = {
        "name": "main",
        "image": settings.image,
        "args": [role],
        "env": [
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
            {
                "name": "POD_NAMESPACE",
                "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
            },
            {"name": "POINTSMAN_STATE", "value": _STATE},
            {"name": "POINTSMAN_SPEC_HASH", "value": version},  # it waits until the files say so
            {"name": "LOG_LEVEL", "value": settings.log_level},
        ],
        "ports": [{"name": "metrics", "containerPort": PORT, "protocol": "TCP"}],
        "livenessProbe": _probe("/livez", initialDelaySeconds=10, periodSeconds=10, failureThreshold=6),
        "readinessProbe": _probe("/readyz", periodSeconds=5, failureThreshold=2),
        "securityContext": container_security(),
        "volumeMounts": mounts,
    }
    if settings.pull_policy:
        container["imagePullPolicy"] = settings.pull_policy
    return container


def _probe(path: str, **times: int) -> Json:
    return {"httpGet": {"path": path, "port": PORT, "scheme": "HTTP"}, "timeoutSeconds": 5, **times}


def _volumes(config_map: str, bus: Json, references: Sequence[Reference]) -> tuple[list[Json], list[Json]]:
    """Volumes and where they are mounted: each Secret and ConfigMap once, whoever names it."""
    volumes: list[Json] = [
        {"name": "tmp", "emptyDir": {}},
        {"name": "pointsman-state", "emptyDir": {}},
        {"name": "pointsman-spec", "configMap": {"name": config_map}},
    ]
    mounts: list[Json] = [
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own
        {"name": "pointsman-state", "mountPath": _STATE},
        {"name": "pointsman-spec", "mountPath": _FILES, "readOnly": True},
    ]

    def mount(volume: str, path: str, source: Json) -> None:
        volumes.append({"name": volume, **source})
        mounts.append({"name": volume, "mountPath": path, "readOnly": True})

    config = bus.get("jetstream") or {}
    access = config.get("accessSecret") or {}
    if access.get("name"):
        item = {"key": access.get("key", ""), "path": "auth.yaml"}
        mount("auth-volume", "/etc/eventbus/auth", {"secret": {"secretName": access["name"], "items": [item]}})
    tls = (config.get("tls") or {}).values()
    of_bus = [s["name"] for s in (access, *tls) if isinstance(s, dict) and s.get("name")]
    of_spec = [r.name for r in references if r.kind == "Secret"]
    for name in sorted({*of_bus, *of_spec}):
        source: Json = {"secretName": name}
        if name not in of_bus and _optional("Secret", name, references):
            source["optional"] = True
        mount(volume_name("secret", name), f"{_SECRETS}/{name}", {"secret": source})
    for name in sorted({r.name for r in references if r.kind == "ConfigMap"}):
        source = {"name": name}
        if _optional("ConfigMap", name, references):
            source["optional"] = True
        mount(volume_name("cm", name), f"{_CONFIG_MAPS}/{name}", {"configMap": source})
    return volumes, mounts


def _optional(kind: str, name: str, references: Sequence[Reference]) -> bool:
    """Whether nobody who names it needs it."""
    return all(r.optional for r in references if (r.kind, r.name) == (kind, name))


def _files(obj: Json, bus: Bus) -> dict[str, str]:
    """What the process reads; ``hash`` is that of all that makes it another process."""
    metadata = obj["metadata"]
    read = {
        "apiVersion": names.API_VERSION,
        "kind": obj["kind"],
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata.get("uid", ""),
            "generation": metadata.get("generation", 0),
        },
        "spec": obj["spec"],
    }
    way = orjson.dumps({"name": bus.name, "ours": bus.ours, "config": bus.config}).decode()
    return {"object.json": orjson.dumps(read).decode(), "bus.json": way, "hash": _hash(obj["spec"], way)}


def _hash(spec: Json, bus: str) -> str:
    read = {name: value for name, value in spec.items() if name not in _NOT_READ}
    return hashlib.sha256(orjson.dumps(read, option=orjson.OPT_SORT_KEYS) + bus.encode()).hexdigest()[:16]


def child(obj: Json, api_version: str, kind: str, name: str, **content: object) -> Json:
    """An object that belongs to another one, and goes with it."""
    metadata = obj["metadata"]
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": labels(obj["kind"], metadata["name"], metadata.get("labels")),
            "ownerReferences": [names.owner_reference(obj)],
        },
        **content,
    }
