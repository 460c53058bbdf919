"""The language of ``exprs`` filters: what its operators give, its traps, and its bounds."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.errors import EvaluationError, ExpressionError
from events.expressions import govaluate
from tests.support.cost import BOUNDED, cpu_seconds

VARIABLES: dict[str, Any] = {
    "n": 4,
    "s": "push",
    "t": True,
    "nil": None,
    "list": [1, "x", None],
    "map": {"b": 1, "a": [True]},
    "a-b": 7,
}


def run(text: str) -> Any:
    return govaluate.compile(text)(VARIABLES)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7.0),
        ("-2 ** 2", 4.0),
        ("2 ** 3 ** 2", 64.0),
        ("10 - 4 - 3", 3.0),
        ("1 | 2 == 3", True),
        ("1 << 2 + 1", 8.0),
        ("~5 & 0xFF", 250.0),
        ("-7 % 4", -3.0),
        ("1 / 0", math.inf),
        ("-1 >> 1", 9223372036854775808.0),
        ("n == 4 && s =~ '^pu'", True),
        ("s !~ 'sh$'", False),
        ("s in ('pull', 'push')", True),
        ("'x' in list", True),
        ("false ? 1", None),
        ("true ? false : 2", False),
        ("false ? 1 : true ? 2 : 3", 2.0),
        ("nil ?? 'else'", "else"),
        ("1, 'a', true", [1.0, "a", True]),
        ("(1, 2), 3", [1.0, 2.0, 3.0]),
        ("t == 1", False),
        ("list == (1, 'x', nil)", True),
        ("s + 1000000.0", "push1e+06"),
        ("'' + map", "map[a:[true] b:1]"),
        ("nil + 'x'", "<nil>x"),
        ("[a-b] + a\\-b", 14.0),
        ("'2024-01-02'", 1704153600.0),
        ("'3:04PM'", -62167164960.0),
        ("()", None),
        ("(1) 2", 1.0),
    ],
)
def test_an_expression_has_the_value_that_the_reference_gives(text: str, value: Any) -> None:
    result = run(text)
    assert (type(result), result) == (type(value), value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 +",
        "a==-1",
        "!!t",
        "- -1",
        "'open",
        "[open",
        "f(1)",
        "body.action",
        "a.",
        "0x",
        "1.2.3",
        "1e3",
        "(1",
        "1)",
        "s =~ '('",
        "-'a'",
        "1 2",
        "\\",
    ],
)
def test_what_is_no_expression_is_refused_with_a_position(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        govaluate.compile(text)
    assert 0 <= caught.value.position <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        "missing == 1",
        "s && t",
        "t && 1",
        "s > 1",
        "t > false",
        "s - 1",
        "t + t",
        "!n",
        "-s",
        "1 in (1)",
        "s =~ ('(' + '')",
        "n =~ 's'",
        "nil < 1",
        "a.B",
    ],
)
def test_a_value_of_a_wrong_type_is_an_error_of_the_evaluation(text: str) -> None:
    program = govaluate.compile(text)
    with pytest.raises(EvaluationError):
        program(VARIABLES)


@pytest.mark.parametrize("text", ["t || missing", "!t && missing", "t ? 1 : missing", "s ?? missing"])
def test_what_is_not_needed_is_not_evaluated(text: str) -> None:
    run(text)


def test_a_program_tells_its_variables() -> None:
    assert govaluate.compile("a == b.C || [d e] == 'f'").names == {"a", "b", "d e"}


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
SIGNS = "( ) ( ) , + - * / % ** & | ^ << >> == != < <= > >= =~ !~ in && || ? : ?? ! ~ \\ ' ."
WORDS = "1 0 2.5 0x1f 1e9 'a' \"b*\" true a b nil [c] é"
pieces = st.sampled_from(f"{SIGNS} {WORDS}".split())


@settings(max_examples=300, deadline=None)
@given(st.lists(pieces, max_size=14).map(" ".join) | st.text(max_size=20), values, values)
def test_any_text_and_data_give_a_value_or_one_of_our_errors(text: str, a: Any, b: Any) -> None:
    try:
        govaluate.compile(text)({"a": a, "b": b, "c": 1e300})
    except (ExpressionError, EvaluationError):
        pass


@pytest.mark.parametrize(
    "text",
    [
        "(" * 32_000 + "1" + ")" * 32_000,
        "!(" * 20_000,
        " || ".join(["a"] * 16_000),
        "(1 , 1 ? 1 || 1 && 1 == 1 | 1 << 1 + 1 * 1 ** " * 90,
        " || ".join(f"a =~ '\\\\pL{{{n}}}'" for n in range(20, 400)),
        "a =~ '\\\\pL{900}'",
        "1" * 65_000,
        "x" * 70_000,
    ],
    ids=["parentheses", "prefixes", "chain", "levels", "patterns", "pattern", "digits", "length"],
)
def test_hostile_programs_are_refused_at_once(text: str) -> None:
    def refused() -> None:
        with pytest.raises(ExpressionError):
            govaluate.compile(text)

    assert cpu_seconds(refused) < BOUNDED


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("text", "variables", "value"),
    [
        ("a == b", {"a": nested(30_000), "b": nested(30_000)}, True),
        ("a + 'x' == 'x'", {"a": nested(30_000)}, False),
        ("a =~ '(x+x+)+y'", {"a": "x" * 65_536}, False),
        ("a =~ b", {"a": "x" * 65_536, "b": "x" * 4_000}, True),
        ("a + a != a", {"a": "x" * 65_536}, True),
        (" && ".join(["a"] * 2_000), {"a": True}, True),
        ("(" * 90 + "a" + ")" * 90, {"a": True}, True),
        ("a =~ '.'", {"a": "\ud800"}, True),
        ("a > 1", {"a": 10**400}, True),
    ],
    ids=["deep", "deep text", "backtracking", "long pattern", "long text", "chain", "parentheses", "surrogate", "huge"],
)
def test_large_data_are_evaluated(text: str, variables: dict[str, Any], value: bool) -> None:
    assert govaluate.compile(text)(variables) is value
    assert cpu_seconds(lambda: govaluate.compile(text)(variables)) < BOUNDED


def test_a_pattern_in_data_is_bounded() -> None:
    with pytest.raises(EvaluationError) as caught:
        govaluate.compile("a =~ b")({"a": "x" * 65_536, "b": "[xy]*x[xy]{900}z"})
    assert caught.value.reason == "LimitReached"


def test_joined_texts_are_bounded() -> None:
    with pytest.raises(EvaluationError) as caught:
        govaluate.compile(" + ".join(["a"] * 100))({"a": "x" * 65_536})
    assert caught.value.reason == "LimitReached"
