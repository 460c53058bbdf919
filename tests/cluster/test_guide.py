"""From an empty API server to the first Workflow, and back: nothing is left behind."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from pathlib import Path

import pytest

from tests.support.bed import Bed, Space
from tests.support.forges.gitlab import FakeGitLab
from tests.support.kube import needs_control_plane
from tests.support.kubelet import needs_namespaces
from tests.support.up import ROOT, eventually, pointsman

pytestmark = [needs_control_plane, needs_namespaces, pytest.mark.kube, pytest.mark.timeout(300)]

GUIDE = Path(__file__).with_name("guide.yaml")
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: gitlab-secret}\nstringData: {gitlab-token: glpat-abc, webhook-secret: open-sesame}\n"
TEMPLATE = "apiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\nmetadata: {name: default}\nspec: {}\n"


def everything(space: Space) -> set[str]:
    """What is in the namespace, but for what tells of the past."""
    kinds = space.server.kubectl("api-resources", "--namespaced", "--verbs=list,delete", "-o", "name").split()
    told = ("events", "events.events.k8s.io", "workflows.argoproj.io")
    return set(space.kubectl("get", ",".join(kind for kind in kinds if kind not in told), "-o", "name").split())


async def test_the_guides_manifests_start_one_workflow_for_a_delivery_and_leave_nothing_behind(installed: Bed) -> None:
    space = Space(installed.server, installed.node, "default")
    gitlab = FakeGitLab(hooks={"projects/cmp/al-cloud": []})
    async with gitlab.serve(host=space.host) as url:
        guide = GUIDE.read_text().replace("http://10.121.218.82:6080", url)
        await asyncio.to_thread(follow, guide, space, gitlab)


def follow(guide: str, space: Space, gitlab: FakeGitLab) -> None:
    """From nothing to a Workflow, and back to nothing."""
    space.kubectl("label", "namespace", "default", "pod-security.kubernetes.io/enforce=restricted")
    rights = pointsman("rbac", str(GUIDE), cwd=ROOT).stdout
    space.apply(SECRET, TEMPLATE, rights)
    before = everything(space)
    try:
        space.apply(guide)
        space.rolled_out("deployment/default-eventsource")
        space.rolled_out("deployment/default-sensor")
        [hook] = eventually(lambda: gitlab.hooks["projects/cmp/al-cloud"])
        assert (hook["url"], hook["merge_requests_events"]) == ("http://172.11.0.6:32168/push", True)

        assert posted(space) == posted(space) == 200  # the second time is a redelivery
        [workflow] = eventually(lambda: space.find("workflows"))
        assert workflow["metadata"]["name"].startswith("default-")
        assert workflow["spec"]["workflowTemplateRef"] == {"name": "default"}
        assert [p["name"] for p in workflow["spec"]["arguments"]["parameters"]] == ["branch", "pr"]
        assert len(space.find("workflows")) == 1
    finally:
        print(space.story())

    space.kubectl("delete", "-f", "-", "--timeout=90s", stdin=guide)
    eventually(lambda: everything(space) == before, 60)
    assert gitlab.hooks["projects/cmp/al-cloud"] == []


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
