"""No program and no data make a language raise anything but its own errors, and no honest program refuses large data.

How long the cases take is measured by ``benchmarks/hostile.py``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events import goyaml
from events.errors import EvaluationError, ExpressionError, SpecError
from events.expressions import conditions, cron
from sensor.scripts import ScriptWorker
from tests.support.hostile import EVALUATORS, cases

CASES = cases()
OWN_ERRORS = (ExpressionError, EvaluationError)


@pytest.fixture(scope="module")
def scripts() -> Iterator[ScriptWorker]:
    with ScriptWorker() as worker:
        yield worker


@pytest.mark.parametrize("language", EVALUATORS)
def test_hostile_cases_are_answered_or_refused(language: str, scripts: ScriptWorker) -> None:
    ours = [case for case in CASES if case.language == language]
    assert ours
    for case in ours:
        try:
            case.run(scripts)
        except OWN_ERRORS as error:
            if case.patient and (error.reason == "LimitReached" or isinstance(error, ExpressionError)):
                pytest.fail(f"{case}: large data are refused: {error}")
            if len(str(error)) > 2_500:
                pytest.fail(f"{case}: the message is as long as the program")
        except Exception as error:
            pytest.fail(f"{case}: {type(error).__name__}: {error}")


def test_there_are_hostile_cases_of_64_kib_for_every_language() -> None:
    large = [case for case in CASES if max(len(case.program), len(case.data)) > 50_000]
    assert {case.language for case in large} == set(EVALUATORS)
    assert len(large) > 500


# -- any text, any data, and honest programs with mistakes in them --------------------------------------------------------

WORDS = {
    "gjson": ("body", ".", "#", "#(", ")", "|", "@reverse", "@this", "[", "]", "{", "}", ":", "*", "?", "\\", "!", "%", "==", "~"),
    "sjson": ("body", ".", "-1", "0", ":", "\\", "*", "#", "|", "list"),
    "govaluate": ("body", "a", " ", "(", ")", "+", "-", "**", "=~", "!~", " in ", ",", "'a'", "'(+'", "1", "?", ":", "??", "[a b]", "!", "~", "<<", "'2014-01-02'"),
    "exprs filter": ("body", "n", "==", "&&", "'x'", "(", ")", "<", "1", "+"),
    "conditions": ("a", "b", "c_d", "&&", "||", "(", ")", "!", " ", "&"),
    "expr (bindings)": ("payload", ".body", "?.", "[", "]", "0", "(", ")", "{", "}", "#", "map(", "filter(", "let x = ", ";", "??", "..", "matches", " in ", "'a'", "-1", "not ", "sprig.", "upper", "jsonpath(", ","),
    "expr (sources)": ("payload", ".body", "?.", "[", "]", "0", "(", ")", "{", "}", "#", "map(", "count(", "..", "matches", " in ", "'('", "1", "not ", "!"),
    "template": ("{{", "}}", ".Input", ".body", "range ", "if ", "end", "else", "|", " ", "printf ", '"%d"', "$x", ":=", "define ", "template ", "index ", "(", ")", "1", "-", "upper", "regexFind ", "dict ", "toJson", "date "),
    "regex": ("a", "(", ")", "[", "]", "{2}", "*", "+", "?", "|", "^", "$", "\\", "\\pL", "(?i)", "(?P<n>", "-", ".", "\\Q", "\\C"),
    "data filter": ("body", ".", "#", "\n", "a", "(", "*", "["),
    "cel": ("body", ".a", "==", "'a'", "(", ")", "&&", "[", "]", "1", ".matches(", ".exists(x, ", "has(", "+", "data", "!", "?", ":"),
    "jq": (".", "body", "|", "(", ")", "[", "]", "{", "}", ",", "a:", "map(", "..", "//", "1", '"', "def f: ", ";", "?", "try ", "error"),
    "lua": ("return ", "event", ".body", "{", "}", "(", ")", "..", "'a'", "1", "=", "local x ", "for ", "do ", "end ", "function ", "[[", "--", "#", "error"),
    "lua filter": ("return ", "event", ".body", "==", "true", "nil", "not ", "x", "()"),
    "yaml": ("body", ".", "a", "#"),
    "request": ("",),
    "cron": ("*", "/", "-", ",", " ", "1", "59", "mon", "?", "TZ=UTC ", "TZ=", "L", "@daily", "+"),
}  # fmt: skip

JSON = st.recursive(
    st.sampled_from(['"a"', '"\\ud800"', '""', "0", "-0", "1e999", "1.5", "9223372036854775808", "true", "null", '"2026-01-01"']),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
    | st.lists(st.tuples(st.sampled_from(["a", "body", "list", "", "a.b", "a-b"]), inner), max_size=3).map(
        lambda members: "{" + ",".join(f'"{name}":{value}' for name, value in members) + "}"
    ),
    max_leaves=6,
)  # fmt: skip
DOCUMENTS = JSON.map(lambda text: f'{{"body":{text}}}'.encode()) | JSON.map(str.encode) | st.binary(max_size=30)


def programs(language: str) -> st.SearchStrategy[str]:
    """Words of the language in any order, any text, and the honest and hostile programs with a piece taken out or put in."""
    words = st.lists(st.sampled_from(WORDS[language]), max_size=10).map("".join)
    known = sorted({case.program for case in CASES if case.language == language and len(case.program) < 300})
    if not known:
        return words | st.text(max_size=20)
    mutated = st.builds(
        lambda text, at, length, piece: text[: at % (len(text) + 1)] + piece + text[at % (len(text) + 1) + length :],
        st.sampled_from(known),
        st.integers(0, 300),
        st.integers(0, 4),
        words | st.text(max_size=3),
    )
    return words | mutated | st.text(max_size=20)


@pytest.mark.parametrize("language", EVALUATORS)
def test_nothing_but_its_own_errors_is_raised(language: str, scripts: ScriptWorker) -> None:
    @settings(max_examples=150, deadline=None)
    @given(programs(language), DOCUMENTS)
    def check(program: str, data: bytes) -> None:
        with contextlib.suppress(*OWN_ERRORS):
            EVALUATORS[language](program, data, scripts)

    check()


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30) | st.binary(max_size=30))
def test_yaml_is_read_or_refused(text: str | bytes) -> None:
    with contextlib.suppress(SpecError):
        goyaml.load(text)


# -- what is printed reads back -------------------------------------------------------------------------------------------

CONDITIONS = st.recursive(
    st.sampled_from(["a", "b", "c-d", "c_d"]),
    lambda inner: st.tuples(inner, st.sampled_from(["&&", " || ", "||"]), inner).map(lambda t: f"({t[0]}){t[1]}{t[2]}"),
    max_leaves=8,
)


@given(CONDITIONS)
def test_a_condition_reads_back_from_its_text(text: str) -> None:
    names = ["a", "b", "c-d"]
    once = conditions.compile(text, names)
    again = conditions.compile(once.text, names)
    assert (again.text, again.names, again.has_and) == (once.text, once.names, once.has_and)
    for present in ([], ["a"], ["b", "c-d"], ["a", "c-d"], names):
        assert again(present) == once(present)


@given(st.from_regex(r"\A[0-5]?[0-9](,[0-5]?[0-9])?\Z"), st.sampled_from(["*", "*/2", "3-5"]))
def test_a_cron_line_reads_back_from_its_text(minute: str, hour: str) -> None:
    once = cron.compile(f"{minute}  {hour} * * *")
    assert once.line is not None
    assert cron.compile(once.line) == once
