"""What an expression reads."""

from __future__ import annotations

import pytest

from events.errors import ExpressionError
from events.expressions import expr

NAMES = ("metadata", "payload")


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ('payload.a.b == "x" && metadata["x-a"][0] == payload.a.b', ["payload.a.b", 'metadata["x-a"][0]']),
        ("any(payload.commits ?? [], any(.added, # == payload.file))", ["payload.commits", "payload.file"]),
        ("let c = payload.a; c.b", ["payload.a"]),
        ("payload?.a?.['b c']", ['payload.a["b c"]']),
        ("payload[metadata.k].x", ["payload", "metadata.k"]),
        ("payload.a[1:].b", ["payload.a"]),
        ("$env.payload.a", ["payload.a"]),
        ("$env[payload.a]", ["$env", "payload.a"]),
        ("payload.a ?: payload.a", ["payload.a"]),
        ('other.x + "payload.a"', []),
        ("lower(payload.a) | trim()", ["payload.a"]),
    ],
)
def test_paths_are_those_that_the_text_mentions(text: str, paths: list[str]) -> None:
    assert [str(path) for path in expr.reads(text, NAMES)] == paths


def test_a_path_reads_what_is_there() -> None:
    (path,) = expr.reads("payload.a[1].b", NAMES)

    assert path.read({"payload": {"a": [0, {"b": 7}]}}) == 7
    for payload in ({}, None, {"a": [1]}, {"a": {"1": 2}}, {"a": [0, [1]]}):
        assert path.read({"payload": payload}) is None


def test_wrong_syntax_is_an_expression_error() -> None:
    with pytest.raises(ExpressionError):
        expr.reads("payload..", NAMES)
