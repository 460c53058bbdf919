"""Step 6 · script filter: a Lua chunk that must return true (spec §1.3.6). It runs in a bounded worker process."""

from __future__ import annotations

from events.errors import EvaluationError, ExpressionError
from events.expressions.scripts import Scripts
from events.models.event import Event
from events.models.values import Verdict, VerdictKind
from sensor.filters.clauses import PASSED, Clause, Group, error

__all__ = ["compile_filter"]


def compile_filter(text: str, scripts: Scripts) -> Group:
    """No data passes; an error of the script is an error, anything but ``true`` is false."""

    def check(event: Event) -> Verdict:
        if event.data is None:
            return PASSED
        try:
            if scripts.lua_filter(text, event.data):
                return PASSED
        except (EvaluationError, ExpressionError) as problem:
            return error("script", str(problem))
        return Verdict(VerdictKind.FAILED, "script", "did not return true")

    return Group(check, [Clause("script", "returned true", check)], reads_data=True)
