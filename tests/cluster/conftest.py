"""One control plane with a node for all tests of this folder; each test has a namespace of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.bed import Bed, Space
from tests.support.kube import control_plane
from tests.support.kubelet import kubelet


@pytest.fixture(scope="session")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    folder = tmp_path_factory.mktemp("bed")
    folder.chmod(0o755)
    with control_plane(folder) as server, kubelet(server, folder / "node") as node:
        yield Bed(server, node)


@pytest.fixture
def space(bed: Bed) -> Iterator[Space]:
    with bed.space() as made:
        yield made
