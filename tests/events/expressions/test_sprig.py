"""sprig's functions on Go's values, called as expr-lang and templates call them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from events.errors import EvaluationError
from events.expressions import gotemplate
from events.expressions.golang.functions import Context
from events.expressions.golang.values import Int, Int64, Strings, type_of
from events.expressions.sprig import FUNCTIONS, REFUSED


@pytest.mark.parametrize(
    ("name", "arguments", "result"),
    [
        ("abbrev", (Int(5), "abcdefgh"), "ab..."),
        ("camelcase", ("http_server-name",), "HttpServerName"),
        ("snakecase", ("HTTP20xOK Bld4Floor",), "http_20x_ok_bld4_floor"),
        ("kebabcase", ("FirstName",), "first-name"),
        ("nospace", ("a b\tc",), "abc"),
        ("initials", ("First Try",), "FT"),
        ("swapcase", ("aB cD",), "Ab Cd"),
        ("title", ("hello wörld-x",), "Hello Wörld-X"),
        ("trunc", (Int(2), "日本"), b"\xe6\x97".decode("utf-8", "surrogateescape")),
        ("trunc", (Int(-2), "abc"), "bc"),
        ("substr", (Int(1), Int(3), "hello"), "el"),
        ("wrap", (Int(5), "aaa bbb cccccccc d"), "aaa\nbbb\ncccccccc\nd"),
        ("quote", ('a"b', None, 1.5), '"a\\"b" "1.5"'),
        ("cat", ("a", None, True, 1e6), "a true 1e+06"),
        ("join", ("-", ["a", None, 2]), "a-2"),
        ("splitList", ("", "日本"), ["日", "本"]),
        ("upper", ("straße",), "STRAßE"),
        ("atoi", ("12x",), 0),
        ("atoi", ("-99999999999999999999",), -(2**63)),
        ("add", ("0x10", 1.9, True), 18),
        ("add", (Int64(2**63 - 1), Int(1)), -(2**63)),
        ("div", (Int(-7), Int(2)), -3),
        ("mod", (Int(-7), Int(2)), -1),
        ("addf", (0.1, 0.2), 0.3),
        ("divf", (Int(1), Int(3)), 0.3333333333333333),
        ("round", (123.5555, Int(3)), 123.556),
        ("ceil", (1.1,), 2.0),
        ("int64", ("12.9",), 12),
        ("seq", (Int(0), Int(2), Int(6)), "0 2 4 6"),
        ("untilStep", (Int(5), Int(0), Int(-2)), [5, 3, 1]),
        ("toDecimal", ("777",), 511),
        ("b64dec", ("aGk=",), "hi"),
        ("b64dec", ("a!",), "illegal base64 data at input byte 1"),
        ("b32enc", ("hi",), "NBUQ===="),
        ("adler32sum", ("abc",), "38600999"),
        ("toJson", ({"b": "<", "a": [1, None]},), '{"a":[1,null],"b":"\\u003c"}'),
        ("toPrettyJson", ({"a": [1]},), '{\n  "a": [\n    1\n  ]\n}'),
        ("fromJson", ("{",), None),
        ("first", ([],), None),
        ("uniq", ([1, 1.0, "1", None, None, [1], [1]],), [1, "1", None, [1]]),
        ("without", ([1, 2, 3], 2), [1, 3]),
        ("chunk", (Int(2), [1, 2, 3]), [[1, 2], [3]]),
        ("dig", ("a", "b", "no", {"a": {}}), "no"),
        ("merge", ({"a": 0, "l": [1]}, {"a": 5, "l": [2], "z": {}}), {"a": 5, "l": [1], "z": {}}),
        ("mergeOverwrite", ({"a": {"x": 1}}, {"a": {"y": ""}}), {"a": {"x": 1, "y": ""}}),
        ("keys", ({"b": 1, "a": 2},), ["a", "b"]),
        ("default", ("d", ""), "d"),
        ("coalesce", (None, 0, "x"), "x"),
        ("kindOf", (7,), "float64"),
        ("regexReplaceAll", ("a(x*)b", "-ab-axxb-", "${1}W"), "-W-xxW-"),
        ("regexReplaceAll", ("x*", "abc", "-"), "-a-b-c-"),
        ("regexSplit", ("z+", "pizza", Int(-1)), ["pi", "a"]),
        ("regexMatch", ("(", "a"), False),
        ("semverCompare", ("^1.2 || >=3", "v1.9.0"), True),
        ("semverCompare", ("1.2 - 1.4", "1.5.0"), False),
        ("semverCompare", ("*", "1.0.0-rc1"), False),
        ("clean", ("/a/../b//c",), "/b/c"),
        ("base", ("",), "."),
        ("urlJoin", ({"scheme": "http", "host": "h", "path": "a b", "query": "x=1"},), "http://h/a%20b?x=1"),
        ("durationRound", ("2400h10m",), "3mo"),
        ("duration", ("3661",), "1h1m1s"),
        ("derivePassword", (1, "long", "password", "user", "example.com"), "ZedaFaxcZaso9*"),
    ],
)
def test_gives_what_sprig_gives(name: str, arguments: tuple[Any, ...], result: Any) -> None:
    if name == "derivePassword":  # its counter is a uint32, which only a constant in a template can be
        assert FUNCTIONS[name].implementation(*arguments) == result
    else:
        assert FUNCTIONS[name](*arguments) == result


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("repeat", (2.0, "x")),
        ("repeat", (Int64(2), "x")),
        ("repeat", (Int(-1), "x")),
        ("upper", (None,)),
        ("upper", ()),
        ("get", (Strings(), "x")),
        ("first", ("x",)),
        ("substr", (Int(3), Int(2), "hello")),
        ("fail", ("boom",)),
        ("mustFromJson", ("{",)),
        ("mustRegexMatch", ("(", "a")),
        ("semver", ("1.2.3.4",)),
        ("addf", (float("inf"),)),
        ("urlParse", ("http://a b/",)),
        ("uuidv4", ("too many",)),
        ("now", ()),
    ],
)
def test_refuses_with_an_evaluation_error(name: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(EvaluationError):
        FUNCTIONS[name](*arguments)


def test_whole_numbers_of_go_keep_their_type() -> None:
    assert [type_of(FUNCTIONS[n](7.9)) for n in ("int", "int64", "float64", "add1")] == [
        "int",
        "int64",
        "float64",
        "int64",
    ]


@pytest.mark.parametrize(
    ("layout", "text", "time"),
    [
        ("2006-01-02", "2026-03-04", "2026-03-04 00:00:00 +0000 UTC"),
        ("2006-01-02T15:04:05Z07:00", "2026-03-04T05:06:07.25+02:00", "2026-03-04 05:06:07.25 +0200 +0200"),
        ("Mon Jan _2 3:04PM 2006", "wed mar  4 5:06PM 2026", "2026-03-04 17:06:00 +0000 UTC"),
        ("02 Jan 06 15:04 MST", "04 Mar 26 12:00 EST", "2026-03-04 12:00:00 +0000 EST"),
        ("2006 002", "2024 060", "2024-02-29 00:00:00 +0000 UTC"),
        ("2006-01-02", "2026-02-30", "0001-01-01 00:00:00 +0000 UTC"),
        ("2006-01-02", "x", "0001-01-01 00:00:00 +0000 UTC"),
    ],
)
def test_reads_dates_by_layout(layout: str, text: str, time: str) -> None:
    assert str(FUNCTIONS["toDate"](layout, text)) == time


@pytest.mark.parametrize(
    ("layout", "zone", "text"),
    [
        ("Monday, 02-Jan-06 15:04:05 MST", "UTC", "Wednesday, 04-Mar-26 04:53:20 UTC"),
        ("2006-01-02T15:04:05.000Z07:00", "America/New_York", "2026-03-03T23:53:20.000-05:00"),
        ("__2 002 _2 3PM .99 -0700 MST", "Asia/Kolkata", " 63 063  4 10AM  +0530 IST"),
        ("2006", "No/Where", "2026"),
    ],
)
def test_writes_dates_by_layout(layout: str, zone: str, text: str) -> None:
    assert FUNCTIONS["dateInZone"](layout, Int64(1772600000), zone) == text


def test_a_context_tells_time_and_seed() -> None:
    context = Context(lambda: datetime(2026, 3, 4, 5, 6, tzinfo=UTC), b"seed")
    assert FUNCTIONS["htmlDate"](FUNCTIONS["now"](context=context), context=context) == "2026-03-04"
    again = Context(seed=b"seed")
    assert FUNCTIONS["randNumeric"](Int(6), context=context) == FUNCTIONS["randNumeric"](Int(6), context=again)


def test_nothing_of_sprig_is_forgotten() -> None:
    """All names of sprig's function map are there or refused with a reason."""
    assert len(FUNCTIONS) == 196
    assert not set(FUNCTIONS) & set(REFUSED)
    assert len(FUNCTIONS) + len(REFUSED) == 211


def test_versions_have_methods() -> None:
    text = '{{ $v := semver "v1.2.3-rc.1+b" }}{{ $v }} {{ $v.Major }} {{ $v.Original }} {{ $v.IncMinor }}'
    assert gotemplate.compile(text).render({}) == "1.2.3-rc.1+b 1 v1.2.3-rc.1+b 1.3.0"
