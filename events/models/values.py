"""The words of the flow that cross package borders (design §2): Verdict, Submission, Outcome."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = ["Outcome", "OutcomeKind", "Submission", "Verdict", "VerdictKind", "value_text"]

_SHOWN = 200


def value_text(value: Any) -> str:
    """A value that a filter saw, as JSON for people to read, cut after 200 characters."""
    return json.dumps(value, ensure_ascii=False, default=str)[:_SHOWN]


class VerdictKind(StrEnum):
    """A filter's outcome. An error counts as not passed, but is told apart in records."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a filter says of an event: the outcome, which clause decided (``data[0] body.ref``), and the value seen."""

    kind: VerdictKind
    clause: str = ""
    reason: str = ""
    seen: Any = None

    @property
    def passed(self) -> bool:
        """Whether the event counts."""
        return self.kind is VerdictKind.PASSED


@dataclass(frozen=True, slots=True)
class Submission:
    """What a trigger is about to send: pure data. ``body`` is an object (Kubernetes) or bytes (HTTP)."""

    kind: str
    name: str
    namespace: str = ""
    body: Any = None
    meta: dict[str, Any] = field(default_factory=dict)


class OutcomeKind(StrEnum):
    """What became of a submission."""

    SUBMITTED = "submitted"
    DUPLICATE = "duplicate"
    RETRY = "retry"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a submission: ``target`` names what was made (``Workflow/ci-abc``), ``detail`` the words of the other side."""

    kind: OutcomeKind
    target: str = ""
    detail: str = ""
    retry_after: float | None = None
