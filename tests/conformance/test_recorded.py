"""All recorded cases, run with the product: what the reference answered, or what a rule of ``deliberate.py`` promises instead."""

from __future__ import annotations

import collections
from pathlib import Path

import pytest

from tests.conformance import deliberate, run
from tests.support.shared import SHARED, needs_shared

pytestmark = [needs_shared, pytest.mark.shared, pytest.mark.timeout(600)]

CONFORMANCE = SHARED / "conformance"
FILES = {
    "bindings/dispatch.jsonl": 290,
    "bindings/expr.jsonl": 2990,
    "bindings/interceptor.jsonl": 409,
    "bindings/http.jsonl": 247,
    "bindings/param.jsonl": 276,
    "eventsource/provider-api.jsonl": 58,
    "eventsource/recordings.jsonl": 458,
    "sensor/filter.jsonl": 942,
    "sensor/gjson.jsonl": 470,
    "sensor/govaluate.jsonl": 736,
    "sensor/join.jsonl": 146,
    "sensor/panics.jsonl": 23,
    "sensor/params.jsonl": 630,
    "sensor/payload.jsonl": 104,
    "sensor/sjson.jsonl": 274,
    "sensor/transform.jsonl": 316,
    "sensor/validate.jsonl": 1071,
}
"""Case files and the number of cases that each holds at least: none may be left out in silence."""

WAITING = {
    "eventsource/provider-api.jsonl": 11,  # hooks of Gerrit and StorageGRID, subscriptions at SNS
    "eventsource/recordings.jsonl": 141,  # of sources that are not built yet
}

_rules: collections.Counter[str] = collections.Counter()


@pytest.mark.parametrize("name", FILES)
def test_recorded_cases_pass(name: str) -> None:
    """Each case of the file gives what was recorded or promised."""
    cases = run.read_cases(CONFORMANCE / name)

    report = run.run_cases(cases)
    _rules.update(report.rules)

    assert report.failed[:5] == []
    assert report.total + report.waiting.total() == len(cases) >= FILES[name]
    assert report.waiting.total() == WAITING.get(name, 0), dict(report.waiting)


def test_each_rule_is_needed() -> None:
    """A difference that no recorded case shows is not kept as a rule."""
    if not _rules:
        pytest.skip("the recorded cases were not run in this session")

    assert [rule.name for rule in deliberate.RULES if rule.name not in _rules] == []


def test_each_rule_is_documented() -> None:
    """A user finds each difference, by its name, in docs/compatibility.md."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "compatibility.md").read_text()

    assert [rule.name for rule in deliberate.RULES if f"| {rule.name} |" not in text] == []
