"""jq programs: the first output, and the places where libjq is brought to gojq's answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from events.errors import EvaluationError, ExpressionError
from events.expressions.jq import Jq

EVENT = b'{"z":1.0,"a":2,"s":"Hello World","l":[3,1,2],"big":12345678901234567890,"u":"\xe6\x97\xa5"}'


@pytest.fixture(scope="module")
def jq() -> Jq:
    return Jq()


def value(jq: Jq, expression: str) -> Any:
    return json.loads(jq.transform(f"{{x: ({expression})}}", EVENT))["x"]


@pytest.mark.parametrize(
    ("program", "text"),
    [
        ("{a, z}", '{"a":2,"z":1}'),
        ("{a}, error", '{"a":2}'),
        ("{big}", '{"big":12345678901234567000}'),
        ('{x: "<&>"} # comment', '{"x":"\\u003c\\u0026\\u003e"}'),
        ("{x: 1e21, y: 1e-7}", '{"x":1e+21,"y":1e-7}'),
    ],
)
def test_the_first_output_is_the_result(jq: Jq, program: str, text: str) -> None:
    assert jq.transform(program, EVENT).decode() == text


@pytest.mark.parametrize(
    "program", [".a", "empty", "error", "[.]", "{x: nan}", "{x: infinite}", "{x: (1e308 * 10 | log)}"]
)
def test_anything_but_an_object_is_an_error(jq: Jq, program: str) -> None:
    with pytest.raises(EvaluationError):
        jq.transform(program, EVENT)


@pytest.mark.parametrize(("program", "text"), [(".", b"null"), ("{}", b"{}"), ("{x: type}", b'{"x":"object"}')])
def test_null_data_stay_null_only_untouched(jq: Jq, program: str, text: bytes) -> None:
    assert jq.transform(program, b"null") == text


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("keys", ["a", "big", "l", "s", "u", "z"]),
        ("{b: 1, a: 2} | map(.)", [2, 1]),
        ("{b: 1, a: 2} | tojson", '{"a":2,"b":1}'),
        ("{b: 1, a: 2} | [paths]", [["a"], ["b"]]),
        ("[1e17, 1.5e-7, 0.00001, 1.0, .z] | tojson", "[100000000000000000,1.5e-7,0.00001,1,1]"),
        (".big | tostring", "12345678901234567000"),
        ('"\\(.z)"', "1"),
        ("[1.0, 1e17] | @csv", "1,100000000000000000"),
        ('"" | split(",")', [""]),
        ('"2026-03-04T12:30:00+09:00" | fromdate', 1772595000),
        ('0 | strftime("%Z")', "UTC"),
        ('"\\ud800"', "\ufffd"),
        ("$ENV == env", True),
        ('.s | gsub("(?P<x>o)"; "<\\(.x)>")', "Hell<o> W<o>rld"),
        ('.u | test("\\\\w")', False),
        ('.u | test("\\\\p{L}")', True),
        ('"a\\n" | test("a$")', False),
        ('"a+" | test("a\\\\++")', True),
        ('"ab" | [match(".*"; "g").string]', ["ab"]),
    ],
)
def test_answers_are_those_of_the_reference(jq: Jq, expression: str, result: Any) -> None:
    assert value(jq, expression) == result


@pytest.mark.parametrize(
    "expression",
    [
        "debug", "input", "stderr", "halt", "have_literal_numbers", "keys_unsorted", "[1] | abs", '"x" | @base32',
        '"ab" | test("a(?=b)")', '"aa" | test("(a)\\\\1")', '"a" | test("a"; "x")', '"a" | test("a++")',
    ],
)  # fmt: skip
def test_what_the_reference_lacks_is_an_error(jq: Jq, expression: str) -> None:
    with pytest.raises(EvaluationError):
        value(jq, expression)


@pytest.mark.parametrize(
    "program", ["{", "nosuch", "$x", "{x: $__loc__}", 'import "a" as a; .', "{x: 1}; .", "1" * 65537]
)
def test_broken_programs_do_not_compile(jq: Jq, program: str) -> None:
    with pytest.raises(ExpressionError):
        jq.check(program)


def test_errors_name_the_line_of_the_program(jq: Jq) -> None:
    with pytest.raises(ExpressionError, match="line 2"):
        jq.check("{x: 1}\n| nosuch")
