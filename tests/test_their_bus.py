"""``up`` with an EventBus that is somebody's own NATS: events go there and come from there, and what it can lose is told."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from eventbus.addressing import exotic_address
from eventbus.jetstream import connect
from eventbus.stream import THEIRS
from tests.eventbus.test_exotic import server
from tests.support.up import RunningUp, eventually, free_port, running

WORKFLOW = {
    "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"generateName": "start-"}, "spec": {},
}  # fmt: skip


def manifests(nats: str, port: int, **exotic: Any) -> list[dict[str, Any]]:
    """A webhook and a sensor on a bus with a token."""
    bus = {"url": f"nats://127.0.0.1:{nats}", "accessSecret": {"name": "nats", "key": "auth"}, **exotic}
    trigger = {"template": {"name": "start", "argoWorkflow": {"operation": "submit", "source": {"resource": WORKFLOW}}}}
    specs: list[tuple[str, str, dict[str, Any]]] = [
        ("EventBus", "theirs", {"jetstreamExotic": bus}),
        (
            "EventSource",
            "hooks",
            {"eventBusName": "theirs", "webhook": {"push": {"port": str(port), "endpoint": "/", "method": "POST"}}},
        ),
        (
            "Sensor",
            "ci",
            {
                "eventBusName": "theirs",
                "dependencies": [{"name": "push", "eventSourceName": "hooks", "eventName": "push"}],
                "triggers": [trigger],
            },
        ),
    ]
    made = [
        {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        for kind, name, spec in specs
    ]
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "nats"}, "stringData": {"auth": "token: tok"}}
    return [*made, secret]


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return str(answer.read().decode())


def push(up: RunningUp) -> None:
    request = urllib.request.Request(up.url(), data=b"{}", headers={"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=20).close()


async def test_events_go_over_the_server_that_the_manifest_names_and_its_risks_are_told(tmp_path: Path) -> None:
    async with server(tmp_path, "authorization { token: tok }") as nats:
        file = tmp_path / "manifests.yaml"
        file.write_text(yaml.safe_dump_all(manifests(nats, free_port(), streamConfig="maxAge: 72h")))
        with running(file, folder=tmp_path / "up") as up:
            push(up)
            [workflow] = eventually(up.workflows)
            ready = get(f"{up.admin}/readyz")
            metrics = get(f"{up.admin}/metrics")

        assert workflow["metadata"]["name"].startswith("start-")
        address = exotic_address(f"nats://127.0.0.1:{nats}", b"token: tok", None)
        async with connect(address, name="test", stream=THEIRS) as bus:
            assert b'"source":"hooks"' in (await bus.read(1) or b"")
        assert "warning: EventBus default/theirs can lose events: the stream 'default' drops events after 3 d" in ready
        assert "deliveries of more than about 589824 are refused, though maxPayloadSize lets 1048576 pass" in ready
        assert 'pointsman_bus_risks{eventbus="default/theirs"} 1.0' in metrics
        assert "default/theirs can lose events" in up.log
        assert "tok" not in up.log.replace("token", "")


async def test_a_bus_whose_secret_is_missing_is_told_with_its_field(tmp_path: Path) -> None:
    found = [m for m in manifests("4222", free_port()) if m["kind"] != "Secret"]
    file = tmp_path / "manifests.yaml"
    file.write_text(yaml.safe_dump_all(found))
    with pytest.raises(AssertionError, match="nats/auth"), running(file, folder=tmp_path / "up"):
        pass
