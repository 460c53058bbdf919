"""What bindings cannot submit: what waits, what becomes a dead letter and is retried, and that all of it is counted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from eventbus import ledger
from eventbus.rounds import KeptRound, RoundState, order_retry, read_rounds
from eventbus.tally import read_accounts, read_checkpoints
from events.errors import Refused, Unavailable
from events.kube import Object
from eventsource.endpoint.cluster import ClusterGate
from eventsource.endpoint.service import EndpointSettings
from sensor import auditing, breaker, settling
from sensor.bindings import dispatching
from sensor.bindings import runner as runner_module
from sensor.bindings.sources import BindingSource, ClusterBindings
from tests.support.cluster import MemoryCluster
from tests.support.endpoint import Answer, dispatcher, post, receiver, temporary_bus
from tests.support.nats import until

TOKEN = "admin-token"


class Moody(MemoryCluster):
    """A cluster whose creates do as a test wants: one ``answers`` with each error, and waits for ``answered``."""

    def __init__(self, **selectors: str) -> None:
        super().__init__()
        self.state.tokens[TOKEN] = "admin"
        self.answers: list[Exception] = []
        self.always: Exception | None = None
        self.answered = asyncio.Event()
        self.answered.set()
        self.tries = 0
        self.put({"kind": "WorkflowTemplate", "metadata": {"name": "ci", "namespace": "ns"}, "spec": {}})
        for name, selector in selectors.items():
            self.bind(name, selector)

    def bind(self, name: str, selector: str, template: str = "ci") -> None:
        spec = {"event": {"selector": selector}, "submit": {"workflowTemplateRef": {"name": template}}}
        self.put({"kind": "WorkflowEventBinding", "metadata": {"name": name, "namespace": "ns"}, "spec": spec})

    async def create(self, obj: Object) -> Object:
        if obj["kind"] != "Workflow":
            return await super().create(obj)
        self.tries += 1
        await self.answered.wait()
        if self.always or self.answers:
            raise self.always or self.answers.pop(0)
        return await super().create(obj)


@dataclass
class Running:
    folder: Path
    address: tuple[str, int]

    async def deliver(self, key: str) -> Answer:
        headers = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": key}
        return await post(self.address, body=b"{}", headers=headers)

    def letters(self) -> list[KeptRound]:
        return read_rounds(self.folder, states=(RoundState.DEAD,))

    def outcomes(self) -> dict[str, str]:
        return {row["trigger"]: row["outcome"] for row in ledger.read_outcomes(self.folder)}

    async def retry(self) -> None:
        """As ``pointsman retry --all``."""
        await until(lambda: bool(self.letters()))
        order_retry(self.folder, [one.key for one in self.letters()])

    def figures(self, trigger: str) -> dict[str, int]:
        [account] = [a for a in read_accounts(self.folder) if a.trigger == trigger]
        assert account.sensor == "ns/WorkflowEventBinding"
        assert account.difference == 0
        words = ("stored", "submitted", "filtered", "duplicate", "dead", "pending")
        return {word: n for word in words if (n := getattr(account, word))}


@contextlib.asynccontextmanager
async def running(
    folder: Path, cluster: Moody, source: BindingSource | None = None, wait: float = 20.0
) -> AsyncIterator[Running]:
    async with (
        temporary_bus(folder) as bus,
        receiver(bus, ClusterGate(cluster), EndpointSettings(wait=wait)) as address,
        dispatcher(folder, bus, source or ClusterBindings(cluster), cluster),
    ):
        yield Running(folder, address)


async def test_what_is_refused_is_a_dead_letter_and_its_retry_is_told_to_the_poster(tmp_path: Path) -> None:
    cluster = Moody(main="true", other="false")
    cluster.answers = [Refused("quota exceeded", status=403)]
    async with running(tmp_path, cluster) as run:
        answer = await run.deliver("one")
        assert "quota exceeded" in answer.bindings["main"]["error"]
        [letter] = run.letters()
        assert (letter.sensor, letter.trigger) == ("ns/WorkflowEventBinding", "main")
        assert "quota exceeded" in letter.detail
        assert run.figures("main") == {"stored": 1, "dead": 1}
        assert run.figures("other") == {"stored": 1, "filtered": 1}

        await run.retry()
        await until(lambda: run.outcomes() == {"main": "submitted", "other": "filtered"})
        assert not read_rounds(tmp_path, states=RoundState)
        again = await run.deliver("one")
        assert again.bindings["main"]["workflow"] == cluster.all("Workflow")[0]["metadata"]["name"]
        assert again.bindings["other"] == {"matched": False}
        assert run.figures("main") == {"stored": 1, "submitted": 1}
    assert len(cluster.all("Workflow")) == 1


async def test_a_retry_that_is_refused_again_stays_a_dead_letter(tmp_path: Path) -> None:
    cluster = Moody(main="true")
    cluster.always = Refused("no", status=403)
    async with running(tmp_path, cluster) as run:
        await run.deliver("one")
        await run.retry()
        await until(lambda: [one.attempts for one in run.letters()] == [2])
        assert run.figures("main") == {"stored": 1, "dead": 1}


async def test_a_template_that_comes_later_is_found_by_the_retry(tmp_path: Path) -> None:
    cluster = Moody()
    cluster.bind("main", "true", template="late")
    async with running(tmp_path, cluster) as run:
        assert '"late" not found' in (await run.deliver("one")).bindings["main"]["error"]
        cluster.put({"kind": "WorkflowTemplate", "metadata": {"name": "late", "namespace": "ns"}, "spec": {}})
        await run.retry()
        await until(lambda: len(cluster.all("Workflow")) == 1)


async def test_bindings_that_could_not_be_read_are_asked_by_the_retry(tmp_path: Path) -> None:
    cluster = Moody(main="true")
    real = ClusterBindings(cluster)
    forbidden = True

    class Source:
        async def of(self, namespace: str) -> Any:
            if forbidden:
                raise Refused("workfloweventbindings is forbidden", status=403)
            return await real.of(namespace)

    async with running(tmp_path, cluster, Source()) as run:
        [result] = (await run.deliver("one")).json["bindings"]
        assert "forbidden" in result["error"]
        [letter] = run.letters()
        assert (letter.trigger, letter.reason) == ("", "BindingsUnreadable")
        forbidden = False
        await run.retry()
        await until(lambda: run.outcomes().get("main") == "submitted")
        assert (await run.deliver("one")).bindings["main"]["matched"]
        assert run.figures("main") == {"stored": 1, "submitted": 1}
        assert run.figures("") == {"stored": 1, "filtered": 1}
    assert not read_rounds(tmp_path, states=RoundState)


async def test_an_api_server_that_is_away_is_asked_once_a_second_at_most_and_its_events_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "PROBE", 0.5)
    cluster = Moody(main="true")
    cluster.always = Unavailable("away")
    async with running(tmp_path, cluster, wait=0.1) as run:
        for number in range(20):
            assert (await run.deliver(str(number))).status == 200
        await until(lambda: list(run.outcomes().values()) == ["pending"] and cluster.tries >= 3)
        before = cluster.tries
        await asyncio.sleep(1.0)
        assert cluster.tries - before <= 3
        assert run.figures("main") == {"stored": 20, "pending": 20}
        cluster.always = None
        await until(lambda: len(cluster.all("Workflow")) == 20)
        await until(lambda: run.figures("main") == {"stored": 20, "submitted": 20})


async def test_what_stays_away_for_a_day_is_a_dead_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "GIVE_UP_AFTER", 0.2)
    cluster = Moody(main="true")
    cluster.always = Unavailable("away", retry_after=0.1)
    async with running(tmp_path, cluster, wait=0.1) as run:
        await run.deliver("one")
        await until(lambda: bool(run.letters()))
        assert run.letters()[0].reason == "GaveUp"
        cluster.always = None
        await run.retry()
        await until(lambda: len(cluster.all("Workflow")) == 1)


async def test_a_binding_that_gets_no_answer_is_seen_and_pending_for_the_poster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "SLOW", 0.1)
    cluster = Moody(main="true", other="false")
    cluster.answered.clear()
    async with running(tmp_path, cluster, wait=1.0) as run:
        answer = await run.deliver("one")
        assert answer.bindings["main"] == {"pending": True}
        assert run.outcomes() == {"main": "submitting", "other": "submitting"}
        assert run.figures("main") == {"stored": 1, "pending": 1}
        cluster.answered.set()
        await until(lambda: run.outcomes() == {"main": "submitted", "other": "filtered"})
        assert run.figures("main") == {"stored": 1, "submitted": 1}


async def test_a_binding_that_is_gone_when_its_event_is_retried_is_told(tmp_path: Path) -> None:
    cluster = Moody(main="true")
    cluster.answers = [Refused("no")]
    async with running(tmp_path, cluster) as run:
        await run.deliver("one")
        cluster.remove("WorkflowEventBinding")
        await run.retry()
        await until(lambda: [one.reason for one in run.letters()] == ["NoSuchBinding"])


async def test_a_fault_of_ours_is_a_dead_letter_of_the_whole_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "RETRY_SECONDS", 0.01)
    cluster = Moody(main="true")
    real = ClusterBindings(cluster)
    broken = True

    class Source:
        async def of(self, namespace: str) -> Any:
            return 1 / 0 if broken else await real.of(namespace)

    async with running(tmp_path, cluster, Source(), wait=0.1) as run:
        await run.deliver("one")
        await until(lambda: bool(run.letters()))
        assert run.letters()[0].reason == "InternalError"
        broken = False
        await run.retry()
        await until(lambda: run.outcomes().get("main") == "submitted")


async def test_an_event_that_was_counted_before_a_restart_counts_once_and_none_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "EVERY", 0.1)
    cluster = Moody(main="true")
    cluster.always = Unavailable("away", retry_after=0.1)
    source = ClusterBindings(cluster)
    async with temporary_bus(tmp_path) as bus:
        async with (
            receiver(bus, ClusterGate(cluster), EndpointSettings(wait=0.1)) as address,
            dispatcher(tmp_path, bus, source, cluster),
        ):
            run = Running(tmp_path, address)
            await run.deliver("one")
            await until(lambda: run.outcomes() == {"main": "pending"})
        cluster.always = None
        async with dispatcher(tmp_path, bus, source, cluster):
            await until(lambda: run.figures("main") == {"stored": 1, "submitted": 1})
            await until(lambda: any(c.sequence for c in read_checkpoints(tmp_path)))
            await asyncio.sleep(0.3)
    assert [c.lost for c in read_checkpoints(tmp_path)] == [0]


async def test_an_event_that_ended_the_process_each_time_is_a_dead_letter_and_its_neighbour_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "DRAIN", 0.1)
    cluster = Moody(main="true")
    cluster.always = Unavailable("away", retry_after=60.0)
    source = ClusterBindings(cluster)
    async with temporary_bus(tmp_path) as bus:
        async with (
            receiver(bus, ClusterGate(cluster), EndpointSettings(wait=0.1)) as address,
            dispatcher(tmp_path, bus, source, cluster),
        ):
            run = Running(tmp_path, address)
            await run.deliver("one")
            await run.deliver("two")
            await until(lambda: run.outcomes() == {"main": "pending"})
        async with ledger.open_ledger(tmp_path) as opened:
            for _ in range(2):
                await opened.begin("/WorkflowEventBinding", ["1"])
        cluster.always = None
        async with dispatcher(tmp_path, bus, source, cluster):
            await until(lambda: bool(run.letters()) and len(cluster.all("Workflow")) == 1)
            assert [one.reason for one in run.letters()] == ["Poison"]
            await run.retry()
            await until(lambda: len(cluster.all("Workflow")) == 2)
