"""The language of ``conditions``."""

from __future__ import annotations

import pytest

from events.errors import ExpressionError
from events.expressions import conditions
from tests.support.cost import BOUNDED, cpu_seconds

NAMES = ["a", "b", "c", "dash-ed", "x-y", "x_y"]


@pytest.mark.parametrize(
    ("text", "present", "true"),
    [
        ("a && b", "ab", True),
        ("a && b", "a", False),
        ("a||b&&c", "a", True),
        ("(a||b)&&c", "a", False),
        ("( ( a ) )\n&& (b || c)", "ac", True),
        ("a || b", "", False),
        ("a && a", "a", True),
    ],
)
def test_a_condition_looks_at_what_is_present(text: str, present: str, true: bool) -> None:
    assert conditions.compile(text, NAMES)(set(present)) is true


@pytest.mark.parametrize("text", [None, ""])
def test_without_a_condition_all_dependencies_are_needed(text: str | None) -> None:
    condition = conditions.compile(text, ["b", "a", "b"])
    assert (condition.text, condition.names, condition.has_and) == ("b&&a", ("b", "a"), True)
    assert condition({"a", "b"})
    assert not condition({"a"})


def test_one_dependency_alone_waits_for_nothing() -> None:
    assert not conditions.compile(None, ["a"]).has_and


@pytest.mark.parametrize(
    ("written", "meant"), [("dash_ed", "dash-ed"), ("dash-ed", "dash-ed"), ("x-y", "x-y"), ("x_y", "x_y")]
)
def test_dashes_may_be_written_as_underscores_where_that_is_clear(written: str, meant: str) -> None:
    condition = conditions.compile(f"{written} ||  a", NAMES)
    assert (condition.names, condition.text) == ((meant, "a"), f"{meant}||a")


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("a && dash-de", 5, "did you mean 'dash-ed'?"),
        ("a && !b", 5, "no '!'"),
        ("a and b", 2, "&& or ||"),
        ("a & b", 2, "&& or || is expected before '&'"),
        ("a &&", 4, "ends"),
        ("(a", 2, "')' is missing"),
        ("a)", 1, "closes nothing"),
        ("()", 1, "a dependency is expected"),
        ("|| a", 0, "a dependency is expected"),
        ("  ", 0, "blank"),
        ("(" * 101 + "a" + ")" * 101, 100, "100 deep"),
        ("a" * 70_000, 65_536, "limit"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, position: int, words: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        conditions.compile(text, NAMES)
    assert words in str(caught.value)
    assert caught.value.position == position


def test_a_name_that_may_mean_two_dependencies_is_refused() -> None:
    with pytest.raises(ExpressionError, match="may mean a-b-c or a_b-c"):
        conditions.compile("a-b_c", ["a-b-c", "a_b-c"])


def test_long_conditions_are_read_quickly() -> None:
    text = "&&".join(["a"] * 20_000)
    assert conditions.compile(text, NAMES)({"a"})
    assert cpu_seconds(lambda: conditions.compile(text, NAMES)({"a"})) < BOUNDED


def test_a_blank_condition_is_refused_at_once() -> None:
    with pytest.raises(ExpressionError, match="blank"):
        conditions.compile(" " * 60_000, NAMES)
