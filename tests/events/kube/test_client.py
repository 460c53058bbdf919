"""The door to a cluster, with a real API server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from events.errors import Refused, Unavailable
from events.kube import AlreadyExists
from events.kube.client import Cluster, open_cluster
from tests.support.kube import ApiServer, api_server, crd, needs_kube

pytestmark = [needs_kube, pytest.mark.kube]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with api_server(tmp_path_factory.mktemp("kube")) as running:
        yield running


@pytest.fixture
async def cluster(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig))
    async with open_cluster() as cluster:
        yield cluster


async def with_workflows(cluster: Cluster) -> None:
    """Install the stand-in for Argo's CRD and wait until it is served."""
    try:
        await cluster.create(crd("Workflow", "workflows"))
    except AlreadyExists:
        return
    async with asyncio.timeout(30):
        while True:
            try:
                await cluster.get("argoproj.io/v1alpha1", "Workflow", "default", "none")
                return
            except Refused:
                await asyncio.sleep(0.1)


def workflow(name: str) -> dict[str, object]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name, "namespace": "default", "annotations": {"a": "b"}},
        "spec": {"workflowTemplateRef": {"name": "ci"}},
    }


async def test_created_objects_can_be_read_back(cluster: Cluster) -> None:
    await with_workflows(cluster)

    created = await cluster.create(workflow("one"))

    assert created["metadata"]["uid"]
    found = await cluster.get("argoproj.io/v1alpha1", "Workflow", "default", "one")
    assert found is not None
    assert found["spec"] == {"workflowTemplateRef": {"name": "ci"}}
    assert await cluster.get("argoproj.io/v1alpha1", "Workflow", "default", "two") is None


async def test_a_taken_name_is_told_apart_from_other_refusals(cluster: Cluster) -> None:
    await with_workflows(cluster)
    await cluster.create(workflow("taken"))

    with pytest.raises(AlreadyExists, match='"taken" already exists'):
        await cluster.create(workflow("taken"))


async def test_refusals_carry_the_words_of_the_server(cluster: Cluster) -> None:
    await with_workflows(cluster)

    with pytest.raises(Refused, match="Invalid value"):
        await cluster.create(workflow("Not_A_Name"))
    with pytest.raises(Refused, match="knows no Gadget"):
        await cluster.create({**workflow("x"), "kind": "Gadget"})


async def test_a_server_that_is_away_may_be_back_later(
    tmp_path: Path, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = server.kubeconfig.read_text().replace(server.url, "https://127.0.0.1:9")
    (tmp_path / "kubeconfig").write_text(text)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))

    async with open_cluster() as cluster:
        with pytest.raises(Unavailable, match="cannot be reached"):
            await cluster.create(workflow("one"))
