from __future__ import annotations

import contextlib

import pytest

from events.expressions import gojson
from eventsource.endpoint.answers import Refusal
from eventsource.endpoint.payload import payload
from tests.support.cost import BOUNDED, cpu_seconds


@pytest.mark.parametrize("body", [b"", b" \t\r\n"])
def test_an_empty_body_has_no_value(body: bytes) -> None:
    assert payload(body) is None


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"null", None),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'{"a":1} trailing', {"a": 1}),
        (b'{"a":1}{"b":2}', {"a": 1}),
        (b"nullx", None),
        (b"01", 0),
        (b'"\\ud83d"', "\ufffd"),
        (b'"\xff"', "\ufffd"),
        (b'{"a":"\xff"} \xfe', {"a": "\ufffd"}),
        (b"[9007199254740993]", [9007199254740993]),
        ("ä".encode().join([b'"', b'" x']), "ä"),
    ],
)
def test_the_first_value_counts(body: bytes, value: object) -> None:
    found = payload(body)
    assert found is not None
    assert gojson.decode(found) == value


def test_minus_zero_stays() -> None:
    assert str(gojson.decode(payload(b"-0") or b"")) == "-0.0"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"not json", "invalid character 'o' in literal null (expecting 'u')"),
        (b"tru", "unexpected EOF"),
        (b"{", "unexpected EOF"),
        (b'{"a"', "unexpected EOF"),
        (b'"a', "unexpected EOF"),
        (b"-", "unexpected EOF"),
        (b"1.", "unexpected EOF"),
        (b"{a:1}", "invalid character 'a' looking for beginning of object key string"),
        (b'{"a" 1}', "invalid character '1' after object key"),
        (b'{"a":1 2}', "invalid character '2' after object key:value pair"),
        (b"[1 2]", "invalid character '2' after array element"),
        (b"[1,]", "invalid character ']' looking for beginning of value"),
        (b'"\t"', r"invalid character '\t' in string literal"),
        (b'"\\x"', "invalid character 'x' in string escape code"),
        (b"\xef\xbb\xbf{}", "invalid character 'ï' looking for beginning of value"),
        (b"NaN", "invalid character 'N' looking for beginning of value"),
        (b"-Infinity", "invalid character 'I' in numeric literal"),
        (b"[" * 20_000, "exceeded max depth"),
    ],
)
def test_what_is_no_json_is_refused_in_the_words_of_the_reference(body: bytes, words: str) -> None:
    with pytest.raises(Refusal) as refusal:
        payload(body)
    assert refusal.value.status == 400
    assert refusal.value.message == words


@pytest.mark.parametrize("body", [b"1e400", b'{"a":[-1e400]} x', b"9" * 400])
def test_a_number_beyond_float64_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal) as refusal:
        payload(body)
    assert refusal.value.status == 400


@pytest.mark.parametrize(
    "body", [b"[" * 65_000, b'{"a":' * 13_000, b"[1e400," * 9_000, b'"\\u00' * 9_000, b"1," * 32_000]
)
def test_hostile_bodies_end_in_time(body: bytes) -> None:
    def read() -> None:
        with contextlib.suppress(Refusal):
            payload(body)

    assert cpu_seconds(read) < BOUNDED
