"""Asking a real API server in the name of others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest

from events.errors import Refused
from events.kube import AlreadyExists, Object
from events.kube.client import Cluster, open_cluster
from tests.events.kube.test_client import with_workflows, workflow
from tests.support.kube import ApiServer, api_server, needs_kube

pytestmark = [needs_kube, pytest.mark.kube]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with api_server(tmp_path_factory.mktemp("kube")) as running:
        yield running


@pytest.fixture
async def cluster(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig))
    async with open_cluster() as cluster:
        await with_workflows(cluster)
        yield cluster


WORKFLOW = ("argoproj.io/v1alpha1", "Workflow", "default")


async def created(cluster: Cluster, *names: str, label: str = "") -> None:
    for name in names:
        obj: Object = workflow(name)
        obj["metadata"]["labels"] = {"l": label} if label else {}
        with contextlib.suppress(AlreadyExists):
            await cluster.create(obj)


async def test_objects_are_found_by_label_in_order_of_their_names(cluster: Cluster) -> None:
    await created(cluster, "f2", "f1", label="yes")
    await created(cluster, "f3", label="no")
    names = [w["metadata"]["name"] for w in await cluster.find(*WORKFLOW, labels="l=yes")]
    assert names == ["f1", "f2"]
    assert {w["metadata"]["name"] for w in await cluster.find(*WORKFLOW, labels="!none")} >= {"f1", "f2", "f3"}


async def test_another_acts_with_nothing_but_its_own_credentials(cluster: Cluster) -> None:
    for authorization, status in (("Bearer unknown", 401), ("Basic YTpi", 403)):
        with pytest.raises(Refused) as refused:
            await cluster.acting(authorization).find(*WORKFLOW)
        assert refused.value.status == status
    assert "system:anonymous" in refused.value.message


async def test_a_rehearsal_creates_nothing(cluster: Cluster) -> None:
    await cluster.rehearse(workflow("rehearsed"))
    assert await cluster.get(*WORKFLOW, "rehearsed") is None


@pytest.mark.parametrize("namespace", ["..", ".", "a/b"])
async def test_no_name_leads_out_of_its_place(cluster: Cluster, namespace: str) -> None:
    with pytest.raises(Refused):
        await cluster.find(*WORKFLOW[:2], namespace)


async def test_names_are_quoted(cluster: Cluster) -> None:
    found = await asyncio.gather(*(cluster.get(*WORKFLOW, name) for name in ("a?b", "a#b", "a b")))
    assert found == [None] * 3
