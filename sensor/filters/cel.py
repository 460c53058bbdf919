"""Step 6 · CEL filter: a program over the event's data and context that must say true. An addition of Pointsman's.

A program that no data can make slow runs here; others run in the process of the scripts, which can be stopped.
"""

from __future__ import annotations

from events.errors import EvaluationError, ExpressionError
from events.expressions import cel
from events.expressions.scripts import Scripts
from events.models.event import Event
from events.models.values import Verdict, VerdictKind
from sensor.filters.clauses import PASSED, Clause, Group, error, on_data

__all__ = ["compile_filter"]


def compile_filter(text: str, scripts: Scripts) -> Group:
    """Only ``true`` passes; a missing member, a wrong type or data that is no JSON is an error. No data passes, as for the
    other filters. Raises ExpressionError.
    """
    try:
        program = cel.compile(text)
    except ExpressionError as problem:
        problem.path = "cel"
        raise
    clause = f"cel {text}"

    def check(event: Event) -> Verdict:
        try:
            if program.light:
                passed = program(event.document, event.context)
            else:
                passed = scripts.cel_filter(text, event.to_json())
        except (EvaluationError, ExpressionError) as problem:
            return error(clause, str(problem))
        return PASSED if passed else Verdict(VerdictKind.FAILED, clause, "is not true", look(event))

    def look(event: Event) -> dict[str, object]:
        return program.reads(event.document, event.context)

    return Group(on_data(check, clause), [Clause(clause, "is true", check, look)], reads_data=True)
