"""What Prometheus reads of a sensor."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import REGISTRY

from eventbus import marks
from eventbus.jetstream import JetStreamBus
from eventbus.ledger import read_outcomes
from events.errors import EvaluationError, Refused, SpecError
from events.models.event import Event
from events.models.values import OutcomeKind, VerdictKind
from sensor import metrics
from tests.support.nats import bus, event, nats, until
from tests.support.sensor import Target, run, sensor

__all__ = ["bus", "nats"]


def read(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"namespace": "ns", "sensor_name": "counted", **labels})


def test_what_is_counted_is_read_when_it_is_asked_for() -> None:
    numbers = metrics.of_sensor("ns", "counted", ["t"])
    assert read("argo_events_action_triggered_total", trigger_name="t") == 0
    numbers.verdicts[VerdictKind.FAILED] += 2
    numbers.triggers["t"].attempted(0.25, failed=True)
    numbers.triggers["t"].attempted(0.5)
    numbers.triggers["t"].settled(OutcomeKind.SUBMITTED)
    numbers.triggers["t"].settled(OutcomeKind.REFUSED)

    assert read("argo_events_action_triggered_total", trigger_name="t") == 1
    assert read("argo_events_action_failed_total", trigger_name="t") == 1
    assert read("argo_events_action_retries_failed_total", trigger_name="t") == 1
    assert read("argo_events_action_duration_milliseconds_count", trigger_name="t") == 2
    assert read("argo_events_action_duration_milliseconds_sum", trigger_name="t") == 750
    assert read("pointsman_verdicts_total", verdict="failed") == 2
    assert read("pointsman_outcomes_total", trigger_name="t", outcome="submitted") == 1


def test_sensors_of_one_name_in_two_namespaces_are_counted_apart() -> None:
    metrics.of_sensor("a", "counted-apart", []).verdicts[VerdictKind.PASSED] += 1
    metrics.of_sensor("b", "counted-apart", [])
    labels = {"sensor_name": "counted-apart", "verdict": VerdictKind.PASSED.value}
    assert REGISTRY.get_sample_value("pointsman_verdicts_total", {"namespace": "a", **labels}) == 1
    assert REGISTRY.get_sample_value("pointsman_verdicts_total", {"namespace": "b", **labels}) == 0


def test_a_sensor_that_comes_again_counts_on() -> None:
    metrics.of_sensor("ns", "counted-on", ["a"]).triggers["a"].settled(OutcomeKind.DUPLICATE)
    again = metrics.of_sensor("ns", "counted-on", ["a", "b"])
    assert again.triggers["a"].outcomes[OutcomeKind.DUPLICATE] == 1
    assert again.triggers["b"].outcomes[OutcomeKind.DUPLICATE] == 0


def test_the_time_from_a_delivery_to_what_it_set_off_is_that_of_the_newest_event() -> None:
    numbers = metrics.of_sensor("ns", "slow", ["t"]).triggers["t"]
    old = Event("e1", "es", "github", "push", "2026-01-01T00:00:00Z")
    new = Event("e2", "es", "github", "push", "2026-01-01T00:00:10.123456789Z")
    numbers.submitted([new, old], metrics.received_at(new) + 0.3)
    numbers.submitted([new], metrics.received_at(new) + 86_400)
    numbers.submitted([Event("e3", "es", "github", "push", "yesterday")], 0.0)

    def seconds(what: str, **labels: str) -> float:
        name = f"pointsman_delivery_to_submission_seconds_{what}"
        return read(name, sensor_name="slow", trigger_name="t", **labels) or 0

    assert [seconds("bucket", le=bound) for bound in ("0.25", "0.5", "1800.0", "+Inf")] == [0, 1, 1, 2]
    assert (seconds("count"), round(seconds("sum"), 3)) == (2, 86400.3)


def test_dead_letters_begin_with_0_so_that_the_first_one_is_an_increase() -> None:
    labels = {"namespace": "ns", "sensor_name": "no-letters"}
    metrics.of_sensor("ns", "no-letters", ["t"]).letters["t", "Refused"] += 1
    metrics.of_sensor("ns", "no-letters", ["t"])  # it comes again
    for trigger, reasons in (("t", metrics.TRIGGER_REASONS), ("", metrics.EVENT_REASONS)):
        shown = {
            reason: REGISTRY.get_sample_value(
                "pointsman_dead_letters_total", {**labels, "trigger_name": trigger, "reason": reason}
            )
            for reason in reasons
        }
        assert shown == {reason: trigger == "t" and reason == "Refused" for reason in reasons}


def reasons_in_code() -> Iterator[str]:
    """The reasons of dead letters that stand in the code that makes them."""
    for path in (Path(metrics.__file__).parent).glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            name = ast.unparse(call.func).rpartition(".")[2] if isinstance(call, ast.Call) else ""
            if isinstance(call, ast.Call) and name in ("bury", "_bury", "dead", "_dead", "_refused"):
                for given in call.args:
                    first = given.elts[0] if isinstance(given, ast.Tuple) else given
                    if isinstance(first, ast.Constant):
                        yield str(first.value)


def test_each_reason_of_a_dead_letter_is_among_those_that_begin_with_0() -> None:
    found = {one for one in reasons_in_code() if one and " " not in one}
    assert len(found) > 4  # so that the search finds what there is
    known = {*metrics.TRIGGER_REASONS, *metrics.EVENT_REASONS}
    assert found - known == {"NoSuchTrigger"}  # of a trigger that nobody knows any more
    assert known >= {error.reason for error in (EvaluationError, Refused, SpecError)}


async def test_dead_letters_are_counted_by_reason(bus: JetStreamBus, tmp_path: Path) -> None:
    target = Target(Refused("no quota", status=403))
    async with run(sensor(), bus, target, tmp_path):
        await bus.publish(event("e1"))
        await bus.publish(event("e2"))
        await until(lambda: len(target.created) == 1 and len(list(read_outcomes(tmp_path))) == 2)
    labels = {"namespace": "default", "sensor_name": "ci", "trigger_name": "start", "reason": "Refused"}
    assert (REGISTRY.get_sample_value("pointsman_dead_letters_total", labels) or 0) >= 1


async def test_the_lag_is_what_waits_on_the_bus(bus: JetStreamBus, tmp_path: Path) -> None:
    lag = "pointsman_sensor_lag"
    async with run(sensor(), bus, Target(), tmp_path):
        pass
    for number in range(5):
        await bus.publish(event(f"late-{number}"))
    marks.change_hold(tmp_path, ["default/ci"], held=True)
    async with run(sensor(), bus, Target(), tmp_path):
        await until(lambda: REGISTRY.get_sample_value(lag, {"sensor": "default/ci"}) == 5)
        marks.change_hold(tmp_path, ["default/ci"], held=False)
        await until(lambda: REGISTRY.get_sample_value(lag, {"sensor": "default/ci"}) == 0)
