"""The pods that we make: our pod, with what a template may add to it (spec §0.7, §5.4). Pure.

``restricted`` has looked at the template before. What it lets pass arrives unchanged, beside our volumes and variables, and over our defaults.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from events.controller.restricted import check_pod
from events.models.base import Finding

__all__ = ["DEFAULT_ACCOUNT", "check_template", "container_security", "merged_pod", "passed", "pod_security"]

Json = dict[str, Any]

DEFAULT_ACCOUNT = "default"
"""That of pods that name none. It is named, since an account that is no longer applied would stay: a pod has it in a second, older field, too."""

_PASSED = (
    "serviceAccountName", "nodeSelector", "tolerations", "imagePullSecrets", "priorityClassName", "priority", "affinity",
)  # fmt: skip


_LOWEST_PORT = {"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}


def container_security(given: Mapping[str, Any] | None = None) -> Json:
    """The security context of a container: no privileges, nothing to write on but volumes."""
    security = _present(given)
    capabilities = _present(security.pop("capabilities", None))
    dropped = [name for name in capabilities.get("drop") or [] if name != "ALL"]
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        **security,
        "capabilities": {**capabilities, "drop": ["ALL", *dropped]},
    }


def pod_security(given: Mapping[str, Any] | None, user: int, *, low_ports: bool = False) -> Json:
    """The security context of a pod, whose processes are this user's. ``low_ports``: they may listen on any port of the pod."""
    ours = {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    security = {**ours, **_present(given)}
    sysctls = security.get("sysctls", [])
    if low_ports and isinstance(sysctls, list):
        named = [item.get("name") for item in sysctls if isinstance(item, dict)]
        security["sysctls"] = sysctls if _LOWEST_PORT["name"] in named else [*sysctls, _LOWEST_PORT]
    return security


def check_template(template: Mapping[str, Any], container: Json, volumes: Sequence[Json], path: str) -> list[Finding]:
    """What keeps a template from our pod: refused fields, and names and places that ours has already."""
    findings = check_pod(template, path)
    if findings:
        return findings
    for field, key, ours, theirs in (
        ("volumes", "name", volumes, _items(template.get("volumes"))),
        ("container.volumeMounts", "mountPath", container["volumeMounts"], _mounts(template)),
    ):
        taken = {item[key] for item in ours}
        counted = Counter(item.get(key) for item in theirs)
        for index, item in enumerate(theirs):
            value = item.get(key)
            if value in taken or (key == "mountPath" and posixpath.normpath(f"/{str(value).lstrip('/')}") in taken):
                findings.append(Finding("error", f"{path}.{field}[{index}].{key}", f"'{value}' is taken by our own"))
            elif counted[value] > 1:
                findings.append(Finding("error", f"{path}.{field}[{index}].{key}", f"'{value}' is there twice"))
                break
    return findings


def merged_pod(template: Mapping[str, Any], metadata: Json, spec: Json, container: Json, volumes: list[Json]) -> Json:
    """The pod template of a workload: ours, with the fields of the user's template."""
    given = _present(template)
    theirs = _present(given.get("container"))
    merged = {
        **container,
        "securityContext": container_security(theirs.get("securityContext")),
        "env": _variables(container.get("env", []), _items(theirs.get("env"))),
        "volumeMounts": [*container["volumeMounts"], *_mounts(given)],
    }
    for name in ("resources", "imagePullPolicy", "envFrom"):
        if theirs.get(name):
            merged[name] = theirs[name]
    labels = _present(given.get("metadata"))
    return {
        "metadata": {
            "labels": {**(labels.get("labels") or {}), **metadata["labels"]},
            "annotations": {**(labels.get("annotations") or {}), **metadata["annotations"]},
        },
        "spec": {
            **spec,
            **passed(given, _PASSED),
            "containers": [merged],
            "volumes": [*volumes, *_items(given.get("volumes"))],
        },
    }


def passed(given: Mapping[str, Any], names: Sequence[str]) -> Json:
    """The fields of a template that a pod gets as they are; a Secret that is named twice is named once, as no list that is applied may."""
    found = {name: given[name] for name in names if given.get(name) not in (None, "", [], {})}
    if "imagePullSecrets" in found:
        found["imagePullSecrets"] = list(
            {item.get("name"): item for item in _items(found["imagePullSecrets"])}.values()
        )
    return found


def _variables(ours: Sequence[Json], theirs: Sequence[Json]) -> list[Json]:
    """All variables, each once, since no list that is applied may name one twice; those that tell a process who it is are ours."""
    fixed = {item["name"] for item in ours if "valueFrom" in item or item["name"].startswith("POINTSMAN_")}
    chosen: dict[str, Json] = {item["name"]: item for item in ours}
    for item in theirs:
        name = item.get("name", "")
        if name not in fixed:
            chosen.pop(name, None)  # the last one counts, and stands where it stands in the manifest
            chosen[name] = item
    return list(chosen.values())


def _mounts(template: Mapping[str, Any]) -> list[Json]:
    return _items(_present(template.get("container")).get("volumeMounts"))


def _items(given: Sequence[Json | None] | None) -> list[Json]:
    """The items of a list; null is an item that says nothing."""
    return [item or {} for item in given or ()]


def _present(given: Mapping[str, Any] | None) -> Json:
    """The fields that are given; null is absent."""
    return {name: value for name, value in (given or {}).items() if value is not None}
