"""The objects of a bus, and that a real ``nats-server`` takes its configuration."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from eventbus.embedded import server_binary
from events.cli.judges import JUDGES
from events.controller.certificates import SERVER_KEYS, bus_secret_data
from events.controller.desired import Desired
from events.controller.eventbus import desire
from events.controller.nats import configuration, stream_config
from events.controller.settings import Settings
from events.errors import SpecError

Json = dict[str, Any]

SETTINGS = Settings("pointsman:1", "nats:1")


def _desired(spec: Json, settings: Settings = SETTINGS, *, name: str = "main", there: Json | None = None) -> Desired:
    metadata = {"name": name, "namespace": "ci", "uid": "u1", "generation": 1}
    obj = {"apiVersion": "argoproj.io/v1alpha1", "kind": "EventBus", "metadata": metadata, "spec": spec}
    return desire(obj, JUDGES["EventBus"](obj, None), "certificate", settings, there)


def _children(desired: Desired) -> dict[str, Json]:
    return {child["kind"]: child for child in desired.children or ()}


def _told(desired: Desired) -> dict[str, tuple[str, str]]:
    return {condition.type: (condition.status, condition.message) for condition in desired.conditions}


def test_a_native_bus_has_the_objects_of_the_reference() -> None:
    desired = _desired(
        {"jetstream": {"version": "latest", "persistence": {"volumeSize": "5Gi", "storageClassName": "ssd"}}}
    )

    children = _children(desired)
    assert {kind: child["metadata"]["name"] for kind, child in children.items()} == {
        "ConfigMap": "eventbus-main-js-config",
        "Service": "eventbus-main-js-svc",
        "StatefulSet": "eventbus-main-js",
    }
    assert [port["port"] for port in children["Service"]["spec"]["ports"]] == [4222, 6222, 7777, 8222]
    stateful = children["StatefulSet"]["spec"]
    assert (stateful["replicas"], stateful["podManagementPolicy"]) == (3, "Parallel")
    (claim,) = stateful["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "5Gi"
    assert claim["metadata"]["name"] == "eventbus-main-js-vol"
    jetstream = desired.status["config"]["jetstream"]
    assert jetstream["accessSecret"] == {"name": "eventbus-main-js-client-auth", "key": "client-auth"}
    assert jetstream["streamConfig"] == "replicas: 3\n"


def test_the_pods_of_a_bus_take_the_fields_of_its_manifest() -> None:
    given: Json = {
        "nodeSelector": {"a": "b"}, "tolerations": [{"key": "x"}], "priorityClassName": "high", "serviceAccountName": "nats",
        "affinity": {"podAntiAffinity": {}}, "imagePullSecrets": [{"name": "r"}], "priority": 3,
    }  # fmt: skip
    container = {"resources": {"limits": {"cpu": 1}}, "imagePullPolicy": "Always", "securityContext": {"runAsUser": 7}}
    spec = {
        "version": "1",
        "startArgs": ["-DV"],
        "containerTemplate": container,
        "metadata": {"labels": {"l": "m"}},
        **given,
    }

    template = _children(_desired({"jetstream": spec}))["StatefulSet"]["spec"]["template"]

    assert given.items() <= template["spec"].items()
    (main,) = template["spec"]["containers"]
    assert (main["resources"], main["imagePullPolicy"]) == (container["resources"], "Always")
    assert main["securityContext"]["runAsUser"] == 7
    assert main["args"] == ["--config", "/etc/nats-config/nats-js.conf", "-DV"]
    assert template["metadata"]["labels"]["l"] == "m"


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"nats": {"native": {"replicas": 3, "auth": "token"}}}, ("True", "end of life")),
        ({"nats": {"exotic": {"url": "nats://x", "clusterID": "c"}}}, ("False", "nats.exotic")),
        ({"kafka": {"url": "kafka:9092"}}, ("False", "kafka")),
        ({"jetstreamExotic": {"url": ""}}, ("False", "spec.jetstreamExotic.url: must be given")),
        ({"jetstream": {"version": "1", "replicas": 2}}, ("False", "spec.jetstream.replicas")),
        ({"jetstream": {"version": "1", "settings": "a {"}}, ("False", "spec.jetstream.settings")),
        ({"jetstream": {"version": "1", "maxPayload": "1MB }"}}, ("False", "spec.jetstream.maxPayload")),
        ({"jetstream": {"version": "1", "streamConfig": "- a"}}, ("False", "spec.jetstream.streamConfig")),
        (
            {"jetstream": {"version": "1", "containerTemplate": {"securityContext": {"privileged": True}}}},
            ("False", "spec.jetstream.containerTemplate.securityContext.privileged"),
        ),
        (
            {"jetstream": {"version": "1", "reloaderContainerTemplate": {"securityContext": {"privileged": True}}}},
            ("False", "spec.jetstream.reloaderContainerTemplate.securityContext.privileged"),
        ),
        ({"jetstream": {"version": "1", "hostNetwork": True}}, ("False", "spec.jetstream.hostNetwork")),
        ({}, ("False", "one of")),
    ],
)
def test_what_is_said_of_a_bus(spec: Json, told: tuple[str, str]) -> None:
    status, words = told

    desired = _desired(spec)

    assert _told(desired)["Deployed"][0] == status
    assert words in _told(desired)["Deployed"][1]
    assert bool(desired.children) == (status == "True")


def test_a_bus_of_others_is_only_told_to_those_who_are_on_it() -> None:
    exotic = {"url": "nats://a:4222", "accessSecret": {"name": "s", "key": "k"}, "tls": {"enabled": True}}

    desired = _desired({"jetstreamExotic": exotic})

    assert (desired.children, desired.status) == ((), {"config": {"jetstream": exotic}})


def test_without_an_image_it_says_so() -> None:
    desired = _desired({"jetstream": {"version": "1"}}, Settings("pointsman:1"))

    assert "POINTSMAN_NATS_IMAGE" in _told(desired)["Deployed"][1]


def test_pods_start_anew_with_another_configuration_or_certificate() -> None:
    def pod(spec: Json, certificate: str) -> Json:
        metadata = {"name": "main", "namespace": "ci", "uid": "u1"}
        obj = {"kind": "EventBus", "metadata": metadata, "spec": {"jetstream": {"version": "1", **spec}}}
        template: Json = _children(desire(obj, JUDGES["EventBus"](obj, None), certificate, SETTINGS))["StatefulSet"]
        return template["spec"]["template"]["metadata"]["annotations"]  # type: ignore[no-any-return]

    assert pod({}, "a") == pod({"streamConfig": "maxAge: 1h"}, "a")
    assert pod({}, "a") != pod({}, "b")
    assert pod({}, "a") != pod({"settings": "max_file_store: 1GB"}, "a")


@pytest.mark.parametrize("replicas", [1, 3])
def test_a_real_server_takes_the_configuration(replicas: int, tmp_path: Path) -> None:
    server, _ = bus_secret_data("main", "ci")
    files = {
        "auth.conf": "auth", "server-key.pem": "private-key", "server-cert.pem": "cert", "cluster-server-key.pem": "cluster-private-key",
        "cluster-server-cert.pem": "cluster-cert", "cluster-ca-cert.pem": "cluster-ca-cert",
    }  # fmt: skip
    for name, key in files.items():
        (tmp_path / name).write_text(server[key])
    settings = "max_memory_store: 1GB\nsync_interval: 1m\nlimits { max_ha_assets: 5 }"
    text = configuration("main", "ci", replicas, settings=settings, max_payload="2MB")
    (tmp_path / "nats.conf").write_text(text.replace("/etc/nats-config", str(tmp_path)).replace("/data", str(tmp_path)))

    done = subprocess.run(
        [server_binary(), "-c", tmp_path / "nats.conf", "-t"],
        env={"POD_NAME": "eventbus-main-js-0", "JS_KEY": server["encryption"], "CLUSTER_ADVERTISE": "here"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert "is valid" in done.stderr + done.stdout
    assert text.count("sync_interval") == 1
    assert "sync_interval: always" in text
    assert ("cluster {" in text) == (replicas > 1)


def test_secrets_hold_every_key_of_the_reference_and_differ_each_time() -> None:
    server, client = bus_secret_data("main", "ci")

    assert tuple(server) == SERVER_KEYS
    assert client["ca.crt"] == server["ca-cert"]
    user, password = (line.partition(": ")[2] for line in client["client-auth"].splitlines())
    assert f'user: "{user}", password: "{password}"' in server["auth"]
    assert client != bus_secret_data("main", "ci")[1]


def test_the_certificate_is_for_the_service_and_its_pods_and_of_the_authority() -> None:
    server, _ = bus_secret_data("main", "ci")
    certificate = x509.load_pem_x509_certificate(server["cert"].encode())
    authority = x509.load_pem_x509_certificate(server["ca-cert"].encode())

    certificate.verify_directly_issued_by(authority)
    hosts = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
        x509.DNSName
    )
    assert {"eventbus-main-js-svc.ci.svc", "*.eventbus-main-js-svc.ci.svc", "eventbus-main-js-svc"} <= set(hosts)
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days >= 3650


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "replicas: 3\n"),
        ("maxAge: 72h\nreplicas: 1", "maxage: 72h\nreplicas: 1\n"),
        ("{Replicas: 5, maxMsgs: 10}", "maxmsgs: 10\nreplicas: 5\n"),
    ],
)
def test_the_stream_has_as_many_copies_as_the_bus_has_servers_unless_the_manifest_says_otherwise(
    text: str, expected: str
) -> None:
    assert stream_config(text, 3) == expected


def test_a_stream_configuration_that_cannot_be_read_is_named() -> None:
    with pytest.raises(SpecError) as caught:
        stream_config("a: [", 3)
    assert caught.value.path == "spec.jetstream.streamConfig"


def _made(spec: Json) -> Json:
    """The StatefulSet of a bus as an API server keeps it."""
    made = _children(_desired(spec))["StatefulSet"]
    for claim in made["spec"].get("volumeClaimTemplates", []):
        claim["spec"]["volumeMode"] = "Filesystem"
        claim["status"] = {"phase": "Pending"}
    return made


_SMALL = {"persistence": {"volumeSize": "1Gi"}}


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({}, {}, False),
        (_SMALL, {"persistence": {"volumeSize": "1024Mi"}}, False),
        (_SMALL, {"persistence": {"volumeSize": "2Gi"}}, True),
        (_SMALL, {"persistence": {"volumeSize": "1Gi", "storageClassName": "ssd"}}, True),
        ({"persistence": {"volumeSize": "1Gi", "storageClassName": "ssd"}}, _SMALL, True),
        (_SMALL, {"persistence": {"volumeSize": "1Gi", "accessMode": "ReadWriteOncePod"}}, True),
        (_SMALL, {}, True),
        ({}, _SMALL, True),
    ],
)
def test_another_persistence_changes_nothing_of_the_volumes_and_is_told(
    before: Json, after: Json, changes: bool
) -> None:
    made = _made({"jetstream": {"version": "1", **before}})
    changed = {"jetstream": {"version": "1", "priorityClassName": "high", **after}}

    desired = _desired(changed, there=made)

    stateful = _children(desired)["StatefulSet"]["spec"]
    wished = [claim["spec"] for claim in stateful.get("volumeClaimTemplates", [])]
    if changes:
        assert wished == [claim["spec"] for claim in made["spec"].get("volumeClaimTemplates", [])]
    pod = stateful["template"]["spec"]
    named = {volume["name"] for volume in pod["volumes"]} | ({"eventbus-main-js-vol"} if wished else set())
    assert {mount["name"] for mount in pod["containers"][0]["volumeMounts"]} == named
    assert pod["priorityClassName"] == "high"
    assert _told(desired)["Deployed"][0] == "True"
    status, message = _told(desired)["Configured"]
    assert (status, "spec.jetstream.persistence: is not changed" in message) == ("True", changes)


@pytest.mark.parametrize("name", ["x" * 41, "x" * 253, "a.b"])
def test_a_name_that_no_bus_can_have_is_refused_in_a_sentence(name: str) -> None:
    desired = _desired({"jetstream": {"version": "1"}}, name=name)

    assert desired.children is None
    assert _told(desired)["Deployed"][1].startswith("metadata.name: m")
    assert _desired({"jetstreamExotic": {"url": "nats://x:4222"}}, name=name).children == ()


@pytest.mark.parametrize(
    ("given", "replicas"), [({}, 3), ({"replicas": 0}, 3), ({"replicas": 1}, 3), ({"replicas": 5}, 5)]
)
def test_a_bus_of_nats_streaming_has_three_servers_at_least_as_in_the_reference(given: Json, replicas: int) -> None:
    assert _children(_desired({"nats": {"native": given}}))["StatefulSet"]["spec"]["replicas"] == replicas


@pytest.mark.parametrize(
    ("spec", "storage"),
    [
        ({"jetstream": {"version": "1", "persistence": {}}}, {"storage": "20Gi"}),
        ({"nats": {"native": {"persistence": {}}}}, {"storage": "10Gi"}),
        (
            {"jetstream": {"version": "1", "persistence": {"storageClassName": "", "volumeSize": 1024}}},
            {"storage": 1024, "storageClassName": ""},
        ),
    ],
)
def test_a_volume_is_as_in_the_reference(spec: Json, storage: Json) -> None:
    (claim,) = _children(_desired(spec))["StatefulSet"]["spec"]["volumeClaimTemplates"]

    made = claim["spec"]
    assert {**made["resources"]["requests"], **{k: v for k, v in made.items() if k == "storageClassName"}} == storage


@pytest.mark.parametrize(
    ("before", "after", "servers"), [(1, 3, 1), (3, 1, 3), (3, 5, 5), (5, 3, 3), (1, 1, 1), (None, 1, 3)]
)
def test_one_server_never_becomes_a_cluster_which_would_remove_what_it_has_stored(
    before: int | None, after: int, servers: int
) -> None:
    made = _made({"jetstream": {"version": "1", "replicas": before}})
    made["spec"]["replicas"] = 2  # somebody scales it

    desired = _desired({"jetstream": {"version": "1", "replicas": after}}, there=made)

    children = _children(desired)
    assert children["StatefulSet"]["spec"]["replicas"] == servers
    assert ("cluster {" in children["ConfigMap"]["data"]["nats-js"]) == (servers > 1)
    assert desired.status["config"]["jetstream"]["streamConfig"] == f"replicas: {servers}\n"
    told = f"spec.jetstream.replicas: stays {servers}: " in _told(desired)["Configured"][1]
    assert (told, _told(desired)["Configured"][0]) == (servers != after, "True")
