"""An expression's value as the text of a Workflow parameter (spec: argo-workflows-events.md §5).

The value as JSON; a text without its quotes, but with its escapes.
"""

from __future__ import annotations

from typing import Any

from events.expressions.expr.values import weigh
from events.expressions.golang.jsons import encode_json
from events.expressions.golang.times import Location

__all__ = ["to_parameter"]


def to_parameter(value: Any) -> str:
    """The text. Raises ``EvaluationError`` for what JSON cannot hold: NaN, functions, maps with keys that are no texts."""
    if isinstance(value, Location):
        return "{}"  # a structure without public fields
    weigh(value)
    text = encode_json(value)
    if text.startswith('"'):
        text = text[1:-1]
    return text.replace("\\u003c", "<").replace("\\u003e", ">").replace("\\u0026", "&")
