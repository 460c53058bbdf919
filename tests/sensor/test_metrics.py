"""What Prometheus reads of a sensor."""

from __future__ import annotations

from prometheus_client import REGISTRY

from events.models.values import OutcomeKind, VerdictKind
from sensor import metrics


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
