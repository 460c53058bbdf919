"""The ConfigMap and the Deployment of an EventSource or Sensor."""

from __future__ import annotations

import json
from typing import Any

import pytest

from events.controller.desired import Bus
from events.controller.judging import Judgement, Reference
from events.controller.names import SPEC_HASH
from events.controller.settings import Settings
from events.controller.workload import workload

Json = dict[str, Any]

SETTINGS = Settings("pointsman:1")
BUS = Bus(
    "default",
    {
        "jetstream": {
            "url": "nats://bus:4222",
            "accessSecret": {"name": "access", "key": "client-auth"},
            "tls": {"caCertSecret": {"name": "access", "key": "ca.crt"}},
        }
    },
    ours=True,
)


def _object(kind: str = "Sensor", **spec: Any) -> Json:
    metadata = {
        "name": "build",
        "namespace": "ci",
        "uid": "u1",
        "generation": 3,
        "labels": {"team": "a", "controller": "x"},
    }
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def _made(obj: Json, judgement: Judgement = Judgement(), bus: Bus = BUS) -> tuple[Json, Json]:  # noqa: B008
    made = workload(obj, bus, judgement, SETTINGS)
    assert not made.findings
    config_map, deployment = made.children
    return config_map, deployment


def _pod(deployment: Json) -> Json:
    pod: Json = deployment["spec"]["template"]["spec"]
    return pod


def test_names_labels_and_owner_are_those_of_the_reference() -> None:
    _, deployment = _made(_object("EventSource"))

    assert deployment["metadata"]["name"] == "build-eventsource"
    selector = {"controller": "eventsource-controller", "eventsource-name": "build", "owner-name": "build"}
    assert deployment["spec"]["selector"]["matchLabels"] == selector
    assert deployment["metadata"]["labels"] == {
        "team": "a", **selector, "app.kubernetes.io/managed-by": "pointsman-controller",
    }  # fmt: skip
    owner = deployment["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("EventSource", "u1", True)


def test_the_process_reads_the_object_and_its_bus_from_files() -> None:
    config_map, deployment = _made(_object(triggers=[]))

    assert config_map["metadata"]["name"] == "build-sensor-spec"
    read = json.loads(config_map["data"]["object.json"])
    metadata = {"name": "build", "namespace": "ci", "uid": "u1", "generation": 3}
    assert (read["metadata"], read["spec"]) == (metadata, {"triggers": []})
    assert json.loads(config_map["data"]["bus.json"]) == {"name": "default", "ours": True, "config": BUS.config}
    mounts = {m["mountPath"]: m["name"] for m in _pod(deployment)["containers"][0]["volumeMounts"]}
    assert mounts["/etc/pointsman"] == "pointsman-spec"


@pytest.mark.parametrize(
    ("change", "rolls"),
    [
        ({"triggers": [1]}, True),
        ({"replicas": 5}, False),
        ({"revisionHistoryLimit": 1}, False),
        ({"service": {"ports": [{"port": 1}]}}, False),
    ],
)
def test_the_pods_roll_when_what_they_read_changes(change: Json, rolls: bool) -> None:
    _, before = _made(_object())
    _, after = _made(_object(**change))

    assert (before["spec"]["template"] != after["spec"]["template"]) == rolls
    assert SPEC_HASH in after["spec"]["template"]["metadata"]["annotations"]


def test_a_pod_is_told_which_specification_it_was_made_for() -> None:
    config_map, deployment = _made(_object(triggers=[1]))

    told = {v["name"]: v.get("value") for v in _pod(deployment)["containers"][0]["env"]}["POINTSMAN_SPEC_HASH"]
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    assert told == config_map["data"]["hash"] == annotations[SPEC_HASH]


def test_another_bus_rolls_the_pods() -> None:
    other = Bus("default", {"jetstream": {"url": "nats://elsewhere:4222"}})

    assert _made(_object())[1]["spec"]["template"] != _made(_object(), bus=other)[1]["spec"]["template"]


def test_each_secret_is_mounted_once_whoever_names_it() -> None:
    references = (
        Reference("Secret", "access", "ca.crt", "spec.a"),
        Reference("Secret", "gh", "token", "spec.b"),
        Reference("Secret", "gh", "hook", "spec.c", optional=True),
        Reference("Secret", "extra", "x", "spec.d", optional=True),
        Reference("ConfigMap", "my.script", "lua", "spec.e"),
    )

    _, deployment = _made(_object(), Judgement(references=references))

    paths = [m["mountPath"] for m in _pod(deployment)["containers"][0]["volumeMounts"]]
    assert len(paths) == len(set(paths))
    assert [p for p in paths if p.startswith("/argo-events")] == [
        "/argo-events/secrets/access", "/argo-events/secrets/extra", "/argo-events/secrets/gh", "/argo-events/config/my.script",
    ]  # fmt: skip
    volumes = {v["name"]: v for v in _pod(deployment)["volumes"]}
    assert volumes["secret-extra"]["secret"]["optional"] is True
    assert "optional" not in volumes["secret-gh"]["secret"]
    assert volumes["auth-volume"]["secret"]["items"] == [{"key": "client-auth", "path": "auth.yaml"}]
    assert all("." not in name for name in volumes)


def test_only_those_who_talk_to_the_api_server_get_a_token() -> None:
    assert _pod(_made(_object("EventSource"))[1])["automountServiceAccountToken"] is False
    assert _pod(_made(_object(), Judgement(needs_token=True))[1])["automountServiceAccountToken"] is True


def test_replicas_are_left_to_others_unless_the_manifest_says_how_many() -> None:
    assert "replicas" not in _made(_object())[1]["spec"]
    assert [_made(_object(replicas=n))[1]["spec"]["replicas"] for n in (2, 0, -1)] == [2, 1, 1]


def test_the_history_that_a_sensor_asks_for_is_kept() -> None:
    kept = [
        _made(_object(kind, revisionHistoryLimit=3))[1]["spec"].get("revisionHistoryLimit")
        for kind in ("Sensor", "EventSource")
    ]

    assert kept == [3, None]


def test_two_of_a_kind_that_must_be_alone_never_run_beside_each_other() -> None:
    strategies = [_made(_object(), Judgement(alone=alone))[1]["spec"]["strategy"]["type"] for alone in (False, True)]

    assert strategies == ["RollingUpdate", "Recreate"]


def test_every_permitted_field_arrives_unchanged() -> None:
    given: Json = {
        "metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}},
        "serviceAccountName": "runner",
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "k", "operator": "Exists", "tolerationSeconds": 3}],
        "imagePullSecrets": [{"name": "registry"}],
        "priorityClassName": "high",
        "priority": 7,
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}},
        "securityContext": {
            "fsGroup": 5,
            "runAsUser": 1000,
            "sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}],
        },
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    }
    container: Json = {
        "resources": {"limits": {"cpu": 1, "memory": "1Gi"}, "requests": {"cpu": "100m"}},
        "imagePullPolicy": "Always",
        "securityContext": {"runAsUser": 1001, "readOnlyRootFilesystem": False},
        "volumeMounts": [{"name": "data", "mountPath": "/data", "subPath": "x"}],
        "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
        "envFrom": [{"prefix": "P_", "secretRef": {"name": "s"}}],
    }

    _, deployment = _made(_object(template={**given, "container": container}))

    template, pod = deployment["spec"]["template"], _pod(deployment)
    main = pod["containers"][0]
    assert given["metadata"]["labels"].items() <= template["metadata"]["labels"].items()
    assert given["metadata"]["annotations"].items() <= template["metadata"]["annotations"].items()
    for name in given.keys() - {"metadata", "securityContext", "volumes"}:
        assert pod[name] == given[name], name
    assert given["securityContext"].items() <= pod["securityContext"].items()
    assert pod["volumes"][-1:] == given["volumes"]
    for name in ("resources", "imagePullPolicy", "envFrom"):
        assert main[name] == container[name], name
    assert container["securityContext"].items() <= main["securityContext"].items()
    assert main["volumeMounts"][-1:] == container["volumeMounts"]
    assert main["env"][-2:] == container["env"]


def test_variables_are_there_once_and_who_a_process_is_cannot_be_changed() -> None:
    env = [{"name": n, "value": "x"} for n in ("POD_NAME", "POINTSMAN_STATE", "LOG_LEVEL", "A", "A")]

    _, deployment = _made(_object(template={"container": {"env": env}}))

    found = _pod(deployment)["containers"][0]["env"]
    assert [v["name"] for v in found] == [
        "POD_NAME", "POD_NAMESPACE", "POINTSMAN_STATE", "POINTSMAN_SPEC_HASH", "LOG_LEVEL", "A",
    ]  # fmt: skip
    assert ("valueFrom" in found[0], found[2]["value"], found[4]["value"]) == (True, "/var/lib/pointsman", "x")


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ({"volumes": [{"name": "tmp", "emptyDir": {}}]}, "spec.template.volumes[0].name"),
        ({"volumes": [{"name": "a"}, {"name": "a"}]}, "spec.template.volumes[0].name"),
        (
            {"container": {"volumeMounts": [{"name": "a", "mountPath": "/etc/pointsman"}]}},
            "spec.template.container.volumeMounts[0].mountPath",
        ),
        (
            {"container": {"volumeMounts": [{"name": "a", "mountPath": "/tmp//"}]}},
            "spec.template.container.volumeMounts[0].mountPath",
        ),
        ({"hostNetwork": True}, "spec.template.hostNetwork"),
    ],
)
def test_a_template_that_does_not_fit_our_pod_is_refused_by_name(template: Json, path: str) -> None:
    made = workload(_object(template=template), BUS, Judgement(), SETTINGS)

    assert not made.children
    assert [finding.path for finding in made.findings] == [path]


def test_labels_are_values_that_kubernetes_takes_also_for_long_names() -> None:
    obj = _object()
    obj["metadata"]["name"] = "n" * 80

    _, deployment = _made(obj)

    assert all(len(value) <= 63 for value in deployment["spec"]["selector"]["matchLabels"].values())


@pytest.mark.parametrize(("kind", "longest"), [("EventSource", 230), ("Sensor", 235)])
def test_a_name_that_is_too_long_for_what_is_made_is_refused_in_a_sentence(kind: str, longest: int) -> None:
    obj = _object(kind)
    for length in (longest, longest + 1):
        obj["metadata"]["name"] = "n" * length
        made = workload(obj, BUS, Judgement(), SETTINGS)

        assert [finding.path for finding in made.findings] == ["metadata.name"] * (length - longest)
