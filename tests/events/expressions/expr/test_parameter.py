"""Values become the texts that parameters have in the reference."""

from __future__ import annotations

from typing import Any

import pytest

from events.errors import EvaluationError
from events.expressions import expr


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        ("My%Test%", "My%Test%"),
        ('say "hi"', 'say \\"hi\\"'),
        ("a\nb\\", "a\\nb\\\\"),
        ("<a&b>", "<a&b>"),
        (None, "null"),
        (True, "true"),
        (112, "112"),
        (8675309, "8675309"),
        (1e21, "1e+21"),
        (0.0000001, "1e-7"),
        (9007199254740993, "9007199254740992"),
        ({"b": [1, "x"], "a": "<"}, '{"a":"<","b":[1,"x"]}'),
    ],
)
def test_text_of_a_payload(payload: Any, wanted: str) -> None:
    assert expr.to_parameter(expr.prepare("payload")({"payload": payload})) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[]", "[]"),
        ("concat([], [])", "null"),
        ("filter([1], # > 1)", "[]"),
        ('duration("1s")', "1000000000"),
        ('date("2023-08-14")', "2023-08-14T00:00:00Z"),
        ('b"ab"', "YWI="),
        ("9007199254740993", "9007199254740993"),
    ],
)
def test_text_of_a_result(text: str, wanted: str) -> None:
    assert expr.to_parameter(expr.prepare(text)({})) == wanted


@pytest.mark.parametrize("text", ["groupBy([1], #)", "1 / 0", "len", 'date("2023-08-14").Year', "[0.0 / 0]"])
def test_what_json_cannot_hold_is_refused(text: str) -> None:
    if text == "len":
        assert expr.to_parameter(expr.prepare(text)({})) == "null"
        return
    with pytest.raises(EvaluationError):
        expr.to_parameter(expr.prepare(text)({}))
