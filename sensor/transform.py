"""Step 6, first half: a dependency's ``transform`` rewrites the event's data before its filters see them.

``jq`` wins over ``script``; with neither, or without data, the event stays as it is.
"""

from __future__ import annotations

from typing import Protocol

from events.expressions.scripts import Scripts

__all__ = ["transform"]

_JSON = "application/json"


class _Spec(Protocol):
    """The ``transform`` of a dependency; an empty text is one that is not given."""

    @property
    def jq(self) -> str: ...

    @property
    def script(self) -> str: ...


def transform(data: bytes | None, content_type: str, spec: _Spec, scripts: Scripts) -> tuple[bytes | None, str]:
    """The event's data and ``datacontenttype`` afterwards.

    Raises:
        ExpressionError: the program does not compile.
        EvaluationError: the data are not a JSON object, or the program fails on them.
    """
    if data is None:
        return data, content_type
    if spec.jq:
        return scripts.jq_transform(spec.jq, data), _JSON
    if spec.script:
        return scripts.lua_transform(spec.script, data), _JSON
    return data, content_type
