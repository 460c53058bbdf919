"""Which fields of a pod template are passed on, and which values of them (spec §0.7). Pure.

The rule is a list of what is allowed. Fields of a Pod that are not on it are refused by name, for what they would do is not what their author
sees; values are refused where a namespace that enforces the Pod Security Standard `restricted` would refuse the pod. Names that Kubernetes does
not know are ignored, as in the reference. https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from events.models.base import Finding, describe

__all__ = ["CONTAINER_FIELDS", "POD_FIELDS", "check_container", "check_container_security", "check_pod"]

POD_FIELDS = (
    "metadata", "serviceAccountName", "container", "volumes", "securityContext", "nodeSelector", "tolerations",
    "imagePullSecrets", "priorityClassName", "priority", "affinity",
)  # fmt: skip
CONTAINER_FIELDS = ("resources", "imagePullPolicy", "securityContext", "volumeMounts", "env", "envFrom")

_OTHER_POD_FIELDS = (
    "activeDeadlineSeconds", "automountServiceAccountToken", "containers", "dnsConfig", "dnsPolicy", "enableServiceLinks",
    "ephemeralContainers", "hostAliases", "hostIPC", "hostNetwork", "hostPID", "hostUsers", "hostname", "hostnameOverride",
    "initContainers", "nodeName", "os", "overhead", "preemptionPolicy", "readinessGates", "resourceClaims", "resources",
    "restartPolicy", "runtimeClassName", "schedulerName", "schedulingGates", "serviceAccount", "setHostnameAsFQDN",
    "shareProcessNamespace", "subdomain", "terminationGracePeriodSeconds", "topologySpreadConstraints",
)  # fmt: skip
_OTHER_CONTAINER_FIELDS = (
    "args", "command", "image", "lifecycle", "livenessProbe", "ports", "readinessProbe", "resizePolicy", "restartPolicy",
    "restartPolicyRules", "startupProbe", "stdin", "stdinOnce", "terminationMessagePath", "terminationMessagePolicy", "tty", "volumeDevices",
    "workingDir",
)  # fmt: skip

_TRUE_WHEN_ABSENT = ("automountServiceAccountToken", "hostUsers")
"""Where ``false`` asks for something, too, which our pods would not do."""

_VOLUMES = (
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
)  # fmt: skip
_CAPABILITIES = ("NET_BIND_SERVICE",)
_SELINUX_TYPES = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_SYSCTLS = (
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
)  # fmt: skip
_PROFILES = (
    "container.apparmor.security.beta.kubernetes.io/", "container.seccomp.security.alpha.kubernetes.io/",
    "seccomp.security.alpha.kubernetes.io/pod",
)  # fmt: skip
"""Annotations that were fields before; those of seccomp count no more, but must agree with the fields."""


def check_pod(template: Mapping[str, Any], path: str, *, container: str = "container") -> list[Finding]:
    """What is refused of a pod template; empty when all of it arrives. ``container``: the field of its container's template."""
    return [*_pod(template, path), *check_container(_dict(template.get(container)), f"{path}.{container}")]


def check_container(container: Mapping[str, Any], path: str) -> list[Finding]:
    """What is refused of the template of a container."""
    found = list(_others(container, _OTHER_CONTAINER_FIELDS, path))
    return [*found, *check_container_security(_dict(container.get("securityContext")), f"{path}.securityContext")]


def _pod(template: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from _others(template, _OTHER_POD_FIELDS, path)
    annotations = _dict(_dict(template.get("metadata")).get("annotations"))
    for name, value in annotations.items():
        if (
            name.startswith(_PROFILES)
            and value not in ("", "runtime/default")
            and not str(value).startswith("localhost/")
        ):
            yield _refused(f"{path}.metadata.annotations[{name}]", value)
    for index, volume in enumerate(_list(template.get("volumes"))):
        for source, said in _dict(volume).items():
            if source not in ("name", *_VOLUMES) and said is not None:
                text = f"volumes of type {source} are not allowed here"
                yield Finding("error", f"{path}.volumes[{index}].{source}", text, f"allowed: {', '.join(_VOLUMES)}")
    security = _dict(template.get("securityContext"))
    # What only a container has would be left out; who asks for it here is told no, too.
    yield from check_container_security(security, f"{path}.securityContext")
    for index, sysctl in enumerate(_list(security.get("sysctls"))):
        wanted = _dict(sysctl).get("name")
        if wanted not in _SYSCTLS:
            yield _refused(f"{path}.securityContext.sysctls[{index}].name", wanted)


def check_container_security(security: Mapping[str, Any], path: str) -> list[Finding]:
    """What is refused of the security context of a container."""
    found = list(_security(security, path))
    for name in ("privileged", "allowPrivilegeEscalation"):
        if security.get(name):
            found.append(_refused(f"{path}.{name}", security[name]))
    if security.get("procMount") not in (None, "", "Default"):
        found.append(_refused(f"{path}.procMount", security["procMount"]))
    capabilities = security.get("capabilities")
    if not isinstance(capabilities, dict | None):
        found.append(Finding("error", f"{path}.capabilities", "must be a mapping with 'add' and 'drop'"))
    for name in ("add", "drop"):
        given = _dict(capabilities).get(name)
        if given is not None and not (isinstance(given, list) and all(isinstance(item, str) for item in given)):
            found.append(Finding("error", f"{path}.capabilities.{name}", "must be a list of names"))
    for index, capability in enumerate(_list(_dict(capabilities).get("add"))):
        if capability not in _CAPABILITIES:
            found.append(_refused(f"{path}.capabilities.add[{index}]", capability))
    return found


def _security(security: Mapping[str, Any], path: str) -> Iterator[Finding]:
    """What the security contexts of pods and containers share."""
    if security.get("runAsNonRoot") is False:
        yield _refused(f"{path}.runAsNonRoot", False)
    if security.get("runAsUser") == 0:
        yield _refused(f"{path}.runAsUser", 0)
    seccomp = _dict(security.get("seccompProfile"))
    if seccomp and seccomp.get("type") not in ("RuntimeDefault", "Localhost"):
        yield _refused(f"{path}.seccompProfile.type", seccomp.get("type"))
    apparmor = _dict(security.get("appArmorProfile"))
    if apparmor and apparmor.get("type") not in ("RuntimeDefault", "Localhost"):
        yield _refused(f"{path}.appArmorProfile.type", apparmor.get("type"))
    selinux = _dict(security.get("seLinuxOptions"))
    if (selinux.get("type") or "") not in _SELINUX_TYPES:
        yield _refused(f"{path}.seLinuxOptions.type", selinux["type"])
    for name in ("user", "role"):
        if selinux.get(name):
            yield _refused(f"{path}.seLinuxOptions.{name}", selinux[name])
    if _dict(security.get("windowsOptions")).get("hostProcess"):
        yield _refused(f"{path}.windowsOptions.hostProcess", True)


def _others(given: Mapping[str, Any], names: tuple[str, ...], path: str) -> Iterator[Finding]:
    """Fields that Kubernetes has and that are not passed on, where they say anything."""
    for name in names:
        value = given.get(name)
        if name in _TRUE_WHEN_ABSENT if value is False else value not in (None, "", [], {}):
            yield Finding("error", f"{path}.{name}", "this field of a pod is not passed on", "leave it out")


def _refused(path: str, value: Any) -> Finding:
    return Finding("error", path, f"must not be {describe(value)}", "the Pod Security Standard 'restricted' forbids it")


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
