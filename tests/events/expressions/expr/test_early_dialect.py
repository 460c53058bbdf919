"""The dialect of source filters, and the environment that they see."""

from __future__ import annotations

from typing import Any

import pytest

from events.errors import EvaluationError, ExpressionError
from events.expressions import expr


def early(text: str, env: dict[str, Any]) -> Any:
    return expr.prepare(text, dialect=expr.V1_15, functions=expr.HELPERS)(env)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('body.action == "opened" && int(body.number) > 5', True),
        ("unknown == nil", True),
        ("body.list == [1, 2]", False),
        ('body.words == ["a"]', True),
        ('len("é")', 2),
        ('sortBy(body.objs, "n", "desc")[0].n', 2.0),
        ("sum([1, 2.5])", 3.5),
        ('sprig.hasPrefix("op", body.action)', True),
        ("body.number not in [1] and true", True),
    ],
)
def test_value(text: str, wanted: Any) -> None:
    body = {"action": "opened", "number": 7, "list": [1, 2], "words": ["a"], "objs": [{"n": 1}, {"n": 2}]}
    assert early(text, {"body": body}) == wanted


@pytest.mark.parametrize("text", ['type == "x"', "if true {1} else {2}", "1; 2", "`raw`", 'b"x"', '"abc"[1]', "0b1"])
def test_refused_when_compiling(text: str) -> None:
    with pytest.raises(ExpressionError):
        early(text, {"type": "x"})


def test_nil_is_no_operand_of_text_operators() -> None:
    with pytest.raises(EvaluationError):
        early('body.x startsWith "a"', {"body": {}})


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        ({"content-type": 1}, {"content_type": 1}),
        ({"a.b": 1, "a.c": 2}, {"a": {"b": 1, "c": 2}}),
        ({"a": 0, "a.b": 1}, {"a": {"b": 1}}),
        ({"body": {"x.y": 1}}, {"body": {"x.y": 1}}),
    ],
)
def test_expand(data: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert expr.expand(data) == wanted
