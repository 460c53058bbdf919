"""A real API server with our CustomResourceDefinitions: takes what the reference takes, keeps it whole, refuses wrong types."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.kube import ApiServer, api_server, crd, needs_kube
from tests.support.shared import SHARED, needs_shared
from tests.support.up import eventually

pytestmark = [needs_kube, pytest.mark.kube]

ROOT = Path(__file__).parents[1]
OURS = ("EventBus", "EventSource", "Sensor", "WorkflowEventBinding")
API = "argoproj.io/v1alpha1"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with api_server(tmp_path_factory.mktemp("kube")) as started:
        started.kubectl("apply", "-f", ROOT / "crds")  # notes the whole file in an annotation, which has a limit
        started.kubectl("apply", "--server-side", "--force-conflicts", "-f", ROOT / "crds")
        started.kubectl("wait", "--for=condition=Established", "crd", "--all")
        yield started


def taken(api: ApiServer, objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The specs as the API server would keep them; fails with its words when it refuses one."""
    listed = {"apiVersion": "v1", "kind": "List", "items": objects}
    answer = api.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(listed))
    return [json.loads(text)["spec"] for text in re.split(r"(?<=^\})\n", answer.strip(), flags=re.MULTILINE)]


def refused(api: ApiServer, kind: str, spec: Any) -> str:
    """The API server's words."""
    with pytest.raises(AssertionError) as error:
        taken(api, [{"apiVersion": API, "kind": kind, "metadata": {"name": "x"}, "spec": spec}])
    return str(error.value)


def without_nulls(value: Any) -> Any:
    """In a mapping ``null`` is absence."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def assert_kept(api: ApiServer, objects: list[dict[str, Any]]) -> None:
    for sent, kept in zip(objects, taken(api, objects), strict=True):
        assert without_nulls(kept) == without_nulls(sent["spec"]), sent["metadata"]


def documented() -> list[dict[str, Any]]:
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs/kubernetes.md").read_text(), re.DOTALL | re.MULTILINE)
    return [obj for block in blocks for obj in yaml.safe_load_all(block)]


def named(manifest: dict[str, Any], number: int) -> dict[str, Any]:
    return {**manifest, "metadata": {"name": f"case-{number}", "namespace": "default"}}


@needs_shared
@pytest.mark.shared
def test_what_the_reference_finds_valid_is_taken_and_kept_whole(api: ApiServer) -> None:
    lines = (SHARED / "conformance/sensor/validate.jsonl").read_text().splitlines()
    cases = [json.loads(line) for line in lines]
    objects = [
        named({"apiVersion": API, "kind": case["kind"]} | case["manifest"], number)
        for number, case in enumerate(cases)
        if case["want"]["valid"]
    ]
    objects = [obj for obj in objects if obj["kind"] in OURS and obj["apiVersion"] == API]

    assert len(objects) > 500
    assert_kept(api, objects)


@needs_shared
@pytest.mark.shared
def test_the_guides_manifests_are_taken_and_kept_whole(api: ApiServer) -> None:
    blocks = [
        block
        for guide in sorted((SHARED / "founding-documents").glob("*.txt"))
        for block in re.findall(
            r"^(apiVersion: argoproj.*?)^(?:```|---|EOF)", guide.read_text(), re.DOTALL | re.MULTILINE
        )
    ]
    objects = [
        yaml.safe_load(block) for block in blocks if re.search(rf"^kind: ({'|'.join(OURS)})$", block, re.MULTILINE)
    ]

    assert {obj["kind"] for obj in objects} == set(OURS)
    assert_kept(api, [named(obj, number) for number, obj in enumerate(objects)])


def test_the_examples_are_taken_and_kept_whole(api: ApiServer) -> None:
    objects = [
        obj
        for file in sorted((ROOT / "examples").glob("*/manifests.yaml"))
        for obj in yaml.safe_load_all(file.read_text())
        if obj["kind"] in OURS
    ]

    assert len(objects) > 10
    assert_kept(api, [named(obj, number) for number, obj in enumerate(objects)])


def test_the_documents_manifests_are_taken_and_kept_whole(api: ApiServer) -> None:
    objects = [obj for obj in documented() if obj["kind"] in OURS]

    assert [obj["kind"] for obj in objects] == ["EventBus", "EventSource", "Sensor", "EventBus"]
    assert_kept(api, [named(obj, number) for number, obj in enumerate(objects)])


def test_unknown_and_odd_fields_are_kept_at_every_level(api: ApiServer) -> None:
    step = {
        "template": {"name": "t", "openwhisk": {"host": "h"}, "log": {"intervalSeconds": 1, "x": 1}},
        "atleastonce": True,
    }
    sensor = {
        "dependencies": [{"name": "d", "namespace": "other", "filters": {"data": [{"path": "a", "new": [1]}]}}],
        "triggers": [{**step, "dlqTrigger": {**step, "dlqTrigger": {"anything": True}}}],
        "template": {"volumes": [{"name": "v", "hostPath": {"path": "/"}}], "container": {"image": "x"}},
    }
    source = {
        "type": "github",
        "github": {"push": {"webhook": {"port": "1", "host": "x"}, "unknown": {"a": [{}]}}},
        "mine": {"a": 1},
    }

    assert_kept(
        api,
        [
            named({"apiVersion": API, "kind": "Sensor", "spec": sensor}, 1),
            named({"apiVersion": API, "kind": "EventSource", "spec": source}, 2),
        ],
    )


def test_null_is_absence_and_in_lists_a_value(api: ApiServer) -> None:
    sensor = {
        "eventBusName": None,
        "dependencies": [None, {"name": "d", "filters": None}],
        "triggers": [{"template": {"name": "t", "http": {"headers": {"a": None}, "timeout": None}}, "policy": None}],
    }
    source = {"github": {"push": None}, "replicas": None}

    (kept_sensor, kept_source) = taken(
        api,
        [
            named({"apiVersion": API, "kind": "Sensor", "spec": sensor}, 1),
            named({"apiVersion": API, "kind": "EventSource", "spec": source}, 2),
        ],
    )

    assert kept_sensor["dependencies"][0] is None
    assert kept_source == source
    for kind, spec in (("Sensor", sensor), ("EventSource", source)):
        text = json.dumps({"apiVersion": API, "kind": kind, "metadata": {"name": "nulls"}, "spec": spec})
        api.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=text)


@pytest.mark.parametrize(
    ("kind", "spec", "words"),
    [
        ("Sensor", {"dependencies": []}, "dependencies must name at least one event"),
        ("Sensor", {"triggers": []}, "triggers must hold at least one trigger"),
        ("Sensor", {"dependencies": [{"name": 5}]}, "spec.dependencies[0].name"),
        ("Sensor", {"dependencies": [{"filtersLogicalOperator": "xor"}]}, 'supported values: "", "and", "or"'),
        ("EventSource", {"webhook": {"push": {"port": 12000}}}, "spec.webhook.push.port"),
        ("EventSource", {"github": []}, "spec.github"),
        ("EventBus", {"jetstream": {"version": "latest", "replicas": 2}}, "replicas must be 1, or 3 and more"),
        ("EventBus", {"jetstreamExotic": {"url": ""}}, "url must be given"),
    ],
)
def test_what_can_never_run_is_refused_with_the_field(api: ApiServer, kind: str, spec: Any, words: str) -> None:
    assert words in refused(api, kind, spec)


def test_kubectl_explains_every_level(api: ApiServer) -> None:
    text = api.kubectl("explain", "sensor.spec.triggers.template.argoWorkflow")

    assert "Values of the events that are put into the Workflow." in text
    assert "enum" in text
    assert "What deliveries are signed with." in api.kubectl("explain", "es.spec.github.webhookSecret")


def test_status_is_a_subresource_and_shown(api: ApiServer) -> None:
    sensor = {"apiVersion": API, "kind": "Sensor", "metadata": {"name": "ci"}, "spec": {"eventBusName": "main"}}
    api.kubectl("create", "-f", "-", stdin=json.dumps(sensor))
    status = {
        "conditions": [
            {"type": "Deployed", "status": "False", "reason": "R", "message": "m", "lastTransitionTime": None, "x": 1}
        ],
        "lastSubmission": "2026-01-31T12:00:00Z",
        "lastError": "it broke",
    }
    api.kubectl("patch", "sn", "ci", "--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))

    (kept,) = json.loads(api.kubectl("get", "sn", "-o", "json"))["items"]
    heading, row = api.kubectl("get", "sn", "-o", "wide").splitlines()

    assert kept["status"]["conditions"][0]["x"] == 1
    assert " ".join(heading.split()) == "NAME BUS DEPENDENCIES TRIGGERS DEPLOYED LAST SUBMISSION LAST ERROR AGE"
    assert row.split()[:3] == ["ci", "main", "False"]
    assert "it broke" in row


def test_what_other_definitions_let_in_can_still_be_worked_on_and_deleted(tmp_path: Path) -> None:
    """Those of Argo Events take any specification; ours take their place while such objects are there."""
    wrong = {
        "Sensor": {"dependencies": [], "triggers": [{"template": {"name": 5, "k8s": {"operation": "Create"}}}]},
        "EventSource": {"webhook": {"push": {"port": 12000}}, "replicas": "two"},
        "EventBus": {"jetstream": {"version": "", "replicas": 2}},
    }
    plurals = {"Sensor": "sensors", "EventSource": "eventsources", "EventBus": "eventbus"}
    with api_server(tmp_path) as api:
        api.kubectl("create", "-f", "-", stdin=yaml.safe_dump_all(theirs(kind, name) for kind, name in plurals.items()))
        api.kubectl("wait", "--for=condition=Established", "crd", "--all")
        for kind, spec in wrong.items():
            metadata = {"name": "x", "finalizers": ["example.com/theirs"]}
            obj = {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": spec}
            api.kubectl("create", "-f", "-", stdin=json.dumps(obj))
        api.kubectl("apply", "--server-side", "--force-conflicts", "-f", ROOT / "crds")

        for kind, plural in plurals.items():
            eventually(lambda plural=plural: is_checked(api, plural))
            status = {"conditions": [{"type": "Deployed", "status": "False"}]}
            api.kubectl(
                "patch", plural, "x", "--subresource=status", "--type=merge", "-p", json.dumps({"status": status})
            )
            api.kubectl("label", plural, "x", "seen=yes")
            api.kubectl("delete", plural, "x", "--wait=false")
            api.kubectl("patch", plural, "x", "--type=merge", "-p", '{"metadata": {"finalizers": null}}')

            assert api.kubectl("get", plural, "-o", "name") == "", kind


def is_checked(api: ApiServer, plural: str) -> bool:
    """Whether a change for the worse is refused; a new definition counts a moment after it was written."""
    spec = {"replicas": "three", "jetstream": {"version": "", "replicas": -1}, "dependencies": [5]}
    try:
        api.kubectl("patch", plural, "x", "--dry-run=server", "--type=merge", "-p", json.dumps({"spec": spec}))
    except AssertionError as error:
        return "is invalid" in str(error)
    return False


def theirs(kind: str, plural: str) -> dict[str, Any]:
    """A definition as Argo Events has it."""
    any_fields = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    definition: dict[str, Any] = crd(kind, plural)
    (version,) = definition["spec"]["versions"]
    properties = {"metadata": {"type": "object"}, "spec": any_fields, "status": any_fields}
    version["schema"] = {
        "openAPIV3Schema": {"type": "object", "required": ["metadata", "spec"], "properties": properties}
    }
    version["subresources"] = {"status": {}}
    return definition
