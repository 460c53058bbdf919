"""Posted events and their bindings, on a real bus: each binding once, whatever fails, is sent again or is started anew."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from eventbus import jetstream, ledger, subjects
from eventbus.stream import FOR_BINDINGS
from events.errors import Refused, Unavailable
from events.kube import Object
from events.models.dispatching import Post, Results, results_topic
from events.models.event import Event, rfc3339
from eventsource.endpoint.cluster import ClusterGate
from eventsource.endpoint.service import EndpointSettings
from sensor.bindings import runner
from sensor.bindings.sources import ClusterBindings
from tests.support.cluster import MemoryCluster
from tests.support.endpoint import Answer, dispatcher, on_cluster, post, receiver, temporary_bus
from tests.support.waiting import until

TOKEN = "admin-token"
API = "argoproj.io/v1alpha1"


class Moody(MemoryCluster):
    """A cluster whose creates fail for some time. ``away`` counts by the binding; ``after`` fails when the object is made."""

    def __init__(self) -> None:
        super().__init__()
        self.away: Counter[str] = Counter()
        self.after: Counter[str] = Counter()
        self.state.tokens[TOKEN] = "admin"

    async def create(self, obj: Object) -> Object:
        name = str((obj["metadata"].get("labels") or {}).get("workflows.argoproj.io/workflow-event-binding"))
        if self.away[name]:
            self.away[name] -= 1
            raise Unavailable("the API server is away", retry_after=0.05)
        made = await super().create(obj)
        if self.after[name]:
            self.after[name] -= 1
            raise Unavailable("the answer was lost", retry_after=0.05)
        return made


def cluster_with(**selectors: str) -> Moody:
    cluster = Moody()
    cluster.put({"kind": "WorkflowTemplate", "metadata": {"name": "ci", "namespace": "ns"}, "spec": {}})
    for name, selector in selectors.items():
        spec = {"event": {"selector": selector}, "submit": {"workflowTemplateRef": {"name": "ci"}}}
        cluster.put({"kind": "WorkflowEventBinding", "metadata": {"name": name, "namespace": "ns"}, "spec": spec})
    return cluster


def started(cluster: MemoryCluster) -> dict[str, int]:
    """Workflows by the binding that started them."""
    labels = (w["metadata"]["labels"] for w in cluster.all("Workflow"))
    return dict(Counter(label["workflows.argoproj.io/workflow-event-binding"] for label in labels))


async def deliver(address: tuple[str, int], key: str, body: bytes = b"{}") -> Answer:
    return await post(address, body=body, headers={"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": key})


async def test_one_failing_binding_neither_stops_nor_repeats_the_others() -> None:
    good = {f"b{n}": "true" for n in range(9)}
    cluster = cluster_with(**good, broken="payload.missing.field == 1")
    async with on_cluster(cluster) as address:
        answers = [await deliver(address, "one") for _ in range(6)]

    assert [answer.status for answer in answers] == [200] * 6
    assert [answer.json["status"] for answer in answers] == ["stored"] + ["duplicate"] * 5
    assert started(cluster) == dict.fromkeys(good, 1)
    results = answers[0].bindings
    assert [name for name, result in results.items() if "error" in result] == ["broken"]
    assert "cannot fetch field from <nil>" in results["broken"]["error"]
    assert all(answer.bindings == results for answer in answers)
    [notice] = cluster.all("Event")
    assert notice["involvedObject"]["name"] == "broken"


async def test_deliveries_at_the_same_time_start_one_workflow() -> None:
    cluster = cluster_with(main="true")
    async with on_cluster(cluster) as address:
        answers = await asyncio.gather(*(deliver(address, "one") for _ in range(10)))
    assert started(cluster) == {"main": 1}
    names = {str(answer.bindings["main"]["workflow"]) for answer in answers}
    assert names == {cluster.all("Workflow")[0]["metadata"]["name"]}


async def test_the_reference_s_status_for_a_failed_binding_can_be_had() -> None:
    cluster = cluster_with(broken="nope", main="true")
    async with on_cluster(cluster, EndpointSettings(error_status="argo", wait=20)) as address:
        answer = await deliver(address, "one")
        again = await deliver(address, "one")
    assert answer.status == again.status == 500
    assert answer.json["code"] == 13
    assert answer.json["message"].startswith(
        "failed to dispatch event: [failed to evaluate workflow template expression"
    )
    assert started(cluster) == {"main": 1}


async def test_a_binding_that_waits_for_the_cluster_is_pending_and_comes_later() -> None:
    cluster = cluster_with(fine="true", slow="true")
    cluster.away["slow"] = 30
    async with on_cluster(cluster, EndpointSettings(wait=0.8)) as address:
        answer = await deliver(address, "one")
        assert answer.status == 200
        assert list(answer.bindings) == ["fine", "slow"]
        assert answer.bindings["slow"] == {"pending": True}
        assert started(cluster) == {"fine": 1}
        while (again := await deliver(address, "one")).bindings["slow"] == {"pending": True}:
            pass
    assert again.json["status"] == "duplicate"
    assert again.bindings["slow"]["matched"] is True
    assert started(cluster) == {"fine": 1, "slow": 1}


async def test_a_lost_answer_of_the_cluster_starts_no_second_workflow() -> None:
    cluster = cluster_with(main="true")
    cluster.after["main"] = 2
    async with on_cluster(cluster) as address:
        answer = await deliver(address, "one")
    assert "error" not in answer.bindings["main"]
    assert started(cluster) == {"main": 1}


async def test_a_workflow_of_another_event_is_not_taken_for_ours() -> None:
    cluster = cluster_with()
    submit = {"workflowTemplateRef": {"name": "ci"}, "metadata": {"name": '"fixed"'}}
    spec = {"event": {"selector": "true"}, "submit": submit}
    cluster.put({"kind": "WorkflowEventBinding", "metadata": {"name": "fixed", "namespace": "ns"}, "spec": spec})
    async with on_cluster(cluster) as address:
        first, second = await deliver(address, "one"), await deliver(address, "two")
    assert first.bindings["fixed"]["workflow"] == "fixed"
    assert "already exists" in second.bindings["fixed"]["error"]
    assert started(cluster) == {"fixed": 1}


async def test_what_is_unsettled_at_the_end_goes_on_at_the_next_start(tmp_path: Path) -> None:
    cluster = cluster_with(fine="true", slow="true")
    cluster.away["slow"] = 10**6
    source = ClusterBindings(cluster)
    async with temporary_bus(tmp_path) as bus, receiver(bus, ClusterGate(cluster), EndpointSettings(wait=1)) as address:
        async with dispatcher(tmp_path, bus, source, cluster):
            assert (await deliver(address, "one")).bindings["slow"] == {"pending": True}
        cluster.away.clear()
        cluster.remove("Event")
        async with dispatcher(tmp_path, bus, source, cluster):
            while (again := await deliver(address, "one")).bindings["slow"] == {"pending": True}:
                pass
    assert started(cluster) == {"fine": 1, "slow": 1}
    assert again.bindings["slow"]["matched"] is True
    assert outcomes(tmp_path) == {"ns/fine": "submitted", "ns/slow": "submitted"}


async def test_told_to_end_it_waits_for_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "MAX_UNSETTLED", 2)
    monkeypatch.setattr(runner, "DRAIN", 0.1)
    cluster = cluster_with(slow="true")
    cluster.away["slow"] = 10**6
    source = ClusterBindings(cluster)
    async with (
        asyncio.timeout(30),
        temporary_bus(tmp_path) as bus,
        receiver(bus, ClusterGate(cluster), EndpointSettings(wait=0.1)) as address,
    ):
        async with dispatcher(tmp_path, bus, source, cluster) as running:
            for name in "abc":
                await deliver(address, name)
            await until(lambda: len(running._at_work) >= 2)
        cluster.away.clear()
        async with dispatcher(tmp_path, bus, source, cluster):
            await until(lambda: started(cluster) == {"slow": 3})


async def test_an_event_that_is_stored_again_much_later_keeps_its_results(tmp_path: Path) -> None:
    """The bus forgets ids after some minutes; then the kept results are what a Workflow that is gone is not started anew for."""
    cluster = cluster_with(main="true")
    event = Event("e1", "ns", "t", "d", rfc3339(10**18), Post("ns", "d").to_json())
    announced: asyncio.Queue[Results] = asyncio.Queue()
    async with (
        temporary_bus(tmp_path) as address,
        jetstream.connect(address, name="test", stream=FOR_BINDINGS) as bus,
        dispatcher(tmp_path, address, ClusterBindings(cluster), cluster),
    ):
        await bus.listen(results_topic("e1"), lambda _, data: announced.put_nowait(Results.from_json(data)))
        first = await publish(bus, event, "id-1", announced)
        cluster.remove("Workflow")
        second = await publish(bus, event, "id-2", announced)
    assert first == second
    assert cluster.all("Workflow") == []


async def publish(bus: Any, event: Event, message_id: str, announced: asyncio.Queue[Results]) -> Results:
    """Under another id than the event's, as if the bus had forgotten that."""
    subject = subjects.binding_subject("ns", "d")
    await bus._api.store(FOR_BINDINGS.name, subject, event.to_json(), {"Nats-Msg-Id": message_id})
    async with asyncio.timeout(20):
        return await announced.get()


async def test_what_is_no_event_does_not_come_again(tmp_path: Path) -> None:
    cluster = cluster_with(main="true")
    with structlog.testing.capture_logs() as logs:
        async with (
            temporary_bus(tmp_path) as address,
            jetstream.connect(address, name="test", stream=FOR_BINDINGS) as bus,
            dispatcher(tmp_path, address, ClusterBindings(cluster), cluster),
        ):
            await bus.announce(subjects.binding_subject("ns", "d"), b"junk")
            bad = Event("e", "ns", "t", "d", rfc3339(0), b"{}")
            await bus.publish(bad, subject=subjects.binding_subject("ns", "d"))
            async with asyncio.timeout(20):
                while len([line for line in logs if "no posted event" in line["event"]]) < 2:
                    await asyncio.sleep(0.02)
    assert started(cluster) == {}


async def test_a_namespace_whose_bindings_cannot_be_read_is_told(tmp_path: Path) -> None:
    cluster = cluster_with(main="true")

    class Closed:
        async def of(self, namespace: str) -> Any:
            raise Refused("workfloweventbindings is forbidden", status=403)

    async with (
        temporary_bus(tmp_path) as bus,
        receiver(bus, ClusterGate(cluster), EndpointSettings(wait=20)) as address,
        dispatcher(tmp_path, bus, Closed(), cluster),
    ):
        answer = await deliver(address, "one")
    [result] = answer.json["bindings"]
    assert "cannot be read" in result["error"]


async def test_a_failed_binding_is_logged_with_its_selector_and_the_value() -> None:
    cluster = cluster_with(main='payload.n + "x" == ""')
    with structlog.testing.capture_logs() as logs:
        async with on_cluster(cluster) as address:
            await deliver(address, "one", b'{"n": 7}')
    [line] = [line for line in logs if line["event"] == "binding failed"]
    assert line["binding"] == "ns/main"
    assert line["selector"] == 'payload.n + "x" == ""'
    assert line["seen"] == {"payload.n": 7}


def outcomes(folder: Path) -> dict[str, str]:
    """What the ledger says of each binding."""
    return {
        f"{row['sensor'].partition('/')[0]}/{row['trigger']}": row["outcome"] for row in ledger.read_outcomes(folder)
    }
