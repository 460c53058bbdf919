"""Values as texts of parameters, in both ways."""

from __future__ import annotations

import pytest

from events.errors import EvaluationError, SpecError
from events.expressions.golang.values import Int, NilList
from sensor.bindings.conversion import Conversion, conversion_of, convert


@pytest.mark.parametrize(
    ("value", "argo", "plain"),
    [
        ('say "hi"\n', r"say \"hi\"\n", 'say "hi"\n'),
        ("<a&b>", "<a&b>", "<a&b>"),
        (r"\u003c", r"\<", r"\u003c"),
        ("100%", "100%", "100%"),
        (None, "null", None),
        (NilList(), "null", "null"),
        ([], "[]", "[]"),
        (True, "true", "true"),
        (112, "112", "112"),
        (1e21, "1e+21", "1e+21"),
        (Int(7), "7", "7"),
        ({"b": ["<"], "a": None}, '{"a":null,"b":["<"]}', '{"a":null,"b":["<"]}'),
        ({"a": r"\u003c"}, r'{"a":"\<"}', r'{"a":"\\u003c"}'),
        ("\udcff", r"\ufffd", "\ufffd"),
    ],
)
def test_values_become_texts(value: object, argo: str, plain: str | None) -> None:
    assert convert(value, Conversion.ARGO) == argo
    assert convert(value, Conversion.PLAIN) == plain


@pytest.mark.parametrize("conversion", Conversion)
def test_what_json_cannot_hold_is_an_error(conversion: Conversion) -> None:
    with pytest.raises(EvaluationError):
        convert(float("nan"), conversion)


def test_the_annotation_chooses() -> None:
    assert conversion_of({}) is Conversion.ARGO
    assert conversion_of({"pointsman/conversion": "plain"}) is Conversion.PLAIN
    with pytest.raises(SpecError, match="did you mean 'plain'"):
        conversion_of({"pointsman/conversion": "Plain"})
