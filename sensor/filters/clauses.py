"""Step 6 · the parts that filters are made of: checks, and clauses joined with ``and`` or ``or``.

On the way of an event only the checks are called. ``explain`` asks the clauses one by one, also those that did not decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from events.errors import EvaluationError
from events.models.event import Event
from events.models.values import Verdict, VerdictKind

__all__ = ["PASSED", "Check", "Clause", "Group", "all_of", "any_of", "error", "joined", "on_data"]

Check = Callable[[Event], Verdict]

PASSED = Verdict(VerdictKind.PASSED)


@dataclass(frozen=True, slots=True)
class Clause:
    """One thing that a filter asks: how it is named, what it wants (``matches 'main'``), the check, and the value that the check
    saw of an event that passed.
    """

    text: str
    wants: str
    check: Check
    look: Callable[[Event], object] = lambda event: None

    def explain(self, event: Event) -> Verdict:
        """The clause's own verdict, named, with the reason and the value that it saw, also when it passed."""
        verdict = self.check(event)
        return Verdict(VerdictKind.PASSED, self.text, self.wants, self.look(event)) if verdict.passed else verdict


@dataclass(frozen=True, slots=True)
class Group:
    """The clauses of one kind of filter, and the check that they make together.

    ``reads_data`` tells that the check passes without data and is an error when the data is no JSON.
    """

    check: Check
    clauses: Sequence[Clause]
    reads_data: bool = False

    def explain(self, event: Event) -> list[Verdict]:
        """The verdict of each clause on its own; that of the whole where no clause can be asked."""
        if not self.clauses:
            verdict = self.check(event)
            return [] if verdict.passed else [verdict]
        if self.reads_data and event.data is None:
            return [Verdict(VerdictKind.PASSED, clause.text, "the event has no data") for clause in self.clauses]
        if self.reads_data and not event.document.valid:
            return [self.check(event)]
        return [clause.explain(event) for clause in self.clauses]


def on_data(check: Check, name: str) -> Check:
    """A check of the data: no data passes; data that is no JSON is an error."""

    def guarded(event: Event) -> Verdict:
        if event.data is None:
            return PASSED
        if not event.document.valid:
            return error(name, "the event's data is not JSON")
        return check(event)

    return guarded


def all_of(checks: Sequence[Check]) -> Check:
    """Joined with ``and``: the first that does not pass decides, later ones are not looked at."""
    if len(checks) == 1:
        return checks[0]

    def check(event: Event) -> Verdict:
        for each in checks:
            verdict = each(event)
            if verdict.kind is not VerdictKind.PASSED:
                return verdict
        return PASSED

    return check


def any_of(checks: Sequence[Check], when_empty: Verdict) -> Check:
    """Joined with ``or``: the first that passes decides and earlier errors are forgotten."""

    def check(event: Event) -> Verdict:
        seen: list[Verdict] = []
        for each in checks:
            verdict = each(event)
            if verdict.kind is VerdictKind.PASSED:
                return verdict
            seen.append(verdict)
        if not seen:
            return when_empty
        errors = [v for v in seen if v.kind is VerdictKind.ERROR]
        return joined(VerdictKind.ERROR, errors) if errors else joined(VerdictKind.FAILED, seen)

    return check


def joined(kind: VerdictKind, verdicts: Sequence[Verdict]) -> Verdict:
    """Several verdicts told as one."""
    if len(verdicts) == 1:
        return verdicts[0]
    clauses = ", ".join(v.clause for v in verdicts)
    return Verdict(kind, clauses, "; ".join(f"{v.clause}: {v.reason}" for v in verdicts), [v.seen for v in verdicts])


def error(clause: str, problem: EvaluationError | str, seen: object = None) -> Verdict:
    """The verdict for a clause that could not be decided."""
    return Verdict(VerdictKind.ERROR, clause, str(problem), seen)
