"""Step 6, first half: a dependency's ``transform`` rewrites the event's data before its filters see them.

``jq`` wins over ``script``; with neither, or without data, the event stays as it is.
"""

from __future__ import annotations

from events.expressions.scripts import Scripts

__all__ = ["transform"]

_JSON = "application/json"


def transform(
    data: bytes | None, content_type: str, *, jq: str = "", script: str = "", scripts: Scripts
) -> tuple[bytes | None, str]:
    """The event's data and ``datacontenttype`` afterwards.

    Raises:
        ExpressionError: the program does not compile.
        EvaluationError: the data are not a JSON object, or the program fails on them.
    """
    if data is None:
        return data, content_type
    if jq:
        return scripts.jq_transform(jq, data), _JSON
    if script:
        return scripts.lua_transform(script, data), _JSON
    return data, content_type
