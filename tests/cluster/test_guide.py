"""From an empty API server to the first Workflow, and back: nothing is left behind."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.support.bed import Bed, Space
from tests.support.kube import needs_control_plane
from tests.support.kubelet import needs_namespaces
from tests.support.up import ROOT, eventually

pytestmark = [needs_control_plane, needs_namespaces, pytest.mark.kube, pytest.mark.timeout(300)]

GUIDE = Path(__file__).with_name("guide.yaml")
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: gitlab-secret}\nstringData: {gitlab-token: glpat-abc, webhook-secret: open-sesame}\n"
TEMPLATE = "apiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\nmetadata: {name: default}\nspec: {}\n"


def everything(space: Space) -> set[str]:
    """What is in the namespace, but for what tells of the past."""
    kinds = space.server.kubectl("api-resources", "--namespaced", "--verbs=list,delete", "-o", "name").split()
    told = ("events", "events.events.k8s.io", "workflows.argoproj.io")
    return set(space.kubectl("get", ",".join(kind for kind in kinds if kind not in told), "-o", "name").split())


def test_the_guides_manifests_start_one_workflow_for_a_delivery_and_leave_nothing_behind(installed: Bed) -> None:
    space = Space(installed.server, installed.node, "default")
    space.kubectl("label", "namespace", "default", "pod-security.kubernetes.io/enforce=restricted")
    space.apply(SECRET, TEMPLATE)
    rights = subprocess.run(
        [sys.executable, "-m", "events", "rbac", GUIDE], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    space.apply(rights)
    before = everything(space)
    try:
        space.kubectl("apply", "-f", GUIDE)
        space.rolled_out("deployment/default-eventsource", 90)
        space.rolled_out("deployment/default-sensor", 90)

        assert posted(space) == posted(space) == 200  # the second time is a redelivery
        [workflow] = eventually(lambda: space.find("workflows"))
        assert workflow["metadata"]["name"].startswith("default-")
        assert workflow["spec"]["workflowTemplateRef"] == {"name": "default"}
        assert [p["name"] for p in workflow["spec"]["arguments"]["parameters"]] == ["branch", "pr"]
        assert len(space.find("workflows")) == 1
    finally:
        print(space.story())

    space.kubectl("delete", "-f", GUIDE, "--timeout=90s")
    eventually(lambda: everything(space) == before, 60)


def posted(space: Space) -> int:
    body = (ROOT / "events" / "cli" / "samples" / "gitlab" / "merge-request.json").read_bytes()
    assert json.loads(body)["object_attributes"]["state"] == "opened"
    headers = {
        "Content-Type": "application/json",
        "X-Gitlab-Event": "Merge Request Hook",
        "X-Gitlab-Event-UUID": "6c3f9b2e-0001",
        "X-Gitlab-Token": "open-sesame",
    }
    request = urllib.request.Request(f"http://{space.address('default-eventsource-svc')}:12000/push", body, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return int(answer.status)
