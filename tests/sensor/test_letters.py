"""What is tried again, for how long, what becomes a dead letter, and what a person can do about it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from eventbus.interface import Message
from eventbus.jetstream import JetStreamBus
from eventbus.ledger import Ledger, read_outcomes
from eventbus.marks import change_hold, read_obeyed
from eventbus.rounds import KeptRound, RoundState, order_retry, read_rounds
from eventbus.tally import read_accounts
from events.errors import Refused, Unavailable
from events.models.event import Event
from sensor import breaker, submitting
from sensor.ratelimit import RateLimit
from sensor.runner import SensorRunner
from sensor.settling import Settling
from tests.support.nats import bus, event, nats, until
from tests.support.sensor import TWO, Target, run, sensor, trigger

__all__ = ["bus", "nats"]


def letters(folder: Path, *states: RoundState) -> list[KeptRound]:
    return read_rounds(folder, states=states or (RoundState.DEAD,))


def outcomes(folder: Path) -> dict[tuple[str, str], str]:
    return {(row["trigger"], row["event"]): row["outcome"] for row in read_outcomes(folder)}


def figures(folder: Path, name: str = "start") -> dict[str, int]:
    [account] = [a for a in read_accounts(folder) if a.trigger == name]
    assert account.difference == 0
    return {
        word: getattr(account, word)
        for word in ("stored", "submitted", "filtered", "duplicate", "dead", "pending")
        if getattr(account, word)
    }


clock = time.time

QUICK = {"duration": "1ms", "factor": 1.0, "jitter": 0}


async def test_a_dead_letter_holds_the_words_of_the_target_and_the_event(bus: JetStreamBus, tmp_path: Path) -> None:
    async with run(sensor(), bus, Target(Refused("quota exceeded", status=403)), tmp_path):
        await bus.publish(event("e1", data=b'{"n":1}'), delivery_id="d1")
        await until(lambda: bool(letters(tmp_path)))

    [letter] = letters(tmp_path)
    assert (letter.sensor, letter.trigger, letter.reason, letter.detail) == (
        "default/ci", "start", "Refused", "quota exceeded",
    )  # fmt: skip
    assert (letter.events, letter.deliveries, letter.attempts) == ("e1", "d1", 1)
    assert b'"id":"e1"' in letter.matches


async def test_a_retried_letter_makes_the_workflow_of_its_event_and_is_gone(bus: JetStreamBus, tmp_path: Path) -> None:
    first = Target()
    async with run(sensor(), bus, first, tmp_path):
        await bus.publish(event("e0"))
        await until(lambda: bool(first.created))
    target = Target(Refused("no", status=403))
    async with run(sensor(), bus, target, tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: bool(letters(tmp_path)))
        order_retry(tmp_path, [letters(tmp_path)[0].key])
        await until(lambda: not letters(tmp_path, *RoundState))

    [name] = target.created
    other = Target()
    (tmp_path / "other").mkdir()
    async with run(sensor(), bus, other, tmp_path / "other"):
        await bus._api.store("default", "default.es.push", event("e1").to_json(), {"Nats-Msg-Id": "again"})
        await until(lambda: bool(other.created))
    assert list(other.created) == [name]  # the same event has the same name, always
    assert figures(tmp_path) == {"stored": 2, "submitted": 2}


async def test_a_letter_that_is_ordered_while_nothing_runs_is_retried_at_the_next_start(
    bus: JetStreamBus, tmp_path: Path
) -> None:
    async with run(sensor(), bus, Target(Refused("no")), tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: bool(letters(tmp_path)))
    order_retry(tmp_path, [letters(tmp_path)[0].key])
    target = Target()
    async with run(sensor(), bus, target, tmp_path):
        await until(lambda: bool(target.created))
        await until(lambda: not letters(tmp_path, *RoundState))


async def test_a_retried_letter_that_is_refused_again_stays(bus: JetStreamBus, tmp_path: Path) -> None:
    async with run(sensor(), bus, Target(Refused("no"), Refused("still no")), tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: bool(letters(tmp_path)))
        order_retry(tmp_path, [letters(tmp_path)[0].key])
        await until(lambda: [one.detail for one in letters(tmp_path)] == ["still no"])
    assert letters(tmp_path)[0].attempts == 2
    assert figures(tmp_path) == {"stored": 1, "dead": 1}


@pytest.mark.parametrize(("strategy", "calls"), [(None, 1), ({**QUICK, "steps": 3}, 3), ({**QUICK, "steps": 0}, 5)])
async def test_a_refusal_is_tried_as_often_as_the_retry_strategy_says(
    strategy: dict[str, Any] | None, calls: int, bus: JetStreamBus, tmp_path: Path
) -> None:
    target = Target(*[Refused("no")] * 9)
    given = {**trigger(), **({"retryStrategy": strategy} if strategy else {})}
    async with run(sensor(given), bus, target, tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: bool(letters(tmp_path)))
    assert target.calls == calls


async def test_an_absence_does_not_count_for_the_retry_strategy(bus: JetStreamBus, tmp_path: Path) -> None:
    away = [Unavailable("away", retry_after=0.01)] * 4
    target = Target(*away, Refused("no"), *away)
    async with run(sensor({**trigger(), "retryStrategy": {**QUICK, "steps": 2}}), bus, target, tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: outcomes(tmp_path).get(("start", "e1")) == "submitted")
    assert target.calls == 10


async def test_what_stays_away_for_a_day_is_a_dead_letter(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submitting, "GIVE_UP_AFTER", 0.2)
    async with run(sensor(), bus, Target(*[Unavailable("away", retry_after=0.05)] * 99), tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: bool(letters(tmp_path)))
    assert (letters(tmp_path)[0].reason, letters(tmp_path)[0].detail) == ("GaveUp", "given up after 24 h: away")


async def test_a_letter_that_is_retried_after_days_has_a_day_of_its_own(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submitting, "GIVE_UP_AFTER", 0.2)
    target = Target(*[Unavailable("away", retry_after=0.05)] * 99)
    async with run(sensor(), bus, target, tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: bool(letters(tmp_path)))
        monkeypatch.setattr(submitting, "GIVE_UP_AFTER", 60.0)
        [letter] = letters(tmp_path)
        monkeypatch.setattr(time, "time", lambda: clock() + 3600.0)
        target.answers = [Unavailable("busy", retry_after=0.05)]
        order_retry(tmp_path, [letter.key])
        await until(lambda: bool(target.created))
        await until(lambda: not letters(tmp_path, *RoundState))


async def test_what_stays_away_for_a_day_sets_off_the_dlq_trigger_too(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submitting, "GIVE_UP_AFTER", 0.2)

    class Half(Target):
        async def create(self, obj: dict[str, Any]) -> dict[str, Any]:
            if obj["metadata"]["name"].startswith("start-"):
                raise Unavailable("away", retry_after=0.05)
            return await super().create(obj)

    given = {**trigger(), "atLeastOnce": True, "dlqTrigger": {**trigger("plan-b"), "atLeastOnce": True}}
    target = Half()
    async with run(sensor(given), bus, target, tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: outcomes(tmp_path) == {("start", "e1"): "refused", ("plan-b", "e1"): "submitted"})
    assert [one.reason for one in letters(tmp_path)] == ["GaveUp"]
    assert len(target.created) == 1


async def test_parameters_that_do_not_resolve_are_a_dead_letter_without_an_attempt(
    bus: JetStreamBus, tmp_path: Path
) -> None:
    given = {**trigger(), "retryStrategy": {**QUICK, "steps": 3}}
    given["parameters"] = [{"src": {"dependencyName": "push", "dataKey": "no.such"}, "dest": "name"}]
    target = Target()
    async with run(sensor(given), bus, target, tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: bool(letters(tmp_path)))
    assert letters(tmp_path)[0].reason == "EvaluationFailed"
    assert target.calls == 0


async def test_a_new_dead_letter_sets_off_the_dlq_trigger_once(bus: JetStreamBus, tmp_path: Path) -> None:
    substitute = {**trigger("plan-b"), "atLeastOnce": True}
    substitute["template"]["conditions"] = "no && such && dependency"
    given = {**trigger(), "atLeastOnce": True, "dlqTrigger": substitute}
    target = Target(Refused("no"))
    async with run(sensor(given), bus, target, tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: bool(target.created))
        await until(lambda: outcomes(tmp_path) == {("start", "e1"): "refused", ("plan-b", "e1"): "submitted"})
        target.answers.append(Refused("again"))
        order_retry(tmp_path, [letters(tmp_path)[0].key])
        await until(lambda: [one.detail for one in letters(tmp_path)] == ["again"])

    [created] = target.created.values()
    assert created["metadata"]["name"].startswith("plan-b-")
    assert created["metadata"]["labels"]["events.argoproj.io/trigger"] == "plan-b"
    assert created["metadata"]["annotations"]["pointsman/event-id"] == "e1"


async def test_what_waits_for_its_target_survives_a_restart_and_holds_no_message(
    bus: JetStreamBus, tmp_path: Path
) -> None:
    async with run(sensor(), bus, Target(*[Unavailable("away", retry_after=0.5)] * 99), tmp_path) as runner:
        for n in range(5):
            await bus.publish(event(f"e{n}"))
        await until(lambda: list(outcomes(tmp_path).values()) == ["pending"] * 5)
        await until(lambda: not runner._settling.held)
        assert figures(tmp_path) == {"stored": 5, "pending": 5}
    target = Target()
    async with run(sensor(), bus, target, tmp_path):
        await until(lambda: len(target.created) == 5)
        await until(lambda: not letters(tmp_path, *RoundState))
    assert figures(tmp_path) == {"stored": 5, "submitted": 5}


async def test_a_target_that_is_away_gets_one_attempt_a_second_and_delays_nobody(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "PROBE", 0.5)
    monkeypatch.setattr("sensor.settling.MAX_UNSETTLED", 20)
    away = Target(*[Unavailable("away")] * 10_000)
    note = {"template": {"name": "note", "log": {}}, "rateLimit": {"unit": "Second", "requestsPerUnit": 100_000}}
    async with run(sensor(trigger(), note), bus, away, tmp_path):
        began = time.monotonic()
        for n in range(200):
            await bus.publish(event(f"e{n}"))
        await until(lambda: sum(o == "submitted" for o in outcomes(tmp_path).values()) == 200)
        assert time.monotonic() - began < 30
        calls = away.calls
        assert calls <= 130 + 2 * (time.monotonic() - began) + 2  # those that began before it was known, then probes
        away.answers.clear()
        await until(lambda: len(away.created) == 200)
    assert figures(tmp_path) == {"stored": 200, "submitted": 200}


async def test_a_rate_limit_is_exact_and_delays_nobody(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensor.settling.MAX_UNSETTLED", 5)
    times: list[float] = []

    class Slow(Target):
        async def create(self, obj: dict[str, Any]) -> dict[str, Any]:
            times.append(time.monotonic())
            return await super().create(obj)

    limited = {**trigger(), "rateLimit": {"unit": "Second", "requestsPerUnit": 5}}
    note = {"template": {"name": "note", "log": {}}}
    async with run(sensor(limited, note), bus, Slow(), tmp_path):
        began = time.monotonic()
        for n in range(30):
            await bus.publish(event(f"e{n:02}"))
        await until(lambda: sum(t == "note" and o == "submitted" for (t, _), o in outcomes(tmp_path).items()) == 30)
        assert len(times) < 15
        await until(lambda: len(times) == 30)
    # A machine that is busy starts one late and the next in time again, but none before its place.
    assert all(moment - began >= n / 5 for n, moment in enumerate(times))
    assert max(b - a for a, b in pairwise(times)) < 3.0


async def test_a_held_sensor_leaves_its_events_on_the_bus_until_it_is_released(
    bus: JetStreamBus, tmp_path: Path
) -> None:
    target = Target()
    async with run(sensor(), bus, target, tmp_path) as runner:
        change_hold(tmp_path, ["default/ci"], held=True)
        await until(lambda: runner._on_hold)
        for n in range(5):
            await bus.publish(event(f"e{n}"))
    async with run(sensor(), bus, target, tmp_path) as runner:  # a restart does not release it
        await bus.publish(event("e5"))
        await until(lambda: runner._on_hold)
        assert target.calls == 0
        change_hold(tmp_path, ["default/ci"], held=False)
        await until(lambda: len(target.created) == 6)
        await bus.publish(event("e6"))
        await until(lambda: len(target.created) == 7)


async def test_a_hold_is_confirmed_when_nothing_that_was_pulled_before_begins_any_more(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensor.runner.ORDERS", 0.01)
    begun, go_on, looks = asyncio.Event(), asyncio.Event(), 0
    take, make_room = SensorRunner._take, Settling.make_room

    async def slowly(self: SensorRunner, batch: Sequence[Message]) -> None:
        begun.set()
        await go_on.wait()
        await take(self, batch)

    def counted(self: Settling) -> None:
        nonlocal looks
        looks += 1
        make_room(self)

    monkeypatch.setattr(SensorRunner, "_take", slowly)
    monkeypatch.setattr(Settling, "make_room", counted)
    async with run(sensor(), bus, Target(), tmp_path) as runner:
        assert read_obeyed(tmp_path) == {"default/ci": False}
        await bus.publish(event("e1"))
        await begun.wait()
        change_hold(tmp_path, ["default/ci"], held=True)
        await until(lambda: runner._on_hold)
        before = looks
        await until(lambda: looks > before + 3)
        assert read_obeyed(tmp_path) == {"default/ci": None}
        go_on.set()
        await until(lambda: read_obeyed(tmp_path) == {"default/ci": True})
        change_hold(tmp_path, ["default/ci"], held=False)
        change_hold(tmp_path, ["default/ci"], held=True)
        assert read_obeyed(tmp_path) == {"default/ci": None}  # it is another order, though nothing changes by it
        await until(lambda: read_obeyed(tmp_path) == {"default/ci": True})
    change_hold(tmp_path, ["default/ci"], held=False)
    assert read_obeyed(tmp_path) == {"default/ci": None}
    async with run(sensor(), bus, Target(), tmp_path):
        assert read_obeyed(tmp_path) == {"default/ci": False}


async def test_accounts_add_up_for_joins_duplicates_and_what_is_no_event(bus: JetStreamBus, tmp_path: Path) -> None:
    both = {**trigger()}
    both["template"]["conditions"] = "push && approval"
    note = {"template": {"name": "note", "conditions": "push", "log": {}}}
    async with run(sensor(both, note, dependencies=TWO), bus, Target(), tmp_path):
        await bus.publish(event("p1"))
        await bus.publish(event("p2"))  # in the place of p1
        await bus._api.store("default", "default.es.push", b"no event", {"Nats-Msg-Id": "x"})
        await bus.publish(event("a1", name="approval"))
        await until(lambda: outcomes(tmp_path).get(("start", "a1")) == "submitted")
        await bus._api.store("default", "default.es.push", event("p2").to_json(), {"Nats-Msg-Id": "y"})
        await until(lambda: figures(tmp_path, "note").get("duplicate") == 1)
        await until(lambda: "duplicate" in figures(tmp_path))
    assert outcomes(tmp_path)["start", "p1"] == "replaced"
    [replaced] = [row["detail"] for row in read_outcomes(tmp_path) if row["outcome"] == "replaced"]
    assert replaced.startswith("by event p2")
    assert figures(tmp_path) == {"stored": 4, "submitted": 2, "filtered": 1, "duplicate": 1}
    assert figures(tmp_path, "note") == {"stored": 3, "submitted": 2, "duplicate": 1}


async def test_a_fault_of_ours_in_a_filter_is_a_dead_letter_of_the_event_that_can_be_offered_again(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Target()
    compiled = sensor()
    decide = compiled.decide
    broken = True

    def faulty(one: Event) -> Any:
        if broken and one.id == "e1":
            raise ZeroDivisionError("bug")
        return decide(one)

    monkeypatch.setattr(compiled, "decide", faulty)
    async with run(compiled, bus, target, tmp_path):
        for n in range(3):
            await bus.publish(event(f"e{n}"))
        await until(lambda: len(target.created) == 2 and len(letters(tmp_path)) == 1)
        [letter] = letters(tmp_path)
        assert (letter.trigger, letter.reason, letter.detail) == (
            "", "InternalError", "internal error: ZeroDivisionError: bug",
        )  # fmt: skip
        await until(lambda: figures(tmp_path) == {"stored": 3, "submitted": 2, "dead": 1})
        broken = False
        order_retry(tmp_path, [letter.key])
        await until(lambda: len(target.created) == 3)
        await until(lambda: not letters(tmp_path, *RoundState))
    assert figures(tmp_path) == {"stored": 3, "submitted": 3}


async def test_what_waits_for_its_rate_limit_begins_no_more_when_the_sensor_is_held(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Target()
    limited = {**trigger(), "rateLimit": {"unit": "Second", "requestsPerUnit": 1}}
    monkeypatch.setattr(RateLimit, "wait", lambda self, now: 1.0)
    async with run(sensor(limited), bus, target, tmp_path) as runner:
        taken = 0

        def take(self: RateLimit, now: float) -> float:
            nonlocal taken
            taken += 1
            if taken == 3:
                runner._parking.hold(True)
            return 0.0

        runner._parking.hold(True)
        for n in range(20):
            await bus.publish(event(f"e{n:02}"))
        await until(lambda: len(letters(tmp_path, RoundState.PARKED)) == 20)
        monkeypatch.setattr(RateLimit, "take", take)
        runner._parking.hold(False)
        await until(lambda: taken >= 3 and not runner._parking._submissions)
        assert len(target.created) == 2
        runner._parking.hold(False)
        await until(lambda: len(target.created) == 20)


async def test_a_letter_whose_target_nobody_knows_yet_does_not_ask_for_it_again_and_again(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = {"src": {"dependencyName": "push", "dataKey": "body.nothing"}, "dest": "metadata.name"}
    broken = trigger()
    broken["template"]["argoWorkflow"]["parameters"] = [missing]
    async with run(sensor(broken), bus, Target(), tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: [one.target for one in letters(tmp_path)] == [""])
    begun = 0
    begin = Ledger.begin

    async def counted(self: Ledger, *rest: Any) -> None:
        nonlocal begun
        begun += 1
        await begin(self, *rest)

    monkeypatch.setattr(Ledger, "begin", counted)
    target = Target(*[Unavailable("away")] * 8)
    async with run(sensor(), bus, target, tmp_path):
        await bus.publish(event("e2"))
        await until(lambda: len(target.answers) <= 5)  # it counts as away
        order_retry(tmp_path, [letters(tmp_path)[0].key])
        await until(lambda: len(target.created) == 2)
        await until(lambda: not letters(tmp_path, *RoundState))
    assert begun < 15
    assert figures(tmp_path) == {"stored": 2, "submitted": 2}


async def test_a_target_that_wants_to_be_left_alone_for_years_is_asked_within_a_day(
    bus: JetStreamBus, tmp_path: Path
) -> None:
    async with run(sensor(), bus, Target(Unavailable("later", retry_after=1e9)), tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: bool(letters(tmp_path, RoundState.PARKED)))
    [one] = letters(tmp_path, RoundState.PARKED)
    assert one.due <= one.first + submitting.GIVE_UP_AFTER + 1.0


async def test_a_target_that_wants_to_be_asked_again_at_once_is_asked_with_growing_pauses(
    bus: JetStreamBus, tmp_path: Path
) -> None:
    async with run(sensor(), bus, Target(Unavailable("later", retry_after=0.0)), tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: bool(letters(tmp_path, RoundState.PARKED)))
        [one] = letters(tmp_path, RoundState.PARKED)
    assert one.due > one.first


async def test_who_retries_the_letter_of_a_trigger_that_is_no_more_is_told_so(
    bus: JetStreamBus, tmp_path: Path
) -> None:
    async with run(sensor(), bus, Target(Refused("no")), tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: bool(letters(tmp_path)))
    target = Target()
    async with run(sensor(trigger("other")), bus, target, tmp_path):
        await bus.publish(event("e2"))
        await until(lambda: bool(target.created))
        order_retry(tmp_path, [letters(tmp_path)[0].key])
        await until(lambda: [one.reason for one in letters(tmp_path)] == ["NoSuchTrigger"])
