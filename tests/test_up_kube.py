"""``pointsman up --kube``: Workflows go to a real API server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from events.errors import Refused, Unavailable
from events.kube import AlreadyExists
from events.kube.client import Cluster, open_cluster
from tests.events.kube.test_client import with_workflows
from tests.support.kube import ApiServer, api_server, crd, needs_kube
from tests.support.up import ROOT, RunningUp, eventually, moved, running
from tests.test_bindings_up import PATH, written
from tests.test_guarantees import BODY, HEADERS, deliver

API = "argoproj.io/v1alpha1"

pytestmark = [needs_kube, pytest.mark.kube]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with api_server(tmp_path_factory.mktemp("kube")) as started:
        yield started


async def test_a_push_makes_one_workflow_in_the_cluster(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig))
    moved(ROOT / "examples" / "01-github-push", tmp_path / "manifests")
    async with open_cluster() as cluster:
        await with_workflows(cluster)
        with running(tmp_path / "manifests", folder=tmp_path, options=("--kube",)) as up:
            statuses = await deliver(up.url("/push"), [f"d{n}" for n in range(50)])
            assert set(statuses.values()) == {200}
            eventually(lambda: len([o for o in up.outcomes() if o["outcome"] == "submitted"]) == 50)
            names = [o["target"].rpartition("/")[2] for o in up.outcomes()]

        found = await asyncio.gather(*(cluster.get("argoproj.io/v1alpha1", "Workflow", "default", n) for n in names))
        deliveries = {w["metadata"]["annotations"]["pointsman/delivery-id"] for w in found if w}
        assert deliveries == {f"d{n}" for n in range(50)}
        assert up.workflows() == []


# -- WorkflowEventBindings -------------------------------------------------------------------------------------------


async def with_templates(cluster: Cluster) -> None:
    """Install the stand-ins for Argo's CRDs and wait until they are served."""
    await with_workflows(cluster)
    with contextlib.suppress(AlreadyExists):
        await cluster.create(crd("WorkflowTemplate", "workflowtemplates"))
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(Refused, Unavailable):
                await cluster.find(API, "WorkflowTemplate", "default")
                return
            await asyncio.sleep(0.1)


async def posted(up: RunningUp, delivery_id: str) -> list[dict[str, Any]]:
    """What the bindings did with a signed delivery."""
    headers = {**HEADERS, "X-GitHub-Delivery": delivery_id}
    async with (
        aiohttp.ClientSession() as session,
        session.post(up.url(PATH), data=BODY, headers=headers) as answer,
    ):
        assert answer.status == 200
        return list((await answer.json())["bindings"])


async def test_bindings_submit_templates_of_the_cluster_each_delivery_once(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig))
    manifests = written(tmp_path / "manifests", selector="payload.ref != nil")
    options = ("--kube", "--bindings-port", "0", "--wait", "30")
    async with open_cluster() as cluster:
        await with_templates(cluster)
        with running(manifests, folder=tmp_path, options=options) as up:
            [result] = await posted(up, "too-early")
            assert result == {
                "name": "push",
                "matched": True,
                "error": 'failed to get workflow template: workflowtemplates.argoproj.io "ci" not found',
            }
            async with asyncio.timeout(30):  # it is written after the answer
                while not (told := await cluster.find("v1", "Event", "default")):
                    await asyncio.sleep(0.05)
            assert [(e["reason"], e["involvedObject"]["name"]) for e in told] == [("WorkflowEventBindingError", "push")]

            metadata = {"name": "ci", "namespace": "default"}
            labels = {"workflowMetadata": {"labels": {"team": "rockets"}}}
            await cluster.create({"apiVersion": API, "kind": "WorkflowTemplate", "metadata": metadata, "spec": labels})
            ids = [f"p{n}" for n in range(30)]
            assert set((await deliver(up.url(PATH), [*ids, *ids, *reversed(ids)])).values()) == {200}
            [again] = await posted(up, "p7")
            assert up.workflows() == []

        found = await cluster.find(
            API, "Workflow", "default", labels="workflows.argoproj.io/workflow-event-binding=push"
        )
        assert sorted(w["metadata"]["annotations"]["pointsman/delivery-id"] for w in found) == sorted(ids)
        for one in found:
            assert one["spec"]["workflowTemplateRef"] == {"name": "ci"}
            assert one["spec"]["arguments"]["parameters"] == [{"name": "ref", "value": "refs/heads/main"}]
            marks = one["metadata"]["labels"]
            assert (marks["team"], marks["workflows.argoproj.io/workflow-template"]) == ("rockets", "ci")
            assert marks["workflows.argoproj.io/creator"] == "system-serviceaccount-default-bot"
        seventh = next(w for w in found if w["metadata"]["annotations"]["pointsman/delivery-id"] == "p7")
        assert again == {"name": "push", "matched": True, "workflow": seventh["metadata"]["name"]}
