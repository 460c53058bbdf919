"""``filters.cel`` as a filter: what passes, what fails, what is an error, and where it runs."""

from __future__ import annotations

import orjson
import pytest

from events.errors import EvaluationError, ExpressionError
from events.models.base import parse
from events.models.event import Event
from events.models.sensor import Filters
from events.models.values import VerdictKind
from sensor.filters import compile_filters
from sensor.scripts import ScriptWorker


def event(data: object) -> Event:
    text = None if data is None else data if isinstance(data, bytes) else orjson.dumps(data)
    return Event("1", "github", "github", "push", "2025-01-02T03:04:05Z", text)


@pytest.fixture(scope="module")
def scripts():
    with ScriptWorker() as worker:
        yield worker


@pytest.mark.parametrize(
    ("text", "data", "kind"),
    [
        ("body.ref == 'main'", {"body": {"ref": "main"}}, VerdictKind.PASSED),
        ("body.ref == 'main'", {"body": {"ref": "dev"}}, VerdictKind.FAILED),
        ("body.ref == 'main'", {"body": {}}, VerdictKind.ERROR),
        ("body.ref", {"body": {"ref": "main"}}, VerdictKind.ERROR),
        ("body.ref", {"body": {"ref": True}}, VerdictKind.PASSED),
        ("body.ref == 'main'", b"no json", VerdictKind.ERROR),
        ("body.ref == 'main'", None, VerdictKind.PASSED),
        ("body.exists(x, x > 2) && context.subject == 'push'", {"body": [1, 2, 3]}, VerdictKind.PASSED),
        ("body.exists(x, x > 2)", {"body": [1, 2]}, VerdictKind.FAILED),
        ("body.exists(x, x.y > 2)", {"body": [{}]}, VerdictKind.ERROR),
    ],
)
def test_only_true_passes(text, data, kind, scripts):
    verdict = compile_filters(parse(Filters, {"cel": text}), "", scripts)(event(data))
    assert verdict.kind is kind
    if kind is not VerdictKind.PASSED:
        assert verdict.clause == f"cel {text}"
        assert verdict.reason


def test_it_stands_beside_other_filters(scripts):
    wanted = {"data": [{"path": "body.a", "type": "number", "value": ["1"]}], "cel": "body.b == 2"}
    for operator, data, passes in (
        ("", {"a": 1, "b": 2}, True),
        ("", {"a": 1, "b": 3}, False),
        ("or", {"a": 1, "b": 3}, True),
        ("or", {"a": 0, "b": 3}, False),
    ):
        check = compile_filters(parse(Filters, wanted), operator, scripts)
        assert check(event({"body": data})).passed is passes


def test_a_program_that_does_not_compile_names_its_field(scripts):
    with pytest.raises(ExpressionError) as told:
        compile_filters(parse(Filters, {"cel": "body.ref =="}), "", scripts)
    assert told.value.path == "cel"


def test_a_program_that_takes_long_is_ended(scripts):
    slow = "body.list.exists(x, body.text.matches(x + '[ab]*a[ab]{100}c') || body.text.contains(body.needle + x))"
    data = {"body": {"list": ["(a|b)"] * 4000, "text": "ab" * 10000 + "a" * 10000, "needle": "a" * 5000 + "b"}}
    verdict = compile_filters(parse(Filters, {"cel": slow}), "", scripts)(event(data))
    assert verdict.kind is VerdictKind.ERROR
    assert "ended" in verdict.reason
    with pytest.raises(EvaluationError, match="true or false"):
        scripts.cel_filter("body.exists(x, x == 1) ? 1 : body", event({"body": [1]}).to_json())
