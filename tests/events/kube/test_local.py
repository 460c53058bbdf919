"""The local store of Workflows: by the rules of the API server, readable by others, whatever an event brought."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from events.errors import Refused
from events.kube import AlreadyExists
from events.kube.local import open_store, parameters, read_workflows, template_name

TEMPLATE = {"spec": {"arguments": {"parameters": [{"name": "branch"}, {"name": "depth", "value": "1"}]}}}
TEMPLATES = {("WorkflowTemplate", "default", "ci"): TEMPLATE}


def workflow(name: str = "w", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


def of_template(*given: dict[str, Any]) -> dict[str, Any]:
    return workflow(workflowTemplateRef={"name": "ci"}, arguments={"parameters": list(given)})


async def test_what_is_created_can_be_read_with_what_the_api_server_adds(tmp_path: Path) -> None:
    async with open_store(tmp_path, {}) as store:
        created = await store.create(workflow(entrypoint="main"))
        named = await store.create({**workflow(), "metadata": {"generateName": "ci-", "namespace": "default"}})
        assert await store.get("argoproj.io/v1alpha1", "Workflow", "default", "w") == created
    assert created["metadata"]["uid"]
    assert named["metadata"]["name"].startswith("ci-")
    assert [w["metadata"]["name"] for w in read_workflows(tmp_path)] == ["w", named["metadata"]["name"]]
    assert list(read_workflows(tmp_path, name="w")) == [created]
    assert list(read_workflows(tmp_path, namespace="other")) == []


async def test_a_name_is_given_once(tmp_path: Path) -> None:
    async with open_store(tmp_path, {}) as store:
        await store.create(workflow())
        with pytest.raises(AlreadyExists):
            await store.create(workflow())


@pytest.mark.parametrize(
    ("obj", "sentence"),
    [
        ({**workflow(), "kind": "Pod"}, "Pod cannot be created without a cluster (start with --kube)"),
        (workflow("Not A Name"), "Not A Name"),
        (workflow(workflowTemplateRef={"name": "gone"}), "WorkflowTemplate default/gone not found"),
        (of_template(), "parameter 'branch' of WorkflowTemplate default/ci has no value"),
        (of_template({"name": "branch", "value": None}), "parameter 'branch'"),
    ],
)
async def test_what_a_cluster_would_refuse_is_refused(obj: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    async with open_store(tmp_path, TEMPLATES) as store:
        with pytest.raises(Refused) as refused:
            await store.create(obj)
        assert sentence in str(refused.value)
        await store.create(of_template({"name": "branch", "value": "main"}))


async def test_a_workflow_is_stored_however_deep_an_event_made_it(tmp_path: Path) -> None:
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    async with open_store(tmp_path, {}) as store:
        await store.create(workflow("deep", x=deep))
        await store.create(workflow("next"))
    assert [w["metadata"]["name"] for w in read_workflows(tmp_path)] == ["deep", "next"]
    assert next(read_workflows(tmp_path))["spec"]["x"] == deep


@pytest.mark.parametrize("spec", [None, "text", [], {"arguments": 1, "workflowTemplateRef": "x"}])
def test_a_spec_of_another_shape_has_no_template_and_no_parameters(spec: Any) -> None:
    assert (template_name({"spec": spec}), parameters(spec)) == ("", [])
