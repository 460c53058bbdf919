"""Two ``pointsman server`` with one NATS of somebody else: either dispatches, both answer, and a delivery counts once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from eventbus import ledger
from events.cli.endpoint import EndpointOptions
from events.cli.server import ServerOptions, serving
from tests.eventbus.test_exotic import server as nats_server
from tests.support.cluster import MemoryCluster, Rule

API = "argoproj.io/v1alpha1"


def binding(name: str, selector: str, template: str) -> dict[str, Any]:
    submit = {"workflowTemplateRef": {"name": template}}
    spec = {"event": {"selector": selector}, "submit": submit}
    return {
        "apiVersion": API,
        "kind": "WorkflowEventBinding",
        "metadata": {"name": name, "namespace": "ci"},
        "spec": spec,
    }


@dataclass
class Two:
    """Both servers, as their posters see them."""

    cluster: MemoryCluster
    urls: list[str]
    states: list[Path]
    http: aiohttp.ClientSession

    async def post(self, server: int, key: str) -> dict[str, Any]:
        headers = {"Authorization": "Bearer t0ken", "Idempotency-Key": key}
        async with self.http.post(f"{self.urls[server]}/api/v1/events/ci/x", data=b"{}", headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            return dict(await answer.json())

    def dispatched(self, server: int) -> set[str]:
        """The ids of the events whose bindings this server ran."""
        return {row["event"] for row in ledger.read_outcomes(self.states[server])}


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Two]:
    cluster = MemoryCluster()
    cluster.put({"apiVersion": API, "kind": "WorkflowTemplate", "metadata": {"name": "ci", "namespace": "ci"}})
    for one in (binding("a", "true", "ci"), binding("b", "false", "ci"), binding("c", "true", "missing")):
        cluster.put(one)
    kinds = ("workfloweventbindings", "workflowtemplates", "workflows")
    cluster.allow("ada", "t0ken", [Rule("ci", "argoproj.io", kinds, ("list", "get", "create"))])
    endpoint = EndpointOptions(wait=20)
    states = [tmp_path / "one", tmp_path / "two"]
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(nats_server(tmp_path))
        urls = []
        for state in states:
            options = ServerOptions(
                "127.0.0.1", 0, state, f"nats://127.0.0.1:{address}", admin_port=0, endpoint=endpoint
            )
            urls.append((await stack.enter_async_context(serving(options, cluster))).url)
        yield Two(cluster, urls, states, await stack.enter_async_context(aiohttp.ClientSession()))


async def test_each_answers_with_the_results_of_whichever_dispatched(two: Two) -> None:
    crossed: set[tuple[int, int]] = set()
    for number in range(200):
        server = number // 2 % 2  # pulls alternate: so must not the posts
        answer = await two.post(server, f"d{number}")
        shown = [(b["name"], b["matched"], "workflow" in b, "error" in b) for b in answer["bindings"]]
        assert shown == [("a", True, True, False), ("b", False, False, False), ("c", True, False, True)]
        crossed.add((server, next(other for other in (0, 1) if answer["id"] in two.dispatched(other))))
        if number >= 20 and len(crossed) == 4:
            break
    assert crossed == {(0, 0), (0, 1), (1, 0), (1, 1)}, "either dispatches for either"


async def test_a_delivery_posted_to_both_starts_one_workflow_and_has_one_answer(two: Two) -> None:
    keys = [f"d{number}" for number in range(40)]
    answers = await asyncio.gather(*(two.post(server, key) for key in keys for server in (0, 1)))

    assert len(two.cluster.all("Workflow")) == len(keys)
    for first, second in zip(answers[::2], answers[1::2], strict=True):
        assert (first["id"], first["bindings"]) == (second["id"], second["bindings"])
        assert sorted((first["status"], second["status"])) == ["duplicate", "stored"]
    assert len(two.dispatched(0) | two.dispatched(1)) == len(keys)
    assert not two.dispatched(0) & two.dispatched(1)
