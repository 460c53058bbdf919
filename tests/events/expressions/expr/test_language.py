"""What expressions mean: operators, members, built-ins, and what is refused before anything runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from events.errors import EvaluationError, ExpressionError
from events.expressions import expr
from events.expressions.golang.values import Int, type_of

PAYLOAD = {
    "n": 3,
    "s": "Hello",
    "uni": "hé",
    "list": [1, 2, 3],
    "nul": None,
    "yes": True,
    "objs": [{"id": 3, "name": "c"}, {"id": 1, "name": "a"}, {"id": 2}],
}
ENV = {"namespace": "argo", "discriminator": "ci", "metadata": {"x-a": ["1"]}, "payload": PAYLOAD}


def value(text: str, env: dict[str, Any] = ENV, **options: Any) -> Any:
    return expr.prepare(text, **options)(env)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1 + 2 * 3", 7),
        ("7 / 2", 3.5),
        ("-7 % 2", -1),
        ("2 ** 3 ** 2", 512.0),
        ("9223372036854775807 + 1", -9223372036854775808),
        ("1 / 0", float("inf")),
        ("not true == false", True),
        ("1 < 2 < 3", True),
        ("1 < 3 < 2", False),
        ("payload.n == 3", True),
        ("[1] == [1.0]", True),
        ("{a: 1} == {a: 1.0}", False),
        ("payload.list == [1, 2, 3]", True),
        ("payload.missing == nil", True),
        ('payload.missing != ""', True),
        ("payload.missing ?? 5", 5),
        ("payload.missing?.a.b ?? 6", 6),
        ('payload.s contains "ell" and payload.s matches "^H"', True),
        ('payload.missing contains "x"', False),
        ("payload.missing and true", None),
        ('"b" in ["a", "b"]', True),
        ('payload.missing in ["", "a"]', True),
        ("payload.s[1]", 101),
        ("payload.uni[0:2]", "h\udcc3"),
        ("len(payload.uni)", 2),
        ('"abc"[-2:]', "bc"),
        ("payload.list[-1]", 3),
        ("filter(payload.list, # > 1)", [2, 3]),
        ("map(payload.objs, .id)", [3, 1, 2]),
        ('find(payload.objs, .name == "a").id', 1),
        ("sortBy(payload.objs, .id)[0].name", "a"),
        ("reduce(1..4, #acc + #, 10)", 20),
        ('sum([payload.s, "b"])', "Hellob"),
        ("let x = payload.n; x * 2", 6),
        ('if payload.n > 2 { "big" } else { "small" }', "big"),
        ('"a,b" | split(",") | join("-")', "a-b"),
        ("{a: 1, a: 2}.a", 1),
        ("string(8675309.0)", "8.675309e+06"),
        ('duration("90s") == duration("1m30s")', True),
        ('date("2023-08-14").Year()', 2023),
        ("concat([], []) ?? 1", 1),
        ("uniq([1, 1.0, {a: 1}, {a: 1}, [2], [2.0]])", [1, {"a": 1}, [2]]),
        ("1; 2", 2),
    ],
)
def test_value(text: str, wanted: Any) -> None:
    assert value(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "event.payload",
        "payload ==",
        "discriminator == 1",
        "discriminator.x",
        '"a" + 1',
        "1 and true",
        "a ?? b || c",
        "payload.x ?? 1 == 1",
        '"a" matches "["',
        "upper(1)",
        "let payload = 1; 2",
        "true ? 1 : unknown",
        "# > 1",
        "map([1], nil)",
        "1 % 0",
        '"unclosed',
        "'\\\"'",
        "99999999999999999999",
    ],
)
def test_refused_when_compiling(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        value(text)
    assert caught.value.language == "expr"


@pytest.mark.parametrize(
    "text",
    [
        "payload.missing.x",
        "payload.s + payload.n",
        "payload.n % 2",
        "payload.nul ? 1 : 2",
        "not payload.nul",
        "payload.list[3]",
        "len(payload.n)",
        'payload.n matches "3"',
        'payload.n in ["a"]',
        "int(payload.s)",
        "payload.n()",
        "sort([1, payload.s])",
        "fromJSON(payload.s)",
    ],
)
def test_fails_when_running(text: str) -> None:
    selector = expr.prepare(text)
    selector.program(ENV)
    with pytest.raises(EvaluationError):
        selector(ENV)


def test_numbers_of_a_document_are_floats_and_those_of_a_program_are_integers() -> None:
    assert type_of(value("payload.n")) == "float64"
    assert isinstance(value("3"), Int)
    assert value("type(payload.n)") == "float"


@pytest.mark.parametrize(
    ("payload", "compiles"), [({"x": 1}, True), (None, False), ("text", False), (7, False), ([1], False)]
)
def test_the_payload_of_the_moment_decides_what_compiles(payload: Any, compiles: bool) -> None:
    selector = expr.prepare("payload.x")
    env = {**ENV, "payload": payload}
    for _ in range(2):  # the second time from what was kept
        if compiles:
            assert selector(env) == 1
        else:
            with pytest.raises(ExpressionError):
                selector(env)
    assert selector({**ENV, "payload": {"x": 2}}) == 2


def test_the_time_is_given() -> None:
    now = datetime(2024, 2, 29, 12, tzinfo=UTC)
    assert expr.prepare('now().Format("2006-01-02")')(ENV, now=now) == "2024-02-29"


def test_helpers_are_there_when_asked_for() -> None:
    assert value('sprig.upper("a") + toJson({b: 1})', functions=expr.HELPERS) == 'A{"b":1}'
    assert value('jsonpath("{\\"a\\":[1,2]}", "$.a[1]")', functions=expr.HELPERS) == 2
    assert value("asInt(payload.n) + 1", functions=expr.HELPERS) == 4
    with pytest.raises(ExpressionError):
        value('sprig.upper("a")')
    for refused in ('sprig.env("HOME")', 'sprig.getHostByName("a")', "sprig.upper(1)"):
        with pytest.raises(EvaluationError):
            value(refused, functions=expr.HELPERS)


def test_a_helper_does_not_change_the_event() -> None:
    event = {"a": 1}
    assert value('sprig.set(payload, "a", 2).a', {**ENV, "payload": event}, functions=expr.HELPERS) == 2
    assert event == {"a": 1}
