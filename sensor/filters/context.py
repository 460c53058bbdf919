"""Step 6 · context filter: attributes that the event must have (spec §1.3.4)."""

from __future__ import annotations

from events.models.event import Event
from events.models.sensor import ContextFilter
from events.models.values import Verdict, VerdictKind
from sensor.filters import PASSED, Check

__all__ = ["compile_filter"]


def compile_filter(spec: ContextFilter) -> Check:
    """``type``, ``subject``, ``source`` and ``datacontenttype`` are compared exactly, each only when it is given."""
    wanted = [
        (name, value)
        for name in ("type", "subject", "source", "datacontenttype")
        if (value := getattr(spec, name)) != ""
    ]

    def check(event: Event) -> Verdict:
        for name, value in wanted:
            seen = getattr(event, name)
            if seen != value:
                return Verdict(VerdictKind.FAILED, f"context {name}", f"is not '{value}'", seen)
        return PASSED

    return check
