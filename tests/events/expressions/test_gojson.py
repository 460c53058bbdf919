"""Go's JSON, as requests bring it and as scripts read and write it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.errors import EvaluationError
from events.expressions import gojson
from events.expressions.gojson import dumps, loads_object, spelled

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=12,
)


def html(text: str) -> str:
    return re.sub("[<>&\u2028\u2029]", lambda match: f"\\u{ord(match[0]):04x}", text)


@given(VALUES, st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: ")]), st.booleans())
@settings(max_examples=100)
def test_compacting_drops_white_space_and_nothing_else(
    value: Any, separators: tuple[str, str], ascii_only: bool
) -> None:
    loose = json.dumps(value, separators=separators, ensure_ascii=ascii_only, indent=None)
    tight = json.dumps(value, separators=(",", ":"), ensure_ascii=ascii_only)
    assert gojson.compact(f" {loose}\r\n".encode()) == html(tight).encode()


@given(st.dictionaries(TEXTS, VALUES))
@settings(max_examples=100)
def test_normalising_keeps_the_value_and_sorts_the_keys(value: dict[str, Any]) -> None:
    try:
        normal = gojson.normalise(json.dumps(value).encode(), {})
    except EvaluationError:
        assert any(len(digits) > 308 for digits in re.findall("[0-9]+", json.dumps(value)))
        return
    as_floats = json.loads(json.dumps(value), parse_int=float)
    assert json.loads(normal, parse_int=float) == as_floats
    pairs: list[list[str]] = []
    json.loads(normal, object_pairs_hook=lambda members: pairs.append([name for name, _ in members]))
    assert all(names == sorted(names, key=str.encode) for names in pairs)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b'{ "b" : 1.10, "a" : -0, "a" : 1E400 }', b'{"b":1.10,"a":-0,"a":1E400}'),
        (b'"\\u00e9\\/\\ud83d <&>"', b'"\\u00e9\\/\\ud83d \\u003c\\u0026\\u003e"'),
        (b'["\xff\xe2\x80\xa8", "\xed\xa0\x80"]', b'["\xff\\u2028","\xed\xa0\x80"]'),
        (b"[" * 1000 + b"]" * 1000, b"[" * 1000 + b"]" * 1000),
        (b"12345678901234567890123", b"12345678901234567890123"),
    ],
)
def test_a_compacted_document_is_spelled_as_it_was_sent(sent: bytes, kept: bytes) -> None:
    assert gojson.compact(sent) == kept


@pytest.mark.parametrize(
    ("sent", "normal"),
    [
        (b'{"a":1.0,"b":1e21,"c":1e-7,"d":0.000001,"e":123456789012345678901}', None),
        (b'{"z":-0,"s":"-0 \\ud83d \\ud83d\\ude00 \\\\ud83d"}', '{"s":"-0 � 😀 \\\\ud83d","z":-0}'),
        (b'{"s":"\xe2\x82","t":9007199254740993}', '{"s":"��","t":9007199254740992}'),
        (b'{"a":1,"a":2}', '{"a":2}'),
        (b'{"a":' * 300 + b"1.50" + b"}" * 300, '{"a":' * 300 + "1.5" + "}" * 300),
    ],
)
def test_normal_numbers_and_texts_are_spelled_as_go_does(sent: bytes, normal: str | None) -> None:
    expected = normal or '{"a":1,"b":1e+21,"c":1e-7,"d":0.000001,"e":123456789012345680000}'
    assert gojson.normalise(sent, {}).decode() == expected


@pytest.mark.parametrize(
    "text",
    [
        *(
            b"",
            b" ",
            b"{",
            b"{]",
            b"[1 2]",
            b"01",
            b"1.5.3",
            b"-",
            b"+1",
            b"NaN",
            b"nul",
            b'{"a":1,}',
            b"{1:2}",
            b"[1]x",
        ),
        *(b'"\\1"', b'"\\ux"', b'"\x01"', b'"a\tb"', b'"', b"\xff", b"\xef\xbb\xbf{}", b"[1E400,]", b'["\xff" "]'),
        *(
            b"[" * 1001 + b"]" * 1001,
            b"[" * 100_000,
            b'{"a":' * 5000,
            b'["' + b'\\"' * 200_000,
            b"[" * 2000 + b'-0,"' + b'\\"' * 200_000,
            b"[1E400,1.5.3]",
        ),
    ],
)
def test_what_is_no_json_or_too_deep_is_an_error(text: bytes) -> None:
    with pytest.raises(EvaluationError):
        gojson.compact(text)
    with pytest.raises(EvaluationError):
        gojson.normalise(text, {})


@given(st.binary(max_size=40) | st.text('[]{}:,"\\ue0123456789.-+Etrufalsn \n', max_size=40).map(str.encode))
@settings(max_examples=300)
def test_any_bytes_are_compacted_or_refused_as_the_json_module_decides(text: bytes) -> None:
    try:
        json.loads(text.decode("utf-8", "replace"), parse_constant=lambda word: 1 / 0)
        valid = True
    except (ValueError, ZeroDivisionError):
        valid = False
    try:
        gojson.compact(text)
        taken = True
    except EvaluationError:
        taken = False
    assert taken == valid


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None]}, '{"a":[true,null],"b":1}'),
        ([1.0, -0.0, 100, 1e-6, 1e-7, 1.5e-5], "[1,-0,100,0.000001,1e-7,0.000015]"),
        (
            [1e20, 1e21, 2**53 + 1, 12345678901234567890],
            "[100000000000000000000,1e+21,9007199254740992,12345678901234567000]",
        ),
        (["<a&b>", "\u2028", "é"], '["\\u003ca\\u0026b\\u003e","\\u2028","é"]'),
    ],
)
def test_values_are_written_as_go_does(value: Any, text: str) -> None:
    assert dumps(value).decode() == text


def test_spelled_leaves_the_signs_of_html_alone() -> None:
    assert spelled({"a": "<&>", "n": 1.0}) == b'{"a":"<&>","n":1}'


def test_deep_values_are_written() -> None:
    value: list[Any] = [1.0]
    for _ in range(600):
        value = [value]
    assert dumps(value) == b"[" * 601 + b"1" + b"]" * 601


@pytest.mark.parametrize("value", [[float("nan")], [float("inf")], {"a": 10**400}])
def test_numbers_without_a_text_are_an_error(value: Any) -> None:
    with pytest.raises(EvaluationError):
        dumps(value)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a":1,"a":2}', {"a": 2}),
        (b' {"a":1}\n', {"a": 1}),
        (b"null", None),
        (b'{"s":"\\ud800x\\ud83d\\ude00"}', {"s": "\ufffdx😀"}),
        (b'{"s":"\xff"}', {"s": "\ufffd"}),
    ],
)
def test_objects_are_read_as_go_does(data: bytes, value: Any) -> None:
    assert loads_object(data) == value


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"1", b"{", b'{"a":NaN}', b'{"\xff":Infinity}', b'{"a":1e999}', b"[" * 65536]
)
def test_anything_else_is_an_error(data: bytes) -> None:
    with pytest.raises(EvaluationError):
        loads_object(data)
