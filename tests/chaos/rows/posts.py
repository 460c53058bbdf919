"""The row ``kills`` for posted events and a WorkflowEventBinding: another way in, another way to the same target."""

from __future__ import annotations

import yaml

from tests.chaos.bench import Run, bench
from tests.chaos.generator import SECRET
from tests.chaos.manifests import API, TEMPLATE, Manifest
from tests.chaos.report import Report
from tests.chaos.rows import kills
from tests.chaos.rows.kills import Size

TIERS = {"short": Size(4, rate=60.0, delay=0.2), "nightly": Size(100, rate=60.0, longest_stop=20.0, delay=0.2)}

SELECTOR = (
    'payload.ref in ["refs/heads/main", "refs/heads/faulty"] && (payload.deleted == false || payload.deleted < 1)'
)
"""A push to ``faulty`` makes it fail, since a text is not less than a number."""


def manifests(port: int) -> list[Manifest]:
    clients = {"github.com": yaml.safe_dump({"type": "github", "secret": SECRET.decode()})}
    parameter = {"name": "repository", "valueFrom": {"event": "payload.repository.clone_url"}}
    submit = {"workflowTemplateRef": {"name": TEMPLATE}, "arguments": {"parameters": [parameter]}}
    return [
        {
            "apiVersion": API,
            "kind": "WorkflowEventBinding",
            "metadata": {"name": "start"},
            "spec": {"event": {"selector": SELECTOR}, "submit": submit},
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "argo-workflows-webhook-clients"},
            "stringData": clients,
        },
    ]


async def run(size: Size, run: Run) -> Report:
    options = ("--bindings-port", "{port}", "--wait", "1")
    return await kills.strike(size, run, bench(run, *options, make=manifests, path="/api/v1/events/default/push"))
