"""A sensor on a real bus: what it submits, retries, refuses and remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from eventbus.jetstream import JetStreamBus
from eventbus.ledger import Entry, open_ledger, read_events, read_outcomes
from events.errors import Refused, Unavailable
from events.kube import AlreadyExists, Object
from events.models.values import OutcomeKind
from sensor import metrics, submitting
from sensor import settling as settling_module
from sensor.breaker import FAILURES
from sensor.naming import Origin
from sensor.plan import CompiledSensor
from sensor.triggers.log import Log
from tests.support.nats import bus, event, nats, until
from tests.support.sensor import TWO, Target, run, sensor, trigger

__all__ = ["bus", "nats"]


def outcomes(folder: Path) -> list[str]:
    return sorted(row["outcome"] for row in read_outcomes(folder))


async def test_an_event_makes_one_workflow_named_after_it(bus: JetStreamBus, tmp_path: Path) -> None:
    target = Target()
    async with run(sensor(), bus, target, tmp_path):
        await bus.publish(event("e1"), delivery_id="d1")
        await until(lambda: outcomes(tmp_path) == ["submitted"])

    ((name, created),) = target.created.items()
    assert name.startswith("start-")
    assert len(name) == len("start-") + 13
    assert created["metadata"]["labels"]["events.argoproj.io/sensor"] == "ci"
    assert created["metadata"]["annotations"] == {
        "pointsman/event-id": "e1",
        "pointsman/delivery-id": "d1",
        "pointsman/trigger": "default/ci/start",
    }


async def test_log_triggers_write_one_line_together_and_are_recorded_each(bus: JetStreamBus, tmp_path: Path) -> None:
    notes = [{"template": {"name": f"note-{n}", "log": {}}} for n in range(3)]
    limited = {"template": {"name": "limited", "log": {}}, "rateLimit": {"unit": "Second", "requestsPerUnit": 100}}
    with structlog.testing.capture_logs() as lines:
        async with run(sensor(*notes, limited), bus, Target(), tmp_path):
            await bus.publish(event("e1", data=b'{"body":{"ref":"main"}}'))
            await until(lambda: outcomes(tmp_path) == ["submitted"] * 4)

    written = [line for line in lines if line["event"] == '{"body":{"ref":"main"}}']
    assert sorted(line["triggers"] for line in written) == [["limited"], ["note-0", "note-1", "note-2"]]
    assert {(line["dependencyName"], line["sensor"], line["eventContext"]["id"]) for line in written} == {
        ("push", "default/ci", "e1")
    }
    assert sorted(row["trigger"] for row in read_outcomes(tmp_path)) == ["limited", "note-0", "note-1", "note-2"]


@pytest.mark.parametrize("tokens", ['"s3cr3t"', '"s3\\"],cr3t"', '"s3cr3t","s3cr3t"'])
def test_a_log_line_does_not_hold_the_token_of_a_delivery(tokens: str) -> None:
    text = '{"headers":{"X-A":["s"],"X-Gitlab-Token":[%s]},"body":{"text":"\\"X-Gitlab-Token\\":[\\"x\\"]"}}'
    with structlog.testing.capture_logs() as lines:
        Log.submit_at_once({"push": event("e1", data=(text % tokens).encode())}, [Origin("default", "ci", "note")])
    assert [line["event"] for line in lines] == [text % '"***"']


async def test_what_was_submitted_at_once_is_not_submitted_again(bus: JetStreamBus, tmp_path: Path) -> None:
    notes = [{"template": {"name": f"note-{n}", "log": {}}} for n in range(2)]
    async with open_ledger(tmp_path) as ledger:
        await ledger.record([], [Entry("e1", "default/ci", "note-0", "push", "submitted", "log")])
    with structlog.testing.capture_logs() as lines:
        async with run(sensor(*notes), bus, Target(), tmp_path):
            await bus.publish(event("e1"))
            await until(lambda: outcomes(tmp_path) == ["submitted"] * 2)

    assert [line["triggers"] for line in lines if "triggers" in line] == [["note-1"]]


async def test_a_fault_in_a_trigger_that_is_submitted_at_once_is_a_refusal(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Log, "submit_at_once", lambda events, origins: 1 / 0)
    async with run(sensor({"template": {"name": "note", "log": {}}}), bus, Target(), tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: outcomes(tmp_path) == ["refused"])


async def test_what_a_filter_drops_is_recorded_with_the_clause_and_the_value(bus: JetStreamBus, tmp_path: Path) -> None:
    dependency = {**TWO[0], "filters": {"data": [{"path": "body.ref", "type": "string", "value": ["^main$"]}]}}
    target = Target()
    with structlog.testing.capture_logs() as lines:
        async with run(sensor(dependencies=[dependency]), bus, target, tmp_path):
            await bus.publish(event("e1", data=b'{"body":{"ref":"dev"}}'))
            await bus.publish(event("e2", data=b'{"body":{}}'))
            await until(lambda: outcomes(tmp_path) == ["error", "filtered"])
    [line] = [line for line in lines if line["event"] == "filtered"]
    assert (line["event_id"], line["dependency"], line["clause"], line["seen"]) == (
        "e1",
        "push",
        "data[0] body.ref",
        '"dev"',
    )

    details = {row["event"]: row["detail"] for row in read_outcomes(tmp_path)}
    assert details["e1"] == """data[0] body.ref: does not match '^main$' (seen: "dev")"""
    assert details["e2"] == "data[0] body.ref: path 'body.ref' does not exist"
    assert target.calls == 0


async def test_a_target_that_is_away_is_tried_again(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling_module.random, "random", lambda: 0.01)
    target = Target(Unavailable("away"), Unavailable("busy", retry_after=0.01))
    async with run(sensor(), bus, target, tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: outcomes(tmp_path) == ["submitted"])

    assert target.calls == 3


async def test_while_one_trigger_is_tried_again_the_event_and_its_other_outcomes_are_known(
    bus: JetStreamBus, tmp_path: Path
) -> None:
    compiled = sensor(trigger(), {"template": {"name": "note", "log": {}}})
    numbers = metrics.of_sensor(compiled.namespace, compiled.name, ["start"]).triggers["start"]
    before = numbers.outcomes[OutcomeKind.RETRY]
    async with run(compiled, bus, Target(Unavailable("away", retry_after=60.0)), tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: outcomes(tmp_path) == ["pending", "submitted"])

    assert [one["id"] for one in read_events(tmp_path)] == ["e1"]
    assert {row["trigger"]: row["detail"] for row in read_outcomes(tmp_path)}["start"] == "retry: away"
    assert numbers.outcomes[OutcomeKind.RETRY] == before + 1


async def test_what_is_refused_for_good_is_kept_with_the_words_of_the_target(bus: JetStreamBus, tmp_path: Path) -> None:
    target = Target(Refused("quota exceeded", status=403))
    async with run(sensor(), bus, target, tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: outcomes(tmp_path) == ["refused"])

    (row,) = read_outcomes(tmp_path)
    assert row["detail"] == "quota exceeded"


async def test_a_fault_of_ours_ends_neither_the_process_nor_the_others(bus: JetStreamBus, tmp_path: Path) -> None:
    target = Target(ZeroDivisionError("bug"))
    async with run(sensor(), bus, target, tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: outcomes(tmp_path) == ["refused"])
        await bus.publish(event("e2"))
        await until(lambda: outcomes(tmp_path) == ["refused", "submitted"])


async def test_a_name_that_another_event_has_is_not_taken_for_ours(bus: JetStreamBus, tmp_path: Path) -> None:
    named = trigger()
    metadata = named["template"]["argoWorkflow"]["source"]["resource"]["metadata"]
    metadata.clear()
    metadata["name"] = "fixed"
    target = Target()
    async with run(sensor(named), bus, target, tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: outcomes(tmp_path) == ["submitted"])
        await bus.publish(event("e2"))
        await until(lambda: outcomes(tmp_path) == ["refused", "submitted"])

    refused = next(row for row in read_outcomes(tmp_path) if row["event"] == "e2")
    assert "belongs to another event" in refused["detail"]


async def test_a_name_that_was_taken_and_is_free_again_is_left_to_a_person(bus: JetStreamBus, tmp_path: Path) -> None:
    target = Target(AlreadyExists('workflows "ci-1" already exists', status=409))
    async with run(sensor(), bus, target, tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: outcomes(tmp_path) == ["refused"])
    assert "nobody can tell whether it was made for this event" in next(iter(read_outcomes(tmp_path)))["detail"]


async def test_a_conflict_about_something_else_is_tried_again(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submitting, "MAX_PAUSE", 0.01)
    conflict = "Operation cannot be fulfilled on resourcequotas: the object has been modified"
    target = Target(*(Refused(conflict, status=409) for _ in range(2 * FAILURES)))
    async with run(sensor(), bus, target, tmp_path) as runner:
        await bus.publish(event("e1"))
        away = []
        await until(
            lambda: (
                away.append(runner._parking._targets["the API server"].is_away) or outcomes(tmp_path) == ["submitted"]
            )
        )
    assert not any(away)  # for others it is there


async def test_a_redelivery_of_what_was_submitted_makes_nothing(bus: JetStreamBus, tmp_path: Path) -> None:
    """Also when the answer of the target was lost, so that the ledger does not know of it."""
    target = Target()
    async with run(sensor(), bus, target, tmp_path / "a" if (tmp_path / "a").mkdir() is None else tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: len(target.created) == 1)
    (tmp_path / "b").mkdir()
    other = sensor()
    async with run(other, bus, target, tmp_path / "b"):
        message = event("e1")
        await bus._api.store("default", "default.es.push", message.to_json(), {"Nats-Msg-Id": "another"})
        await until(lambda: outcomes(tmp_path / "b") == ["submitted"])

    assert len(target.created) == 1
    assert target.calls == 2


async def test_two_events_join_to_one_workflow_across_a_restart(bus: JetStreamBus, tmp_path: Path) -> None:
    target = Target()
    compiled: Callable[[], CompiledSensor] = lambda: sensor(dependencies=TWO)  # noqa: E731
    async with run(compiled(), bus, target, tmp_path):
        await bus.publish(event("p1"))
        await until(lambda: outcomes(tmp_path) == ["waiting"])
    async with run(compiled(), bus, target, tmp_path):
        await bus.publish(event("a1", name="approval"))
        await until(lambda: outcomes(tmp_path) == ["submitted", "submitted"])
        await bus.publish(event("a2", name="approval"))
        await until(lambda: outcomes(tmp_path) == ["submitted", "submitted", "waiting"])

    (created,) = target.created.values()
    assert created["metadata"]["annotations"]["pointsman/event-id"] == "a1,p1"


async def test_a_round_under_way_when_the_process_ends_is_submitted_by_the_next(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensor.runner.DRAIN", 0.05)
    away = Target(*[Unavailable("away", retry_after=0.5)] * 5)
    async with run(sensor(dependencies=TWO), bus, away, tmp_path):
        await bus.publish(event("p1"))
        await bus.publish(event("a1", name="approval"))
        await until(lambda: away.calls == 1)
    target = Target()
    async with run(sensor(dependencies=TWO), bus, target, tmp_path):
        await until(lambda: outcomes(tmp_path) == ["submitted", "submitted"])

    assert len(target.created) == 1


async def test_a_slow_target_holds_back_no_other_trigger(bus: JetStreamBus, tmp_path: Path) -> None:
    class Slow(Target):
        async def create(self, obj: Object) -> Object:
            if obj["metadata"]["name"].startswith("slow-"):
                await released.wait()
            return await super().create(obj)

    released = asyncio.Event()
    target = Slow()
    async with run(sensor(trigger("slow"), trigger("quick")), bus, target, tmp_path):
        for n in range(20):
            await bus.publish(event(f"e{n}"))
        await until(lambda: len(target.created) == 20)
        assert all(name.startswith("quick-") for name in target.created)
        released.set()
        await until(lambda: len(outcomes(tmp_path)) == 40)


async def test_told_to_end_it_tries_nothing_again_and_waits_for_no_room(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Target(*[Unavailable("away", retry_after=0.02)] * 10_000)
    async with run(sensor(), bus, target, tmp_path) as runner:
        await bus.publish(event("e1"))
        await until(lambda: target.calls >= 3)
        monkeypatch.setattr(settling_module, "MAX_PARKED", 0)
        close = runner._subscription.close

        async def close_slowly() -> None:
            await asyncio.sleep(0.1)
            calls.append(target.calls)
            await asyncio.sleep(1.0)
            calls.append(target.calls)
            await close()

        calls: list[int] = []
        monkeypatch.setattr(runner._subscription, "close", close_slowly)
        await runner.drain()
        assert calls[0] == calls[1]
        runner._settling.make_room()
        assert runner._settling._room.is_set()
        monkeypatch.undo()
