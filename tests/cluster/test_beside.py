"""Beside Argo's own controller: what lies in namespaces that are not ours is left alone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml

from tests.support.bed import Bed, Space
from tests.support.kube import needs_control_plane
from tests.support.kubelet import needs_namespaces
from tests.support.up import eventually, pointsman

pytestmark = [needs_control_plane, needs_namespaces, pytest.mark.kube]

PUSH = Path(__file__).with_name("push.yaml").read_text()
OBJECTS = [d for d in yaml.safe_load_all(PUSH) if d["kind"] in ("EventBus", "EventSource", "Sensor", "Secret")]


@pytest.fixture
def confined(installed: Bed, tmp_path: Path) -> Bed:
    """The controller leaves namespaces with a label to others, from now on."""
    system = Space(installed.server, installed.node, "pointsman")
    installation = pointsman("install", "--namespace-selector", "!theirs", cwd=tmp_path).stdout
    system.kubectl("apply", "--server-side", "-f", "-", stdin=installation)
    system.rolled_out("deployment/pointsman-controller")
    return installed


def test_objects_of_other_namespaces_are_neither_run_nor_written(confined: Bed) -> None:
    with confined.space({"theirs": "yes"}) as theirs, confined.space() as ours:
        begin = time.time()
        for space in (theirs, ours):
            space.apply(*OBJECTS)
        before = theirs.kubectl("get", "eventbus,eventsources,sensors", "-o", "json")
        eventually(lambda: ours.get("statefulset", "eventbus-default-js"))
        eventually(lambda: ours.get("deployment", "github-eventsource"))
        eventually(lambda: ours.get("deployment", "ci-sensor"))

        assert theirs.kubectl("get", "eventbus,eventsources,sensors", "-o", "json") == before
        assert theirs.kubectl("get", "deployments,statefulsets,services,pods", "-o", "name") == ""
        written = [one["objectRef"].get("namespace") for one in confined.server.writes("pointsman-controller", begin)]
        assert ours.name in written
        assert theirs.name not in written
