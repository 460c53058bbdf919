"""The hooks of an EventSource in a cluster: made by its pods, told in its status, through a rolling update, and gone with it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.support.bed import Space
from tests.support.forges.base import Answer, Hook, Request
from tests.support.forges.gitlab import FakeGitLab
from tests.support.kube import needs_control_plane
from tests.support.kubelet import needs_namespaces
from tests.support.up import eventually

pytestmark = [needs_control_plane, needs_namespaces, pytest.mark.kube, pytest.mark.timeout(300)]

TARGET = "projects/cmp/al-cloud"
BUS = """
apiVersion: argoproj.io/v1alpha1
kind: EventBus
metadata: {name: default}
spec: {jetstream: {version: latest, replicas: 1}}
"""
SECRET = """
apiVersion: v1
kind: Secret
metadata: {name: gitlab-secret}
stringData: {gitlab-token: glpat-abc, webhook-secret: open-sesame}
"""


class Watched(FakeGitLab):
    """Notes when there was no hook after there had been one."""

    gaps = 0

    @property
    def here(self) -> list[Hook]:
        return self.hooks[TARGET]

    def ask(self, request: Request) -> Answer:
        before = bool(self.here)
        answer = super().ask(request)
        self.gaps += before and not self.here
        return answer


def source(url: str, *events: str) -> dict[str, Any]:
    pr = {
        "projects": ["cmp/al-cloud"],
        "webhook": {"endpoint": "/push", "port": "12000", "method": "POST", "url": "http://172.11.0.6:32168"},
        "accessToken": {"name": "gitlab-secret", "key": "gitlab-token"},
        "secretToken": {"name": "gitlab-secret", "key": "webhook-secret"},
        "events": list(events),
        "enableSSLVerification": False,
        "gitlabBaseURL": url,
        "deleteHookOnFinish": True,
    }
    body = {"metadata": {"name": "gitlab"}, "spec": {"gitlab": {"pr": pr}}}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "EventSource", **body}


def gateway(space: Space) -> str:
    """Where pods find this machine."""
    pods = eventually(lambda: [pod for pod in space.find("pods") if pod["status"].get("podIP")])
    network = str(pods[0]["status"]["podIP"]).rsplit(".", 1)[0]
    return f"{network}.1"


async def test_hooks_come_stay_through_an_update_and_go_with_their_eventsource(ours: Space) -> None:
    run = asyncio.to_thread
    fake = Watched(hooks={TARGET: []})
    await run(ours.apply, BUS, SECRET)
    await run(ours.rolled_out, "statefulset/eventbus-default-js")
    async with fake.serve(host=await run(gateway, ours)) as url:
        await run(ours.apply, source(url, "PushEvents"))
        await run(eventually, lambda: fake.here, 60)
        (hook,) = fake.here
        assert (hook["url"], hook["token"]) == ("http://172.11.0.6:32168/push", "open-sesame")

        await run(ours.apply, source(url, "PushEvents", "NoteEvents"))
        await run(eventually, lambda: fake.here[0]["note_events"], 90)
        assert [one["id"] for one in fake.here] == [hook["id"]]
        assert fake.gaps == 0

        fake.token = "another"
        await run(
            ours.kubectl, "patch", "eventsource/gitlab", "--type=merge", "-p", json.dumps(update("TagPushEvents"))
        )
        await run(eventually, lambda: "401" in str(status(ours).get("troubles")), 150)
        assert status(ours)["hooks"] == {"right": 0, "wrong": 1}
        assert "401" in str([one["message"] for one in ours.find("events") if one["reason"] == "Trouble"])
        fake.token = "glpat-abc"

        await run(ours.kubectl, "delete", "eventsource/gitlab", "--timeout=120s")
        assert fake.here == []


def status(space: Space) -> dict[str, Any]:
    found: dict[str, Any] = space.find("eventsources")[0].get("status") or {}
    return found


def update(*events: str) -> dict[str, Any]:
    return {"spec": {"gitlab": {"pr": {"events": list(events)}}}}
