"""Each clause of a dependency's filters tells on its own what it saw and what it says, also beside one that has decided."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from events.models.base import parse
from events.models.event import Event
from events.models.sensor import Dependency, Filters
from events.models.values import Verdict, VerdictKind
from sensor.dependencies import CompiledDependency
from sensor.filters import CompiledFilters, compile_filters
from sensor.scripts import ScriptWorker

PASSED, FAILED, ERROR = VerdictKind.PASSED, VerdictKind.FAILED, VerdictKind.ERROR

DATA = {"body": {"ref": "refs/heads/main", "size": 7, "draft": False, "labels": ["a", "b"]}}


@pytest.fixture(scope="module")
def scripts() -> Iterator[ScriptWorker]:
    with ScriptWorker() as worker:
        yield worker


def event(data: object = DATA) -> Event:
    text = None if data is None else data if isinstance(data, bytes) else orjson.dumps(data)
    return Event("1", "github", "github", "push", "2025-01-02T03:04:05Z", text)


def compiled(filters: dict[str, Any], scripts: ScriptWorker, operator: str = "") -> CompiledFilters:
    return compile_filters(parse(Filters, filters), operator, scripts)


def data(path: str, type_: str, *values: str, **more: str) -> dict[str, Any]:
    return {"data": [{"path": path, "type": type_, "value": list(values), **more}]}


def exprs(expr: str, **fields: str) -> dict[str, Any]:
    return {"exprs": [{"expr": expr, "fields": [{"name": n, "path": p} for n, p in fields.items()]}]}


UPPER = {"template": "{{ .Input | upper }}"}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (data("body.ref", "string", "^refs/heads/"), (PASSED, "data[0] body.ref", "matches '^refs/heads/'", "refs/heads/main")),
        (data("body.ref", "string", "dev", "rel"), (FAILED, "data[0] body.ref", "does not match 'dev', 'rel'", "refs/heads/main")),
        (data("body.ref", "string", "main", comparator="!="), (FAILED, "data[0] body.ref", "matches 'main'", "refs/heads/main")),
        (data("body.ref", "string", "dev", comparator="!="), (PASSED, "data[0] body.ref", "does not match 'dev'", "refs/heads/main")),
        (data("body.ref", "string", "MAIN$", **UPPER), (PASSED, "data[0] body.ref", "matches 'MAIN$'", "REFS/HEADS/MAIN")),
        (data("body.ref", "string", "dev", **UPPER), (FAILED, "data[0] body.ref", "does not match 'dev'", "REFS/HEADS/MAIN")),
        (data("body.size", "number", "5", comparator=">"), (PASSED, "data[0] body.size", "is > '5'", "7")),
        (data("body.size", "number", "5"), (FAILED, "data[0] body.size", "is not = '5'", "7")),
        (data("body.size", "number", "five"), (ERROR, "data[0] body.size", "'five' is not a number", "7")),
        (data("body.draft", "bool", "false"), (PASSED, "data[0] body.draft", "is = 'false'", False)),
        (data("body.none", "string", "x"), (ERROR, "data[0] body.none", "path 'body.none' does not exist", None)),
        (exprs("n > 5", n="body.size"), (PASSED, "exprs[0] n > 5", "is true", {"n": 7})),
        (exprs("n > 9", n="body.size"), (FAILED, "exprs[0] n > 9", "is not true", {"n": 7})),
        (exprs("n > 9", n="body.none"), (ERROR, "exprs[0] n > 9", "path 'body.none' does not exist", None)),
        ({"context": {"type": "github"}}, (PASSED, "context type", "is 'github'", "github")),
        ({"context": {"subject": "tag"}}, (FAILED, "context subject", "is not 'tag'", "push")),
        ({"script": "return event.body.size == 7"}, (PASSED, "script", "returned true", None)),
        ({"script": "return 7"}, (FAILED, "script", "did not return true", None)),
        ({"cel": "body.size > 5"}, (PASSED, "cel body.size > 5", "is true", {"body": {"size": 7}})),
        (
            {"time": {"start": "04:00:00", "stop": "05:00:00", "timezone": "Europe/Berlin"}},
            (PASSED, "time", "is between 04:00:00 and 05:00:00 Europe/Berlin", "2025-01-02T04:04:05+01:00"),
        ),
        (
            {"time": {"start": "04:00:00", "stop": "05:00:00"}},
            (FAILED, "time", "is not between 04:00:00 and 05:00:00 UTC", "2025-01-02T03:04:05+00:00"),
        ),
    ],
)  # fmt: skip
def test_a_clause_tells_what_it_wants_and_what_it_saw(
    filters: dict[str, Any], expected: tuple[Any, ...], scripts: ScriptWorker
) -> None:
    whole = compiled(filters, scripts)
    assert whole.explain(event()) == [Verdict(*expected)]
    assert whole(event()).kind is expected[0], "the clause says what the filter says"


MANY = {
    "exprs": [{"expr": "n > 9", "fields": [{"name": "n", "path": "body.size"}]}],
    "data": [
        {"path": "body.ref", "type": "string", "value": ["dev"]},
        {"path": "body.ref", "type": "string", "value": ["main"]},
    ],
    "context": {"type": "gitlab", "source": "github"},
}


def test_clauses_after_the_one_that_decided_are_told_too(scripts: ScriptWorker) -> None:
    told = [(v.clause, v.kind) for v in compiled(MANY, scripts).explain(event())]
    assert told == [
        ("exprs[0] n > 9", FAILED),
        ("data[0] body.ref", FAILED),
        ("data[1] body.ref", PASSED),
        ("context type", FAILED),
        ("context source", PASSED),
    ]


def test_what_cannot_be_read_is_one_error_for_each_filter(scripts: ScriptWorker) -> None:
    told = compiled(MANY, scripts).explain(event(b"no json"))
    assert [(v.clause, v.kind) for v in told[:2]] == [("exprs", ERROR), ("data", ERROR)]
    assert [v.clause for v in told[2:]] == ["context type", "context source"]


def test_without_data_a_clause_that_reads_it_passes(scripts: ScriptWorker) -> None:
    for filters in (exprs("n > 9", n="body.size"), data("body.ref", "string", "x"), {"script": "return false"}):
        [verdict] = compiled(filters, scripts).explain(event(None))
        assert (verdict.kind, verdict.reason) == (PASSED, "the event has no data")


def test_a_filter_without_clauses_is_told_where_it_fails(scripts: ScriptWorker) -> None:
    assert compiled({"exprs": [], "data": []}, scripts).explain(event()) == []
    [verdict] = compiled({"exprs": [], "exprLogicalOperator": "or"}, scripts).explain(event())
    assert (verdict.kind, verdict.clause) == (FAILED, "exprs")


def test_a_dependency_explains_the_event_that_its_transform_made(scripts: ScriptWorker) -> None:
    spec = {"name": "d", "transform": {"jq": '.body.ref = "changed"'}, "filters": data("body.ref", "string", "changed")}
    dependency = CompiledDependency(parse(Dependency, spec), scripts)
    decision = dependency.decide(event())
    [verdict] = dependency.explain(decision.event)
    assert decision.verdict.passed
    assert verdict.seen == "changed"
