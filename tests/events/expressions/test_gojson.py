"""Go's JSON, as scripts read and write it."""

from __future__ import annotations

from typing import Any

import pytest

from events.errors import EvaluationError
from events.expressions.gojson import dumps, loads_object, spelled


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
