"""EventBus → StatefulSet, Service, ConfigMap of a NATS JetStream, or nothing for a bus of others (spec §4.7, §5.2–5.4). Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from events.controller import names
from events.controller.conditions import false, in_words, true, well
from events.controller.desired import Desired, Json
from events.controller.diff import contains
from events.controller.judging import Judgement
from events.controller.names import bus_object, bus_secrets, selector
from events.controller.nats import configuration, stream_config
from events.controller.pods import DEFAULT_ACCOUNT, container_security, passed, pod_security
from events.controller.restricted import check_container, check_pod
from events.controller.settings import Settings
from events.controller.workload import child
from events.errors import SpecError
from events.models.base import Finding

__all__ = ["desire", "is_native"]

CONFIGURED, DEPLOYED = "Configured", "Deployed"
_STAN_NOTE = "NATS Streaming is at its end of life; this bus runs on JetStream"
_PASSED = ("nodeSelector", "tolerations", "imagePullSecrets", "priorityClassName", "priority", "affinity")
_PORTS = (("tcp-client", 4222), ("cluster", 6222), ("metrics", 7777), ("monitor", 8222))
_DATA = "/data/jetstream"


@dataclass(frozen=True, slots=True)
class _Native:
    """A bus that we make: what its manifest says of it, whichever kind of manifest it is."""

    spec: Json
    path: str
    note: str = ""
    least: int = 1
    """Servers."""
    room: str = "20Gi"
    """Of each, where its manifest asks for a volume and does not say how large."""

    @property
    def replicas(self) -> int:
        given = self.spec.get("replicas")
        return 3 if given is None else max(int(given), self.least)


def is_native(obj: Json) -> bool:
    """Whether we make the bus."""
    return _native(obj.get("spec") or {}) is not None


def _native(spec: Json) -> _Native | None:
    nats = spec.get("nats")
    if isinstance(nats, dict):  # counts first, as in the reference
        native = nats.get("native")
        return _Native(native, "spec.nats.native", _STAN_NOTE, 3, "10Gi") if isinstance(native, dict) else None
    jetstream = spec.get("jetstream")
    return _Native(jetstream, "spec.jetstream") if isinstance(jetstream, dict) else None


def desire(obj: Json, judgement: Judgement, certificate: str, settings: Settings, there: Json | None = None) -> Desired:
    """``certificate``: what changes with the certificate of the servers; ``there``: its StatefulSet, if there is one."""
    if judgement.errors:
        wrong = in_words(judgement.errors)
        return Desired((false(CONFIGURED, "InvalidSpec", wrong), false(DEPLOYED, "InvalidSpec", wrong)))
    spec = obj["spec"]
    native = _native(spec)
    if native is not None:
        return _native_bus(obj, native, judgement, certificate, settings, there)
    exotic = spec.get("jetstreamExotic")
    if isinstance(exotic, dict) and not spec.get("nats") and not spec.get("kafka"):
        config = {name: exotic[name] for name in ("url", "accessSecret", "streamConfig", "tls") if exotic.get(name)}
        done = (
            well(CONFIGURED, judgement.warnings),
            true(DEPLOYED, "Skipped", "Skip deployment because of using exotic config."),
        )
        return Desired(done, (), {"config": {"jetstream": config}})
    kind = "nats.exotic (NATS Streaming)" if spec.get("nats") else "kafka"
    text = f"a bus of kind {kind} is not supported: use jetstream or jetstreamExotic"
    return Desired((false(CONFIGURED, "InvalidSpec", text), false(DEPLOYED, "InvalidSpec", text)))


def _native_bus(
    obj: Json, native: _Native, judgement: Judgement, certificate: str, settings: Settings, there: Json | None
) -> Desired:
    name, namespace = obj["metadata"]["name"], obj["metadata"]["namespace"]
    if unfit := names.unfit(obj["kind"], name):
        return _refused(unfit, reason="InvalidSpec")
    replicas, kept_replicas = _servers(native, there)
    claims, kept_claims = _volumes(obj, native, there)
    try:
        text = configuration(
            name, namespace, replicas,
            settings=native.spec.get("settings") or "", max_payload=native.spec.get("maxPayload") or "1MB",
        )  # fmt: skip
        streams = stream_config(native.spec.get("streamConfig") or "", replicas)
    except SpecError as error:
        return _refused(Finding("error", error.path, error.message), reason="InvalidSpec")
    findings = check_pod(native.spec, native.path, container="containerTemplate")
    for other in ("reloaderContainerTemplate", "metricsContainerTemplate"):
        findings += check_container(native.spec.get(other) or {}, f"{native.path}.{other}")
    if findings:
        return _refused(*findings, reason="JetStreamStatefulSetFailed")
    if not settings.nats_image:
        problem = "the controller knows no image of NATS: POINTSMAN_NATS_IMAGE is not set"
        return Desired((true(CONFIGURED), false(DEPLOYED, "JetStreamStatefulSetFailed", problem)))
    config_map = child(obj, "v1", "ConfigMap", bus_object(name, "-config"), data={"nats-js": text})
    marker = hashlib.sha256(f"{text}{certificate}".encode()).hexdigest()[:16]
    stateful_set = _stateful_set(obj, native, replicas, claims, marker, settings)
    children = (config_map, _service(obj), stateful_set)
    warnings = (*kept_replicas, *kept_claims, *judgement.warnings)
    conditions = (well(CONFIGURED, warnings), true(DEPLOYED, "Succeeded", native.note))
    return Desired(conditions, children, {"config": {"jetstream": _client_config(name, namespace, streams)}})


def _refused(*findings: Finding, reason: str) -> Desired:
    text = in_words(findings, 10)
    return Desired((false(CONFIGURED, reason, text), false(DEPLOYED, reason, text)))


def _client_config(name: str, namespace: str, streams: str) -> Json:
    """The reference's BusConfig (spec §4.2), by which EventSources and Sensors reach the bus."""
    _, client = bus_secrets(name)
    return {
        "url": f"nats://{bus_object(name, '-svc')}.{namespace}.svc:4222",
        "accessSecret": {"name": client, "key": "client-auth"},
        "streamConfig": streams,
        "tls": {"caCertSecret": {"name": client, "key": "ca.crt"}},
    }


def _service(obj: Json) -> Json:
    name = obj["metadata"]["name"]
    spec = {
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": selector(obj["kind"], name),
        "ports": [{"name": port, "port": number, "protocol": "TCP"} for port, number in _PORTS],
    }
    return child(obj, "v1", "Service", bus_object(name, "-svc"), spec=spec)


def _stateful_set(
    obj: Json, native: _Native, replicas: int, claims: list[Json], marker: str, settings: Settings
) -> Json:
    name, spec = obj["metadata"]["name"], native.spec
    volume = bus_object(name, "-vol")
    metadata = spec.get("metadata") or {}
    pod = {
        "metadata": {
            "labels": {
                **(metadata.get("labels") or {}),
                **selector(obj["kind"], name),
                names.MANAGED[0]: names.MANAGED[1],
            },
            "annotations": {**(metadata.get("annotations") or {}), names.SPEC_HASH: marker},
        },
        "spec": {
            "serviceAccountName": spec.get("serviceAccountName") or DEFAULT_ACCOUNT,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 60,
            "securityContext": pod_security(spec.get("securityContext"), settings.user),
            "containers": [_container(name, volume, spec, settings)],
            "volumes": [
                {"name": "config", "projected": {"sources": _config_sources(name)}},
                {"name": "pid", "emptyDir": {}},
            ],
            **passed(spec, _PASSED),
        },
    }
    stateful: Json = {
        "serviceName": bus_object(name, "-svc"),
        "podManagementPolicy": "Parallel",
        "replicas": replicas,
        "selector": {"matchLabels": selector(obj["kind"], name)},
        "template": pod,
    }
    if claims:
        stateful["volumeClaimTemplates"] = claims
    else:
        pod["spec"]["volumes"].append({"name": volume, "emptyDir": {}})
    made = child(obj, "apps/v1", "StatefulSet", bus_object(name), spec=stateful)
    made["metadata"]["annotations"] = {names.REPLICAS: str(replicas)}
    return made


def _servers(native: _Native, there: Json | None) -> tuple[int, list[Finding]]:
    """How many servers there shall be. One alone and a cluster do not read each other's store: a cluster removes what it finds there."""
    wanted = native.replicas
    if there is None:
        return wanted, []
    told = str((there["metadata"].get("annotations") or {}).get(names.REPLICAS))
    made = int(told) if told.isdecimal() else there["spec"].get("replicas") or wanted
    if (made == 1) == (wanted == 1):
        return wanted, []
    stays = f"stays {made}: one server alone and a cluster cannot read what the other has stored"
    hint = "move to another EventBus, or delete the StatefulSet, and with it the events that wait"
    return made, [Finding("warning", f"{native.path}.replicas", stays, hint)]


def _volumes(obj: Json, native: _Native, there: Json | None) -> tuple[list[Json], list[Finding]]:
    """The volumes of the servers, as templates of a StatefulSet; those that it was made with stay."""
    wanted = _claims(obj, native)
    made = wanted if there is None else there["spec"].get("volumeClaimTemplates") or []
    classes = [[claim["spec"].get("storageClassName") for claim in claims] for claims in (made, wanted)]
    if contains(made, wanted) and classes[0] == classes[1]:  # the server adds its defaults
        return wanted, []
    stays = "is not changed, since the volumes of a StatefulSet cannot be; the rest of the bus is as it says"
    hint = (
        "move to another EventBus, or, for larger ones, enlarge the PersistentVolumeClaims and delete the StatefulSet "
        f"'{bus_object(obj['metadata']['name'])}' with --cascade=orphan"
    )
    return made, [Finding("warning", f"{native.path}.persistence", stays, hint)]


def _claims(obj: Json, native: _Native) -> list[Json]:
    """The volumes that its manifest asks for; none where the events end with the pods."""
    persistence, name = native.spec.get("persistence"), obj["metadata"]["name"]
    if not isinstance(persistence, dict):
        return []
    claim: Json = {
        "accessModes": [persistence.get("accessMode") or "ReadWriteOnce"],
        "resources": {"requests": {"storage": persistence.get("volumeSize") or native.room}},
    }
    if persistence.get("storageClassName") is not None:  # an empty one means: of no class
        claim["storageClassName"] = persistence["storageClassName"]
    metadata = {"name": bus_object(name, "-vol"), "labels": selector(obj["kind"], name)}
    return [{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": claim}]


def _container(name: str, volume: str, spec: Json, settings: Settings) -> Json:
    template = spec.get("containerTemplate") or {}
    server, _ = bus_secrets(name)
    pod_name = {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}
    namespace = {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    container: Json = {
        "name": "main",
        "image": settings.nats_image,
        "args": ["--config", "/etc/nats-config/nats-js.conf", *(spec.get("startArgs") or ())],
        "env": [
            {"name": "POD_NAME", "valueFrom": pod_name},
            {"name": "SERVER_NAME", "value": "$(POD_NAME)"},
            {"name": "POD_NAMESPACE", "valueFrom": namespace},
            {"name": "CLUSTER_ADVERTISE", "value": f"$(POD_NAME).{bus_object(name, '-svc')}.$(POD_NAMESPACE).svc"},
            {"name": "JS_KEY", "valueFrom": {"secretKeyRef": {"name": server, "key": "encryption"}}},
        ],
        "ports": [
            {"name": port, "containerPort": number, "protocol": "TCP"} for port, number in _PORTS if port != "metrics"
        ],
        "startupProbe": _probe("/healthz", periodSeconds=5, failureThreshold=90),
        "readinessProbe": _probe("/healthz?js-server-only=true", periodSeconds=10, failureThreshold=3),
        "livenessProbe": _probe("/healthz?js-enabled-only=true", periodSeconds=30, failureThreshold=3),
        "securityContext": container_security(template.get("securityContext")),
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/nats-config", "readOnly": True},
            {"name": "pid", "mountPath": "/var/run/nats"},
            {"name": volume, "mountPath": _DATA},
        ],
    }
    if template.get("resources"):
        container["resources"] = template["resources"]
    pull_policy = template.get("imagePullPolicy") or settings.pull_policy
    if pull_policy:
        container["imagePullPolicy"] = pull_policy
    return container


def _probe(path: str, **times: int) -> Json:
    return {"httpGet": {"path": path, "port": 8222, "scheme": "HTTP"}, "timeoutSeconds": 5, **times}


def _config_sources(name: str) -> list[dict[str, Any]]:
    """The folder that the server reads: its configuration, and of its Secret all that is a file."""
    server, _ = bus_secrets(name)
    files = {
        "auth": "auth.conf",
        "private-key": "server-key.pem",
        "cert": "server-cert.pem",
        "ca-cert": "ca-cert.pem",
        "cluster-private-key": "cluster-server-key.pem",
        "cluster-cert": "cluster-server-cert.pem",
        "cluster-ca-cert": "cluster-ca-cert.pem",
    }
    items = [{"key": key, "path": path} for key, path in files.items()]
    config = [{"key": "nats-js", "path": "nats-js.conf"}]
    return [
        {"configMap": {"name": bus_object(name, "-config"), "items": config}},
        {"secret": {"name": server, "items": items}},
    ]
