"""Step 6 · expression filters: govaluate over named fields of the data (spec §1.3.3)."""

from __future__ import annotations

from collections.abc import Sequence

from events.errors import EvaluationError, ExpressionError
from events.expressions import gjson, govaluate
from events.models.event import Event
from events.models.sensor import ExprFilter
from events.models.values import Verdict, VerdictKind
from sensor.filters.clauses import PASSED, Clause, Group, all_of, any_of, error, on_data

__all__ = ["compile_filter"]

_NONE_IN_OR = Verdict(VerdictKind.FAILED, "exprs", "exprLogicalOperator is 'or' and there is no expression")


def compile_filter(filters: Sequence[ExprFilter], logical_operator: str) -> Group:
    """All expression filters of a dependency. No data passes; data that is no JSON is an error."""
    # With `or` an entry without fields is left out; with `and` it counts as passed. Both is what skipping it gives.
    clauses = [_clause(f, f"exprs[{i}]") for i, f in enumerate(filters) if f.fields]
    checks = [clause.check for clause in clauses]
    check = any_of(checks, _NONE_IN_OR) if logical_operator == "or" else all_of(checks)
    return Group(on_data(check, "exprs"), clauses, reads_data=True)


def _clause(spec: ExprFilter, position: str) -> Clause:
    clause = f"{position} {spec.expr}"
    fields = [(f.name, f.path, gjson.compile(f.path)) for f in spec.fields]
    try:
        program: govaluate.Program | ExpressionError = govaluate.compile(spec.expr)
    except ExpressionError as problem:
        program = problem  # lint and start report it; an event that meets it gets an error, as in the reference

    def look(event: Event) -> dict[str, object]:
        return {name: path.get(event.document).value() for name, _, path in fields}

    def check(event: Event) -> Verdict:
        variables: dict[str, object] = {}
        document = event.document
        for name, path_text, path in fields:
            result = path.get(document)
            if not result.exists:
                return error(clause, f"path '{path_text}' does not exist")
            variables[name] = result.value()
        if isinstance(program, ExpressionError):
            return error(clause, program.message)
        try:
            if program(variables) is True:
                return PASSED
        except EvaluationError as problem:
            return error(clause, problem, variables)
        return Verdict(VerdictKind.FAILED, clause, "is not true", variables)

    return Clause(clause, "is true", check, look)
