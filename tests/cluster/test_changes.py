"""What is changed under traffic: no delivery is refused or lost, none starts two Workflows."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.support.bed import Object, Space
from tests.support.kube import needs_control_plane
from tests.support.kubelet import needs_namespaces
from tests.support.traffic import Traffic
from tests.support.up import eventually

pytestmark = [needs_control_plane, needs_namespaces, pytest.mark.kube, pytest.mark.timeout(300)]

PUSH = Path(__file__).with_name("push.yaml").read_text()


async def test_sources_sensors_and_secrets_change_under_traffic(ours: Space) -> None:
    run = asyncio.to_thread
    await run(ours.apply, PUSH.replace("replicas: 3", "replicas: 1"))
    for workload in ("github-eventsource", "ci-sensor"):
        await run(ours.rolled_out, f"deployment/{workload}")
    events = {"github": {"push": {"events": ["push", "release"]}}}
    triggers = ours.find("sensors")[0]["spec"]["triggers"]
    triggers[0]["template"]["argoWorkflow"]["source"]["resource"]["metadata"]["labels"] = {"generation": "second"}
    url = f"http://{ours.address('github-eventsource-svc')}:12000/push"
    async with Traffic(url, "open-sesame", rate=10) as traffic:
        await traffic.flows(10)
        await asyncio.gather(
            run(changed, ours, "eventsource/github", events, "deployment/github-eventsource"),
            run(changed, ours, "sensor/ci", {"triggers": triggers}, "deployment/ci-sensor"),
        )
        await traffic.flows(10)

        both = {"webhook-secret": "simsalabim", "webhook-secret-previous": "open-sesame"}
        await run(ours.kubectl, "patch", "secret/github-secret", "-p", json.dumps({"stringData": both}))
        await traffic.flows(30)
        traffic.secret = "simsalabim"
        await traffic.flows(10)

    assert not traffic.failures
    eventually(lambda: len(ours.find("workflows")) >= len(traffic.taken))
    assert ours.deliveries() == dict.fromkeys(traffic.taken, 1)
    assert {one["metadata"]["labels"]["generation"] for one in ours.find("workflows")} == {"first", "second"}


def changed(space: Space, what: str, spec: Object, workload: str) -> None:
    """Change the specification of an object, and wait until its pods are those of the change, and those from before are gone."""
    kind, name = workload.split("/")
    before = space.get(kind, name)
    assert before is not None
    space.kubectl("patch", what, "--type=merge", "-p", json.dumps({"spec": spec}))
    eventually(lambda: (space.get(kind, name) or before)["metadata"]["generation"] > before["metadata"]["generation"])
    space.rolled_out(workload)
    labels = ",".join(f"{key}={value}" for key, value in before["spec"]["selector"]["matchLabels"].items())
    eventually(lambda: all("deletionTimestamp" not in pod["metadata"] for pod in space.find("pods", labels)))
