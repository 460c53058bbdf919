"""What a Workflow says of itself."""

from __future__ import annotations

from typing import Any

import pytest

from events.errors import SpecError
from events.kube.workflows import TemplateQuery, facts

ARGO = "workflows.argoproj.io/"
CLUSTER = {"spec": {"workflowTemplateRef": {"name": "ci", "clusterScope": True}}}
OWN = {"spec": {"workflowTemplateRef": {"name": "ci"}}}
LABELLED = {"metadata": {"labels": {f"{ARGO}cluster-workflow-template": "ci"}}}


@pytest.mark.parametrize(
    ("text", "selectors"),
    [
        ("ci", [f"{ARGO}workflow-template=ci", f"{ARGO}cluster-workflow-template=ci"]),
        ("workflowtemplate/ci", [f"{ARGO}workflow-template=ci"]),
        ("WorkflowTemplates/ci", [f"{ARGO}workflow-template=ci"]),
        ("cwft/ci.v2", [f"{ARGO}cluster-workflow-template=ci.v2"]),
    ],
)
def test_a_template_is_asked_for_by_the_labels_of_its_workflows(text: str, selectors: list[str]) -> None:
    assert TemplateQuery.of(text).selectors == selectors


@pytest.mark.parametrize("text", ["", "a,b", "a=b", "pod/ci", "CI", "ci/", "-ci", "x" * 254, "a\n"])
def test_what_cannot_be_a_template_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="names no template"):
        TemplateQuery.of(text)


@pytest.mark.parametrize(
    ("text", "held"), [("ci", [True, True, True]), ("cwft/ci", [True, False, True]), ("wftmpl/ci", [False, True, False]), ("other", [False] * 3)]
)  # fmt: skip
def test_a_workflow_without_labels_is_known_by_its_reference(text: str, held: list[bool]) -> None:
    assert [TemplateQuery.of(text).holds(one) for one in (CLUSTER, OWN, LABELLED)] == held


@pytest.mark.parametrize(
    ("labels", "annotations", "shown"),
    [
        ({}, {"pointsman/trigger": "ns/sensor/trigger"}, "ns/sensor/trigger"),
        ({f"{ARGO}resubmitted-from-workflow": "ci-1"}, {"pointsman/trigger": "x"}, "resubmit of ci-1"),
        ({"events.argoproj.io/sensor": "s", "events.argoproj.io/trigger": "t"}, {}, "s/t"),
        ({f"{ARGO}workflow-event-binding": "b", f"{ARGO}creator": "c"}, {}, "b"),
        ({f"{ARGO}cron-workflow": "nightly"}, {}, "cron nightly"),
        ({f"{ARGO}creator": "c", f"{ARGO}creator-email": "ada.at.example.com"}, {}, "ada.at.example.com"),
        ({}, {}, ""),
    ],
)
def test_who_or_what_started_it(labels: dict[str, str], annotations: dict[str, str], shown: str) -> None:
    assert facts({"metadata": {"labels": labels, "annotations": annotations}}).started_by == shown


@pytest.mark.parametrize(
    "odd", [{}, {"metadata": 1}, {"metadata": {"name": 1, "labels": []}, "spec": {"arguments": 2}, "status": "x"}]
)
def test_odd_objects_have_no_facts(odd: dict[str, Any]) -> None:
    found = facts(odd)
    assert (found.name, found.template, found.phase, found.parameters) == ("", "", "", ())


def test_the_phase_is_that_of_the_status_or_of_its_label() -> None:
    assert facts({"status": {"phase": "Failed"}}).phase == "Failed"
    assert facts({"metadata": {"labels": {f"{ARGO}phase": "Running"}}}).phase == "Running"
