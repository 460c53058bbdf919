"""``pointsman up --kube``: Workflows go to a real API server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from events.kube.client import open_cluster
from tests.events.kube.test_client import with_workflows
from tests.support.kube import ApiServer, api_server, needs_kube
from tests.support.up import ROOT, eventually, moved, running
from tests.test_guarantees import deliver

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
