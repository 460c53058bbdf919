"""An expression's value as the text of a Workflow parameter (spec: argo-workflows-events.md §5).

The value as JSON; a text without its quotes, but with its escapes.
"""

from __future__ import annotations

import re
from typing import Any

from events.expressions.expr.values import weigh
from events.expressions.golang.jsons import encode_json
from events.expressions.golang.times import Location
from events.expressions.golang.values import as_bytes, as_text

__all__ = ["clean", "to_parameter", "to_plain"]


def to_parameter(value: Any) -> str:
    """The text. Raises ``EvaluationError`` for what JSON cannot hold: NaN, functions, maps with keys that are no texts."""
    return _json(value, escape_html=True).replace("\\u003c", "<").replace("\\u003e", ">").replace("\\u0026", "&")


def to_plain(value: Any) -> str:
    """A text as it is, all else as JSON. Raises as ``to_parameter``."""
    return clean(value) if isinstance(value, str) else _json(value, escape_html=False)


def _json(value: Any, *, escape_html: bool) -> str:
    """JSON; of a text what is between the quotes."""
    if isinstance(value, Location):
        return "{}"  # a structure without public fields
    weigh(value)
    text = encode_json(value, escape_html=escape_html)
    return text[1:-1] if text.startswith('"') else text


_NOT_UTF8 = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """A text of an expression in good Unicode: what is no UTF-8 in it (a character cut in two, decoded base64) is U+FFFD."""
    return text if text.isascii() else _NOT_UTF8.sub("\ufffd", as_text(as_bytes(text)))
