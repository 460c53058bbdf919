"""A Sensor's account is to get what its triggers do, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from events.models.base import parse
from events.models.sensor import Sensor
from sensor.rights import Right, plural, rights_of

WORKFLOW = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"generateName": "ci-"}}

Json = dict[str, Any]


def sensor(*templates: Json, account: str = "ci", **trigger: Any) -> Sensor:
    triggers = [{"template": {"name": f"t{n}", **template}, **trigger} for n, template in enumerate(templates)]
    spec = {"triggers": triggers, "template": {"serviceAccountName": account}}
    return parse(Sensor, {"metadata": {"name": "s"}, "spec": spec})


def argo(obj: Json, operation: str = "submit", **fields: Any) -> Json:
    return {"argoWorkflow": {"source": {"resource": obj}, "operation": operation, **fields}}


def k8s(obj: Json, operation: str = "", **fields: Any) -> Json:
    return {"k8s": {"source": {"resource": obj}, "operation": operation, **fields}}


def shown(found: Sensor) -> list[str]:
    return [" ".join((r.namespace, r.group, r.resource, r.verb)) for r in sorted(rights_of(found, "home").rights)]


@pytest.mark.parametrize(
    ("template", "rights"),
    [
        (argo(WORKFLOW), ["home argoproj.io workflows create", "home argoproj.io workflows get"]),
        (
            argo({**WORKFLOW, "metadata": {"namespace": "away"}}, ""),
            ["away argoproj.io workflows create", "away argoproj.io workflows get"],
        ),
        (
            {"argoWorkflow": {"source": {"inline": "kind: Workflow"}, "operation": "submit"}},
            ["home argoproj.io workflows create", "home argoproj.io workflows get"],
        ),
        (k8s({"apiVersion": "v1", "kind": "Pod"}), ["home  pods create", "home  pods get"]),
        (
            k8s({"apiVersion": "apps/v1", "kind": "Deployment"}, "patch"),
            ["home apps deployments create", "home apps deployments get", "home apps deployments patch"],
        ),
        (
            k8s({"apiVersion": "v1", "kind": "ConfigMap"}, "update"),
            ["home  configmaps create", "home  configmaps get", "home  configmaps update"],
        ),
        (k8s({"apiVersion": "batch/v1", "kind": "Job"}, "delete"), ["home batch jobs delete", "home batch jobs get"]),
        (k8s({"apiVersion": "v1", "kind": "Namespace"}), ["  namespaces create", "  namespaces get"]),
        ({"http": {"url": "http://x"}}, []),
        ({"log": {}}, []),
        ({}, []),
    ],
)
def test_an_operation_needs_its_verbs_where_its_object_is(template: Json, rights: list[str]) -> None:
    assert shown(sensor(template)) == rights


def test_of_two_kinds_only_the_one_that_runs_counts() -> None:
    assert shown(sensor({**argo(WORKFLOW), **k8s({"apiVersion": "v1", "kind": "Pod"})})) == [
        "home  pods create",
        "home  pods get",
    ]


def test_dead_letter_triggers_count_too() -> None:
    dead = {"template": {"name": "dead", **k8s({"apiVersion": "v1", "kind": "Event"})}}

    assert shown(sensor({"log": {}}, dlqTrigger=dead)) == ["home  events create", "home  events get"]


@pytest.mark.parametrize(
    ("found", "path", "words"),
    [
        (sensor(argo(WORKFLOW), account=""), "spec.template.serviceAccountName", "every pod of the namespace"),
        (
            sensor(argo(WORKFLOW, "resubmit")),
            "spec.triggers[0].template.argoWorkflow.operation",
            "operation 'resubmit' is not built yet",
        ),
        (
            sensor({"k8s": {"source": {"configmap": {"name": "a", "key": "b"}}}}),
            "spec.triggers[0].template.k8s.source.configmap",
            "cannot be known",
        ),
        (sensor(k8s({"apiVersion": "x.io/v1", "kind": "Berry"})), "spec.triggers[0].template.k8s.source", "'berries' is a guess"),
        (
            sensor(argo(WORKFLOW, parameters=[{"src": {"dependencyName": "d"}, "dest": "metadata.namespace"}])),
            "spec.triggers[0].template.argoWorkflow.parameters",
            "an event decides over metadata.namespace",
        ),
        (
            sensor(
                k8s({"apiVersion": "v1", "kind": "Pod"}),
                parameters=[{"src": {"dependencyName": "d"}, "dest": "k8s.source.resource.kind"}],
            ),
            "spec.triggers[0].template.k8s.parameters",
            "an event decides over kind",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_known_is_told(found: Sensor, path: str, words: str) -> None:
    (note,) = rights_of(found, "home").notes

    assert note.path == path
    assert words in note.message


@pytest.mark.parametrize("dest", ["metadata.name", "spec.arguments.parameters.0.value"])
def test_events_may_fill_in_the_rest(dest: str) -> None:
    parameters = [{"src": {"dependencyName": "d"}, "dest": dest}]

    assert rights_of(sensor(argo(WORKFLOW, parameters=parameters)), "home").notes == []


def test_the_account_is_the_one_that_the_pods_have() -> None:
    assert rights_of(sensor({"log": {}}), "home").account == "ci"
    assert rights_of(sensor({"log": {}}, account=""), "home").account == "default"
    assert rights_of(sensor({"log": {}}, account=""), "home").notes == []
    assert rights_of(sensor({"log": {}}), "home").rights == frozenset[Right]()


@pytest.mark.parametrize(
    ("kind", "resource", "known"),
    [
        ("Workflow", "workflows", True), ("NetworkPolicy", "networkpolicies", True), ("Endpoints", "endpoints", True),
        ("EventBus", "eventbus", True), ("Box", "boxes", False), ("Branch", "branches", False), ("Key", "keys", False),
        ("Cherry", "cherries", False), ("Plum", "plums", False),
    ],
)  # fmt: skip
def test_the_resource_of_a_kind_is_its_plural(kind: str, resource: str, known: bool) -> None:
    assert plural(kind) == (resource, known)
