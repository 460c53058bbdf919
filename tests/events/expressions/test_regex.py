"""The one door to regular expressions: Go's syntax, and never long at work."""

from __future__ import annotations

import pytest

from events.errors import EvaluationError, ExpressionError
from events.expressions import regex


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("main", "refs/heads/main", True),
        ("^main", "refs/heads/main", False),
        ("refs/heads", "refs/head", False),
        (r"\d+$", "a12", True),
        (r"^.$", "é", True),
        (r"^\x{fffd}$", "\ud800", True),
        (r"^.$", "\ud83d\ude00", True),
        (r"^\x{fffd}{2}$", "\udce2\udc82", True),
        ("\ufffd", "\udcff", True),
        (r"\Q\C\E", r"a\C", True),
        ("(x+x+)+y", "x" * 65_536, False),
        (r"\pL+\s\pL{8}", "é" * 32_000, False),
    ],
)
def test_a_pattern_is_searched_as_in_go(pattern: str, text: str, found: bool) -> None:
    assert regex.pattern(pattern).found_in(text) is found


@pytest.mark.parametrize(
    "pattern", ["(", "a{2,1}", r"\C", "(?=a)", "[z-a]", "*", "\udcff(", "a?" * 3_000, r"\pL" * 200]
)
def test_what_is_no_pattern_or_too_large_does_not_compile(pattern: str) -> None:
    for compile in (regex.pattern, regex.compile):
        with pytest.raises(ExpressionError) as told:
            compile(pattern)
        assert told.value.language == "regex"
        assert len(str(told.value)) < 500


def test_a_pattern_that_may_be_slow_is_refused_for_long_texts_alone() -> None:
    pattern = regex.pattern("[ab]*a[ab]{900}c")
    assert not pattern.found_in("ab" * 2_000)
    with pytest.raises(EvaluationError, match="too large") as told:
        pattern.found_in("ab" * 32_000)
    assert told.value.reason == "LimitReached"


def test_classes_of_characters_do_not_make_a_pattern_large() -> None:
    assert regex.pattern(r"\pL\pN").size < 100


def test_an_escaped_text_matches_itself_alone() -> None:
    text = "a.b*[c]/é"
    assert regex.pattern(rf"\A{regex.escape(text)}\z").found_in(text)
    assert not regex.pattern(regex.escape(text)).found_in("axb*[c]/é")
