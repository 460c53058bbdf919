"""Step 6 · filters: what a dependency's filters say of an event. Pure; one kind of filter a file.

A filter is compiled once to ``(event) -> Verdict``. Errors are verdicts of their own, kept apart from false (spec §1.3.1);
both keep the event from its trigger.
"""

from __future__ import annotations

from collections.abc import Sequence

from events.expressions.scripts import Scripts
from events.models.event import Event
from events.models.sensor import Filters
from events.models.values import Verdict, VerdictKind
from sensor.filters import context, data, exprs, script, time
from sensor.filters.clauses import PASSED, Check, Group, joined

__all__ = ["CompiledFilters", "compile_filters"]

NOT_CONFIGURED = Verdict(VerdictKind.FAILED, "filters", "filtersLogicalOperator is 'or' and no filter is configured")


class CompiledFilters:
    """All filters of a dependency. ``check`` is the verdict on an event; calling this is the same."""

    __slots__ = ("_groups", "check")

    def __init__(self, groups: Sequence[Group], check: Check) -> None:
        self._groups = groups
        self.check = check

    def __call__(self, event: Event) -> Verdict:
        """Whether the event counts."""
        return self.check(event)

    def explain(self, event: Event) -> list[Verdict]:
        """The verdict of every clause on its own, also of those that are not looked at any more when another has decided."""
        return [verdict for group in self._groups for verdict in group.explain(event)]


def compile_filters(filters: Filters | None, operator: str, scripts: Scripts) -> CompiledFilters:
    """All filters of a dependency as one check.

    Members are looked at in the order of the reference: exprs, data, context, time, script, and then our own ``cel``.
    Raises ExpressionError for a program that does not compile; its ``path`` is relative to ``filters``.
    """
    if filters is None:
        return CompiledFilters([], lambda event: PASSED)
    groups: list[Group] = []
    if filters.exprs is not None:
        groups.append(exprs.compile_filter(filters.exprs, filters.expr_logical_operator))
    if filters.data is not None:
        groups.append(data.compile_filter(filters.data, filters.data_logical_operator))
    if filters.context is not None:
        groups.append(context.compile_filter(filters.context))
    if filters.time is not None:
        groups.append(time.compile_filter(filters.time))
    if filters.script:
        groups.append(script.compile_filter(filters.script, scripts))
    if filters.cel:
        from sensor.filters import cel  # its library is large and rarely needed

        groups.append(cel.compile_filter(filters.cel, scripts))
    members = [group.check for group in groups]
    return CompiledFilters(groups, _any(members) if operator == "or" else _all(members))


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
