"""``pointsman install --namespaced``: a controller that has rights in its own namespace alone, and needs no more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.bed import Bed
from tests.support.kube import control_plane, needs_control_plane
from tests.support.kubelet import kubelet, needs_namespaces
from tests.support.up import eventually, pointsman

pytestmark = [needs_control_plane, needs_namespaces, pytest.mark.kube, pytest.mark.timeout(300)]

PUSH = list(yaml.safe_load_all(Path(__file__).with_name("push.yaml").read_text()))
OURS = [obj for obj in PUSH if obj["kind"] in ("EventBus", "EventSource", "Sensor")]


@pytest.fixture
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """A cluster of its own: in that of the other tests there is a controller for all namespaces."""
    folder = tmp_path_factory.mktemp("bed")
    folder.chmod(0o755)
    with control_plane(folder) as server, kubelet(server, folder / "node") as node:
        yield Bed(server, node)


def test_a_controller_of_one_namespace_runs_what_is_there_and_is_denied_nothing(bed: Bed, tmp_path: Path) -> None:
    definitions = pointsman("crds", cwd=tmp_path).stdout
    bed.server.kubectl("apply", "--server-side", "-f", "-", stdin=definitions)
    with bed.space() as space, bed.space() as other:
        begin = time.time()
        other.apply(*OURS)
        installation = pointsman("install", "--namespaced", "--no-crds", "-n", space.name, cwd=tmp_path).stdout
        space.kubectl("apply", "--server-side", "-f", "-", stdin=installation)
        space.rolled_out("deployment/pointsman-controller", 90)
        space.apply(*(obj for obj in PUSH if obj["kind"] != "WorkflowTemplate"))
        space.rolled_out("deployment/github-eventsource", 90)
        space.rolled_out("deployment/ci-sensor", 90)
        space.kubectl("delete", "sensors,eventsources", "--all")
        space.kubectl("delete", "eventbus", "--all")
        eventually(lambda: not space.find("statefulsets"), 60)

        account = f"system:serviceaccount:{space.name}:pointsman-controller"
        asked = bed.server.requests(account, begin)
        assert len(asked) > 20
        assert [one["requestURI"] for one in asked if one.get("responseStatus", {}).get("code") == 403] == []
        assert other.find("deployments") == other.find("statefulsets") == []
        other.kubectl("delete", "eventbus,eventsources,sensors", "--all")
