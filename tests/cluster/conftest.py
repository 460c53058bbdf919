"""One control plane with a node for all tests of this folder; each test has a namespace of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from tests.support.bed import Bed, Space
from tests.support.kube import control_plane, crd
from tests.support.kubelet import kubelet
from tests.support.up import ROOT

_ARGO = {
    "Workflow": "workflows",
    "WorkflowTemplate": "workflowtemplates",
    "ClusterWorkflowTemplate": "clusterworkflowtemplates",
    "CronWorkflow": "cronworkflows",
}


@pytest.fixture(scope="session")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    folder = tmp_path_factory.mktemp("bed")
    folder.chmod(0o755)
    with control_plane(folder) as server, kubelet(server, folder / "node") as node:
        yield Bed(server, node)


@pytest.fixture(scope="session")
def installed(bed: Bed) -> Bed:
    """The bed with stand-ins for Argo's kinds, and with all of manifests/install.yaml."""
    kinds = [crd(kind, plural) for kind, plural in _ARGO.items()]
    bed.server.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(kinds))
    bed.server.kubectl("apply", "--server-side", "-f", ROOT / "manifests" / "install.yaml")
    system = Space(bed.server, bed.node, "pointsman")
    try:
        system.rolled_out("deployment/pointsman-controller")
    except AssertionError:
        print(system.story())
        raise
    return bed


@pytest.fixture
def space(bed: Bed) -> Iterator[Space]:
    """A namespace of a cluster that knows nothing of us."""
    with bed.space() as made:
        yield made


@pytest.fixture
def ours(installed: Bed) -> Iterator[Space]:
    """A namespace of a cluster with our controller."""
    with installed.space() as made:
        yield made
