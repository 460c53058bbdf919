"""No program and no value makes an evaluation long, large, or raise anything but its own errors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.errors import EvaluationError, ExpressionError
from events.expressions import expr
from events.expressions.expr.parser import parse
from events.expressions.expr.printer import to_text
from tests.support.cost import BOUNDED, cpu_seconds

BIG = {"l": list(range(10_000)), "s": "a" * 60_000, "maps": [{"a": i} for i in range(5_000)]}


@pytest.mark.parametrize(
    "text",
    [
        "(" * 50_000,
        "-" * 50_000 + "1",
        "1" + "+1" * 20_000,
        "a" + ".b" * 5_000,
        "1?:" * 10_000 + "1",
        "(" * 45 + "payload" + "?:1)" * 45,
        "let a = 1;" * 3_000 + "a",
        "filter(payload.l, any(payload.l, # == -1))",
        "reduce(1..100, [#acc, #acc], 1) == reduce(1..100, [#acc, #acc], 1)",
        "toJSON(reduce(1..100, [#acc, #acc], 1))",
        "flatten(reduce(1..100, [#acc, #acc], 1))",
        'reduce(1..100, #acc + #acc, "aaaa")',
        "repeat(payload.s, 1000000)",
        "1..99999999999",
        "payload.s matches payload.s",
        'map(1..100000, payload.s matches "(a*)*b")',
        'replace(payload.s, "", payload.s)',
    ],
)
def test_hostile_program_is_refused_in_time(text: str) -> None:
    def refused() -> None:
        with pytest.raises((ExpressionError, EvaluationError)):
            expr.prepare(text)({"payload": BIG})

    assert cpu_seconds(refused) < BOUNDED


@pytest.mark.parametrize(
    "text",
    [
        "len(uniq(payload.maps)) == 5000",
        "all(payload.l, # >= 0 and # < 20000)",
        "sum(map(filter(payload.maps, .a > 10), .a)) > 0",
        'payload.s + "" == payload.s',
        "payload == payload",
        "sort(payload.l, 'desc')[0] == 9999",
    ],
)
def test_large_data_is_no_reason_to_refuse(text: str) -> None:
    assert expr.prepare(text)({"payload": BIG}) is True


def test_long_chain_of_operators_is_no_nesting() -> None:
    text = " or ".join(f'payload == "b{i}"' for i in range(1_000)) + ' or payload == "x"'
    assert expr.prepare(text)({"payload": "x"}) is True


WORDS = st.sampled_from(
    [
        *"+-*/%^<>()[]{},.:?#;!",
        "**",
        "..",
        "?.",
        "??",
        "==",
        "and ",
        "or ",
        "not ",
        " in ",
        " matches ",
        "let x = ",
        "x",
        "payload",
        ".a",
        "$env",
        "1",
        "2.5",
        '"a"',
        "nil",
        "true",
        "len(",
        "map(",
        "filter(",
        "reduce(",
        "if ",
        " else ",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, max_size=12).map("".join) | st.text(max_size=20), st.sampled_from([expr.V1_17, expr.V1_15]))
def test_nothing_but_its_own_errors(text: str, dialect: expr.Dialect) -> None:
    try:
        result: Any = expr.prepare(text, dialect=dialect)({"payload": {"a": [1, "b", None]}})
        expr.to_parameter(result)
    except (ExpressionError, EvaluationError):
        pass


def texts(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    operators = st.sampled_from(["+", "*", "**", "==", "in", "and", "or", "??", "..", "matches", "not in"])
    return (
        st.tuples(inner, operators, inner).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})")
        | pair.map(lambda t: f"[({t[0]})[{t[1]}], {t[1]}]")
        | inner.map(lambda t: f"not ({t})")
        | inner.map(lambda t: f"({t})?.a.b")
        | inner.map(lambda t: f"(({t})?.a)['b']?.[0]")
        | pair.map(lambda t: f"filter({t[0]}, {{#.x == {t[1]}}})")
        | pair.map(lambda t: f"({t[0]}) ? ({t[1]}) : nil")
        | inner.map(lambda t: f"let y = ({t}); {{a: y, 'b c': 1}}").map(lambda t: f"({t})")
        | inner.map(lambda t: f"({t})[1:]")
    )


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(st.sampled_from(["1", "2.5", '"é\\n"', "true", "nil", "a", "f(1)", 'b"x"', "-1"]), texts, max_leaves=8)
)
def test_a_printed_tree_reads_back_the_same(text: str) -> None:
    printed = to_text(parse(text, expr.V1_17))
    assert to_text(parse(printed, expr.V1_17)) == printed
