"""Step 3, convert: ``filter.expression`` of a source over an event's data (spec §3.2). Pure.

Names are the data's top-level keys (``body``, ``headers`` …), with ``-`` read as ``_``; numbers are float64.
"""

from __future__ import annotations

from collections.abc import Callable

from events.errors import EvaluationError, ExpressionError
from events.expressions import expr, gojson

__all__ = ["Keep", "prepare"]

Keep = Callable[[bytes], bool]
"""Whether an event with this data is kept. Raises EvaluationError when the expression has no answer for it."""


def prepare(expression: str) -> Keep:
    """Compile an expression. Raises ExpressionError."""
    program = expr.prepare(expression, dialect=expr.V1_15, functions=expr.HELPERS)

    def keep(data: bytes) -> bool:
        try:
            answer = program(expr.expand(gojson.decode(data)))
        except ExpressionError as error:  # found only once the data's types are known
            raise EvaluationError(error.message) from None
        if not isinstance(answer, bool):
            raise EvaluationError("the expression is neither true nor false", reason="NotBoolean")
        return answer

    return keep
