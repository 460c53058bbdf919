"""Step 6 · filters: what a dependency's filters say of an event. Pure; one kind of filter a file.

A filter is compiled once to ``(event) -> Verdict``. Errors are verdicts of their own, kept apart from false (spec §1.3.1);
both keep the event from its trigger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from events.errors import EvaluationError
from events.expressions.scripts import Scripts
from events.models.event import Event
from events.models.sensor import Filters
from events.models.values import Verdict, VerdictKind

__all__ = ["Check", "compile_filters"]

Check = Callable[[Event], Verdict]

PASSED = Verdict(VerdictKind.PASSED)
NOT_CONFIGURED = Verdict(VerdictKind.FAILED, "filters", "filtersLogicalOperator is 'or' and no filter is configured")


def compile_filters(filters: Filters | None, operator: str, scripts: Scripts) -> Check:
    """All filters of a dependency as one check.

    Members are looked at in the order of the reference: exprs, data, context, time, script, and then our own ``cel``.
    Raises ExpressionError for a program that does not compile; its ``path`` is relative to ``filters``.
    """
    # Imported here, since these modules import Check and PASSED from this one.
    from sensor.filters import context, data, exprs, script, time

    if filters is None:
        return lambda event: PASSED
    members: list[Check] = []
    if filters.exprs is not None:
        members.append(exprs.compile_filter(filters.exprs, filters.expr_logical_operator))
    if filters.data is not None:
        members.append(data.compile_filter(filters.data, filters.data_logical_operator))
    if filters.context is not None:
        members.append(context.compile_filter(filters.context))
    if filters.time is not None:
        members.append(time.compile_filter(filters.time))
    if filters.script:
        members.append(script.compile_filter(filters.script, scripts))
    if filters.cel:
        from sensor.filters import cel  # its library is heavy and rarely needed

        members.append(cel.compile_filter(filters.cel, scripts))
    if operator == "or":
        return _any(members)
    return _all(members)


def _all(members: Sequence[Check]) -> Check:
    """``and``: an error anywhere is an error, also beside a member that failed."""
    if len(members) == 1:
        return members[0]

    def check(event: Event) -> Verdict:
        failed: Verdict | None = None
        for member in members:
            verdict = member(event)
            if verdict.kind is VerdictKind.ERROR:
                return verdict
            if failed is None and verdict.kind is VerdictKind.FAILED:
                failed = verdict
        return failed or PASSED

    return check


def _any(members: Sequence[Check]) -> Check:
    """``or``: an error discards the event although another member passed, as in the reference (its quirk 5)."""

    def check(event: Event) -> Verdict:
        verdicts = [member(event) for member in members]
        if not verdicts:
            return NOT_CONFIGURED
        errors = [v for v in verdicts if v.kind is VerdictKind.ERROR]
        if errors:
            return errors[0] if len(errors) == 1 else joined(VerdictKind.ERROR, errors)
        passed = next((v for v in verdicts if v.passed), None)
        return passed or joined(VerdictKind.FAILED, verdicts)

    return check


def joined(kind: VerdictKind, verdicts: Sequence[Verdict]) -> Verdict:
    """Several verdicts told as one."""
    if len(verdicts) == 1:
        return verdicts[0]
    clauses = ", ".join(v.clause for v in verdicts)
    return Verdict(kind, clauses, "; ".join(f"{v.clause}: {v.reason}" for v in verdicts), [v.seen for v in verdicts])


Clause = Callable[[Event], Verdict]


def all_of(clauses: Sequence[Clause]) -> Check:
    """Clauses of one group joined with ``and``: the first that does not pass decides, later ones are not looked at."""
    if len(clauses) == 1:
        return clauses[0]

    def check(event: Event) -> Verdict:
        for clause in clauses:
            verdict = clause(event)
            if verdict.kind is not VerdictKind.PASSED:
                return verdict
        return PASSED

    return check


def any_of(clauses: Sequence[Clause], when_empty: Verdict) -> Check:
    """Clauses of one group joined with ``or``: the first that passes decides and earlier errors are forgotten."""

    def check(event: Event) -> Verdict:
        seen: list[Verdict] = []
        for clause in clauses:
            verdict = clause(event)
            if verdict.kind is VerdictKind.PASSED:
                return verdict
            seen.append(verdict)
        if not seen:
            return when_empty
        errors = [v for v in seen if v.kind is VerdictKind.ERROR]
        return joined(VerdictKind.ERROR, errors) if errors else joined(VerdictKind.FAILED, seen)

    return check


def error(clause: str, problem: EvaluationError | str, seen: object = None) -> Verdict:
    """The verdict for a clause that could not be decided."""
    return Verdict(VerdictKind.ERROR, clause, str(problem), seen)
