"""Posted events while the bus is away: kept on the local disk, answered 202 at once, and dispatched once when it is back."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from events.cli.endpoint import EndpointOptions
from events.cli.server import ServerOptions, serving
from events.errors import Refused
from sensor.bindings.runner import BindingRunner
from tests.support.bus import Server
from tests.support.cluster import MemoryCluster, Rule
from tests.support.up import RunningUp, eventually, running
from tests.support.waiting import until
from tests.test_accept_path import ask, options, server, spooled
from tests.test_bindings_up import PATH, written
from tests.test_guarantees import BODY, HEADERS, child, delivered

__all__ = ["server"]

API = "argoproj.io/v1alpha1"


async def posted(up: RunningUp, name: str) -> tuple[int, dict[str, Any]]:
    """A signed post, answered within a second when it is spooled."""
    begin = time.perf_counter()
    async with (
        aiohttp.ClientSession() as session,
        session.post(up.url(PATH), data=BODY, headers={**HEADERS, "X-GitHub-Delivery": name}) as answer,
    ):
        value = dict(await answer.json())
    assert answer.status != 202 or time.perf_counter() - begin < 1.0
    return answer.status, value


async def test_posts_outlive_an_outage_and_kill_9_and_start_one_workflow_each(tmp_path: Path, server: Server) -> None:
    manifests = written(tmp_path / "manifests")
    with running(manifests, folder=tmp_path / "up", options=options(server, "--bindings-port", "0")) as up:
        assert (await posted(up, "d0"))[0] == 200
        await server.stop()
        status, answer = await posted(up, "d1")
        assert status == 202
        assert {**answer, "id": ""} == {"id": "", "status": "spooled", "pending": True}
        assert (await posted(up, "d1"))[1] == answer, "a redelivery meanwhile"
        assert ask(up, "/readyz")[0] == 200

        os.kill(child(up, "source"), signal.SIGKILL)
        eventually(lambda: ask(up, "/readyz")[0] == 200 and spooled(up) == 2)
        assert (await posted(up, "d2"))[0] == 202

        await server.start()
        eventually(lambda: spooled(up) == 0 and sorted(delivered(up)) == ["d0", "d1", "d2"])
        [workflow] = [w for w in up.workflows() if w["metadata"]["annotations"]["pointsman/delivery-id"] == "d1"]
        status, again = await posted(up, "d1")
        name = workflow["metadata"]["name"]
        assert (status, again) == (
            200,
            {
                "id": answer["id"],
                "status": "duplicate",
                "bindings": [{"name": "push", "matched": True, "workflow": name}],
            },
        )
        assert (await posted(up, "d3"))[1]["status"] == "stored"
        assert sorted(delivered(up)) == ["d0", "d1", "d2", "d3"]


def bound_cluster() -> MemoryCluster:
    """A cluster with a binding, its template, and somebody who may post."""
    cluster = MemoryCluster()
    cluster.put({"apiVersion": API, "kind": "WorkflowTemplate", "metadata": {"name": "ci", "namespace": "ci"}})
    spec = {"event": {"selector": "true"}, "submit": {"workflowTemplateRef": {"name": "ci"}}}
    metadata = {"name": "b", "namespace": "ci"}
    cluster.put({"apiVersion": API, "kind": "WorkflowEventBinding", "metadata": metadata, "spec": spec})
    kinds = ("workfloweventbindings", "workflowtemplates", "workflows")
    cluster.allow("ada", "t0ken", [Rule("ci", "argoproj.io", kinds, ("list", "get", "create"))])
    return cluster


@pytest.mark.parametrize(("spool", "status"), [(1 << 20, 202), (None, 503)])
async def test_a_server_spools_beside_a_bus_of_others_when_it_is_told_to(
    spool: int | None, status: int, tmp_path: Path, server: Server
) -> None:
    cluster = bound_cluster()
    state, url = tmp_path / "state", options(server)[1]
    given = ServerOptions("127.0.0.1", 0, state, url, admin_port=0, spool=spool, endpoint=EndpointOptions(wait=20))
    headers = {"Authorization": "Bearer t0ken", "Idempotency-Key": "k"}
    async with serving(given, cluster) as running, aiohttp.ClientSession() as session:
        await server.stop()
        async with session.post(f"{running.url}/api/v1/events/ci/", data=b"{}", headers=headers) as answer:
            assert answer.status == status
        async with session.get(f"http://127.0.0.1:{running.admin_port}/readyz") as ready:
            assert ready.status == (200 if spool else 503)
        await server.start()
        headers["Idempotency-Key"] = "another"
        async with asyncio.timeout(30):
            while True:
                async with session.post(f"{running.url}/api/v1/events/ci/", data=b"{}", headers=headers) as answer:
                    if answer.ok:
                        break
                await asyncio.sleep(0.1)
        async with asyncio.timeout(30):
            while len(cluster.all("Workflow")) < (2 if spool else 1):
                await asyncio.sleep(0.05)
    assert len(cluster.all("Workflow")) == (2 if spool else 1)


async def test_bindings_that_broke_off_are_run_again(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a reason that nobody has thought of; the events that were posted meanwhile are not forgotten."""
    cluster = bound_cluster()
    run, broken = BindingRunner.run, [Refused("never heard of"), RuntimeError("a bug")]

    async def breaks_off(self: BindingRunner) -> None:
        if broken:
            raise broken.pop()
        await run(self)

    monkeypatch.setattr(BindingRunner, "run", breaks_off)
    given = ServerOptions(
        "127.0.0.1", 0, tmp_path / "state", options(server)[1], admin_port=0, endpoint=EndpointOptions(wait=0)
    )
    headers = {"Authorization": "Bearer t0ken", "Idempotency-Key": "k"}
    async with serving(given, cluster) as running, aiohttp.ClientSession() as session:
        async with session.post(f"{running.url}/api/v1/events/ci/", data=b"{}", headers=headers) as answer:
            assert answer.status == 200
        await until(lambda: bool(cluster.all("Workflow")))  # what a part had pulled comes again after 30 s
    assert not broken


@pytest.mark.parametrize("spool", [1 << 20, None])
async def test_a_server_starts_while_the_bus_is_away_and_no_event_misses_its_binding(
    spool: int | None, tmp_path: Path, server: Server
) -> None:
    """The binding's consumer is made after the event was taken, and a new consumer begins with what comes from then on."""
    cluster = MemoryCluster()
    cluster.put({"apiVersion": API, "kind": "WorkflowTemplate", "metadata": {"name": "ci", "namespace": "ci"}})
    spec = {"event": {"selector": "true"}, "submit": {"workflowTemplateRef": {"name": "ci"}}}
    cluster.put(
        {
            "apiVersion": API,
            "kind": "WorkflowEventBinding",
            "metadata": {"name": "b", "namespace": "ci"},
            "spec": spec,
        }
    )
    kinds = ("workfloweventbindings", "workflowtemplates", "workflows")
    cluster.allow("ada", "t0ken", [Rule("ci", "argoproj.io", kinds, ("list", "get", "create"))])
    await server.stop()
    url = options(server)[1]
    given = ServerOptions(
        "127.0.0.1", 0, tmp_path / "state", url, admin_port=0, spool=spool, endpoint=EndpointOptions(wait=0)
    )
    headers = {"Authorization": "Bearer t0ken", "Idempotency-Key": "k"}
    async with serving(given, cluster) as running, aiohttp.ClientSession() as session:

        async def post() -> int:
            try:
                async with session.post(f"{running.url}/api/v1/events/ci/", data=b"{}", headers=headers) as answer:
                    return answer.status
            except aiohttp.ClientConnectorError:
                return 0

        async def is_ready() -> bool:
            async with session.get(f"http://127.0.0.1:{running.admin_port}/readyz") as answer:
                return answer.status == 200 and "warning" not in await answer.text()

        assert await post() == (202 if spool else 0)
        assert not await is_ready()
        await server.start()
        async with asyncio.timeout(30):
            while not await is_ready():
                await asyncio.sleep(0.1)
            assert spool or await post() == 200
            while len(cluster.all("Workflow")) < 1:
                await asyncio.sleep(0.05)
