"""The manifests that the rows run: GitHub pushes that start Workflows, alone or joined."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.chaos.generator import SECRET

API = "argoproj.io/v1alpha1"
TEMPLATE = "ci"
Manifest = dict[str, Any]

BUS: Manifest = {
    "apiVersion": API, "kind": "EventBus", "metadata": {"name": "default"}, "spec": {"jetstream": {"version": "latest"}},
}  # fmt: skip
KEY: Manifest = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "github-secret"},
    "stringData": {"webhook-secret": SECRET.decode()},
}


def source(port: int, events: Sequence[str] = ("push",), **more: Any) -> Manifest:
    """An EventSource ``github`` that takes pushes for each of ``events`` at the path of that name. ``more`` goes into each event."""
    return {
        "apiVersion": API,
        "kind": "EventSource",
        "metadata": {"name": "github"},
        "spec": {
            "github": {
                name: {
                    "repositories": [{"owner": "acme", "names": ["rocket"]}],
                    "webhook": {"endpoint": f"/{name}", "port": str(port), "method": "POST", **more},
                    "events": ["*"],
                    "webhookSecret": {"name": "github-secret", "key": "webhook-secret"},
                }
                for name in events
            }
        },
    }


def dependency(event: str) -> Manifest:
    """Pushes to main. One to ``faulty`` makes the expression fail, since a text is not less than a number."""
    return {
        "name": event,
        "eventSourceName": "github",
        "eventName": event,
        "filters": {
            "data": [{"path": "body.ref", "type": "string", "value": ["^refs/heads/(main|faulty)$"]}],
            "exprs": [{"expr": "deleted == false || deleted < 1", "fields": [{"name": "deleted", "path": "body.deleted"}]}],
        },
    }  # fmt: skip


def workflow(name: str, event: str, conditions: str = "", **template: Any) -> Manifest:
    """A trigger that creates a Workflow, with the repository of the push as a parameter."""
    return {
        "template": {
            "name": name,
            **({"conditions": conditions} if conditions else {}),
            "k8s": {
                "operation": "create",
                "source": {
                    "resource": {
                        "apiVersion": API,
                        "kind": "Workflow",
                        "metadata": {"generateName": f"{name}-"},
                        "spec": {
                            "workflowTemplateRef": {"name": TEMPLATE},
                            "arguments": {"parameters": [{"name": "repository"}]},
                        },
                    }
                },
                "parameters": [
                    {
                        "src": {"dependencyName": event, "dataKey": "body.repository.clone_url"},
                        "dest": "spec.arguments.parameters.0.value",
                    }
                ],
            },
            **template,
        }
    }


def http(name: str, event: str, url: str, **template: Any) -> Manifest:
    """A trigger that posts the repository of the push."""
    payload = [{"src": {"dependencyName": event, "dataKey": "body.repository.clone_url"}, "dest": "repository"}]
    return {
        "template": {"name": name, "http": {"url": url, "method": "POST", "payload": payload, **template}},
        "retryStrategy": {"steps": 3, "duration": "100ms"},
    }


def log(name: str) -> Manifest:
    return {"template": {"name": name, "log": {}}}


def sensor(name: str, events: Sequence[str], triggers: Sequence[Manifest]) -> Manifest:
    spec = {"dependencies": [dependency(event) for event in events], "triggers": list(triggers)}
    return {"apiVersion": API, "kind": "Sensor", "metadata": {"name": name}, "spec": spec}


def pushes(port: int, **more: Any) -> list[Manifest]:
    """Each push to main starts one Workflow: what most rows run."""
    return [BUS, KEY, source(port, **more), sensor("ci", ["push"], [workflow("start", "push")])]


def write(folder: Path, manifests: Sequence[Manifest]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "manifests.yaml"
    file.with_suffix(".new").write_text(yaml.safe_dump_all(manifests, sort_keys=False))
    file.with_suffix(".new").replace(file)
    return folder
