"""Step 3, convert: ``filter.expression`` of a source over an event's data (spec §3.2). Pure.

Names are the data's top-level keys (``body``, ``headers`` …), with ``-`` read as ``_``; numbers are float64.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from events.errors import EvaluationError, ExpressionError
from events.expressions import expr, gojson
from events.expressions.expr.types import ANY, BOOL
from events.registry import did_you_mean

__all__ = ["Keep", "prepare"]

Keep = Callable[[bytes], bool]
"""Whether an event with this data is kept. Raises EvaluationError when the expression has no answer for it."""


def prepare(expression: str, names: Collection[str] | None = None) -> Keep:
    """Compile an expression. ``names`` are the top-level keys that the data can have, where they are known.

    Raises ExpressionError, also for what has no answer whatever the data are: another name, or a value that is no boolean.
    """
    if not expression.strip():
        raise _hopeless("the expression is empty: it keeps nothing", "leave out the filter to keep everything")
    program = expr.prepare(expression, dialect=expr.V1_15, functions=expr.HELPERS)
    result = expr.compile(expression, {}, dialect=expr.V1_15, functions=expr.HELPERS).nature
    if names is not None:
        _check_names(expression, names)
    if result.nil or result.type not in (None, BOOL, ANY):
        raise _hopeless(
            f"the expression is neither true nor false, but {result.type or 'nil'}", "compare it with something"
        )

    def keep(data: bytes) -> bool:
        try:
            answer = program(expr.expand(gojson.decode(data)))
        except ExpressionError as error:  # found only once the data's types are known
            raise EvaluationError(error.message) from None
        if not isinstance(answer, bool):
            raise EvaluationError("the expression is neither true nor false", reason="NotBoolean")
        return answer

    return keep


def _check_names(expression: str, names: Collection[str]) -> None:
    """Raise ExpressionError for a name that neither the data nor the language has: it is nil in every event."""
    known = {*names, *expr.HELPERS.natures, *expr.builtin_names(expr.V1_15), "$env"}
    for name in expr.free_names(expression, expr.V1_15):
        if name not in known:
            hint = did_you_mean(name, sorted(known)) or f"the data hold {', '.join(sorted(names))}"
            raise _hopeless(f"unknown name {name}", hint)


def _hopeless(message: str, hint: str) -> ExpressionError:
    error = ExpressionError(message, language="expr")
    error.hint = hint
    return error
