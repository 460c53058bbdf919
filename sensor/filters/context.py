"""Step 6 · context filter: attributes that the event must have (spec §1.3.4)."""

from __future__ import annotations

import operator

from events.models.event import Event
from events.models.sensor import ContextFilter
from events.models.values import Verdict, VerdictKind
from sensor.filters.clauses import PASSED, Clause, Group, all_of

__all__ = ["compile_filter"]


def compile_filter(spec: ContextFilter) -> Group:
    """``type``, ``subject``, ``source`` and ``datacontenttype`` are compared exactly, each only when it is given."""
    wanted = {name: getattr(spec, name) for name in ("type", "subject", "source", "datacontenttype")}
    clauses = [_clause(name, value) for name, value in wanted.items() if value != ""]
    return Group(all_of([clause.check for clause in clauses]), clauses)


def _clause(name: str, wanted: str) -> Clause:
    text = f"context {name}"
    look = operator.attrgetter(name)

    def check(event: Event) -> Verdict:
        seen = look(event)
        return PASSED if seen == wanted else Verdict(VerdictKind.FAILED, text, f"is not '{wanted}'", seen)

    return Clause(text, f"is '{wanted}'", check, look)
