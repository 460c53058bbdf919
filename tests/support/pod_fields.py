"""Pod templates of EventSources and Sensors: what is refused, by the path of its field, and what is allowed."""

from __future__ import annotations

from typing import Any

__all__ = ["ALLOWED", "REFUSED"]

Json = dict[str, Any]


def _container(**fields: Any) -> Json:
    return {"container": fields}


def _security(**fields: Any) -> Json:
    return {"container": {"securityContext": fields}}


def _pod(**fields: Any) -> Json:
    return {"securityContext": fields}


_VOLUMES = (
    "hostPath", "nfs", "iscsi", "gitRepo", "glusterfs", "rbd", "flexVolume", "cinder", "cephfs", "flocker", "fc", "azureFile",
    "azureDisk", "vsphereVolume", "quobyte", "portworxVolume", "scaleIO", "storageos", "photonPersistentDisk",
    "gcePersistentDisk", "awsElasticBlockStore", "image",
)  # fmt: skip

REFUSED: dict[str, Json] = {
    # What a namespace that enforces `restricted` refuses.
    "spec.template.container.securityContext.privileged": _security(privileged=True),
    "spec.template.container.securityContext.allowPrivilegeEscalation": _security(allowPrivilegeEscalation=True),
    "spec.template.container.securityContext.runAsUser": _security(runAsUser=0),
    "spec.template.container.securityContext.runAsNonRoot": _security(runAsNonRoot=False),
    "spec.template.container.securityContext.procMount": _security(procMount="Unmasked"),
    "spec.template.container.securityContext.seccompProfile.type": _security(seccompProfile={"type": "Unconfined"}),
    "spec.template.container.securityContext.appArmorProfile.type": _security(appArmorProfile={"type": "Unconfined"}),
    "spec.template.container.securityContext.capabilities.add[1]": _security(
        capabilities={"add": ["NET_BIND_SERVICE", "SYS_ADMIN"]}
    ),
    "spec.template.container.securityContext.seLinuxOptions.type": _security(seLinuxOptions={"type": "spc_t"}),
    "spec.template.container.securityContext.seLinuxOptions.user": _security(seLinuxOptions={"user": "root"}),
    "spec.template.container.securityContext.seLinuxOptions.role": _security(seLinuxOptions={"role": "sysadm_r"}),
    "spec.template.container.securityContext.windowsOptions.hostProcess": _security(
        windowsOptions={"hostProcess": True}
    ),
    "spec.template.securityContext.runAsUser": _pod(runAsUser=0),
    "spec.template.securityContext.privileged": _pod(privileged=True),
    "spec.template.securityContext.capabilities.add[0]": _pod(capabilities={"add": ["SYS_ADMIN"]}),
    "spec.template.securityContext.runAsNonRoot": _pod(runAsNonRoot=False),
    "spec.template.securityContext.seccompProfile.type": _pod(seccompProfile={"type": "Unconfined"}),
    "spec.template.securityContext.appArmorProfile.type": _pod(appArmorProfile={"type": "Unconfined"}),
    "spec.template.securityContext.seLinuxOptions.type": _pod(seLinuxOptions={"type": "spc_t"}),
    "spec.template.securityContext.windowsOptions.hostProcess": _pod(windowsOptions={"hostProcess": True}),
    "spec.template.securityContext.sysctls[0].name": _pod(sysctls=[{"name": "kernel.msgmax", "value": "1"}]),
    "spec.template.metadata.annotations[container.apparmor.security.beta.kubernetes.io/main]": {
        "metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/main": "unconfined"}}
    },
    "spec.template.metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]": {
        "metadata": {"annotations": {"seccomp.security.alpha.kubernetes.io/pod": "unconfined"}}
    },
    "spec.template.container.securityContext.capabilities": _security(capabilities="ALL"),
    "spec.template.container.securityContext.capabilities.add": _security(capabilities={"add": "SYS_ADMIN"}),
    "spec.template.container.securityContext.capabilities.drop": _security(capabilities={"drop": [None]}),
    **{f"spec.template.volumes[0].{source}": {"volumes": [{"name": "v", source: {}}]} for source in _VOLUMES},
    # What a pod has, and no template of an EventSource or Sensor.
    "spec.template.hostNetwork": {"hostNetwork": True},
    "spec.template.hostPID": {"hostPID": True},
    "spec.template.hostIPC": {"hostIPC": True},
    "spec.template.hostUsers": {"hostUsers": False},
    "spec.template.hostAliases": {"hostAliases": [{"ip": "127.0.0.1", "hostnames": ["kubernetes"]}]},
    "spec.template.initContainers": {"initContainers": [{"name": "x", "image": "x"}]},
    "spec.template.containers": {"containers": [{"name": "x", "image": "x"}]},
    "spec.template.ephemeralContainers": {"ephemeralContainers": [{"name": "x"}]},
    "spec.template.automountServiceAccountToken": {"automountServiceAccountToken": True},
    "spec.template.terminationGracePeriodSeconds": {"terminationGracePeriodSeconds": 0},
    "spec.template.nodeName": {"nodeName": "master"},
    "spec.template.runtimeClassName": {"runtimeClassName": "runc"},
    "spec.template.schedulerName": {"schedulerName": "mine"},
    "spec.template.shareProcessNamespace": {"shareProcessNamespace": True},
    "spec.template.dnsConfig": {"dnsConfig": {"nameservers": ["1.1.1.1"]}},
    "spec.template.container.image": _container(image="evil"),
    "spec.template.container.command": _container(command=["sh"]),
    "spec.template.container.args": _container(args=["-c"]),
    "spec.template.container.lifecycle": _container(lifecycle={"postStart": {"exec": {"command": ["sh"]}}}),
    "spec.template.container.livenessProbe": _container(livenessProbe={"exec": {"command": ["sh"]}}),
    "spec.template.container.readinessProbe": _container(readinessProbe={"exec": {"command": ["sh"]}}),
    "spec.template.container.startupProbe": _container(startupProbe={"exec": {"command": ["sh"]}}),
    "spec.template.container.ports": _container(ports=[{"containerPort": 1, "hostPort": 1}]),
    "spec.template.container.volumeDevices": _container(volumeDevices=[{"name": "v", "devicePath": "/dev/sda"}]),
    "spec.template.container.workingDir": _container(workingDir="/proc"),
    "spec.template.container.restartPolicyRules": _container(restartPolicyRules=[{"action": "Restart"}]),
    "spec.template.container.tty": _container(tty=True),
}


ALLOWED: list[Json] = [
    {},
    {"hostNetwork": False, "initContainers": [], "nodeName": "", "enableServiceLinks": False},  # says nothing
    _pod(seLinuxOptions={"type": None, "level": "s0"}),
    {"someThingElse": 1, "container": {"name": "main", "unheardOf": True}},  # unknown to Kubernetes, too
    {
        "volumes": [
            {"name": "v"},
            {"name": "e", "emptyDir": {}},
            {"name": "p", "persistentVolumeClaim": {"claimName": "p"}},
        ]
    },
    _security(privileged=False, runAsUser=1000, runAsGroup=0, readOnlyRootFilesystem=False, procMount="Default"),
    _security(
        capabilities={"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
        seccompProfile={"type": "Localhost", "localhostProfile": "a.json"},
    ),
    _pod(fsGroup=0, supplementalGroups=[0], sysctls=[{"name": "net.ipv4.tcp_syncookies", "value": "1"}]),
    _pod(seLinuxOptions={"type": "container_t", "level": "s0"}),
    _pod(sysctls=[{"name": "net.ipv4.tcp_rmem", "value": "1"}]),
    {"volumes": [{"name": name, "emptyDir": {}} for name in ("state", "spec", "data")]},  # no names of ours
    {
        "volumes": [{"name": "v", "hostPath": None, "emptyDir": {}}],
        "container": {"env": None, "resources": {"limits": None}},
    },
    {"imagePullSecrets": [{"name": "a"}, {"name": "b"}, {"name": "a"}]},
    # Unknown to Kubernetes, too, where server-side apply is strict.
    {"affinity": {"unheardOf": 1, "nodeAffinity": {}}, **_security(unheardOf={"a": 1}, runAsUser=1000)},
]
