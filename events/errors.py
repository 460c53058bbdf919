"""The one tree of errors. Foreign exceptions are translated where they enter (the door modules) and never leak.

PointsmanError            reason · retryable · hint
├─ SpecError              what a user wrote is wrong: manifest, field, option           never retried
│  └─ ExpressionError     a program in one of the languages does not compile
├─ EvaluationError        a program compiled, but not for this value                    never retried
├─ Rejected               a delivery was refused, with its HTTP status                  not a fault of ours
├─ Unavailable            bus, API server or target is away: retry later                retried
│  └─ Conflict            it is there, and could not do this one now                    retried
├─ Refused                the target said no to a submission                            dead letter
├─ InUse                  a port or a state folder belongs to another process
└─ Superseded             another process has taken our place: this one must end        ends the process
"""

from __future__ import annotations

__all__ = [
    "Conflict",
    "EvaluationError",
    "ExpressionError",
    "InUse",
    "PointsmanError",
    "Refused",
    "Rejected",
    "SpecError",
    "Superseded",
    "Unavailable",
]


MAX_MESSAGE = 2_000
"""Characters of a message: it may quote what a user wrote, and goes into logs, records and answers."""


class PointsmanError(Exception):
    """Anything that we tell a user about in one sentence.

    ``reason`` is a CamelCase word, used as Kubernetes condition reason and metric label; ``hint`` says what to do.
    """

    reason = "Error"
    retryable = False

    def __init__(self, message: str, *, hint: str = "", reason: str = "") -> None:
        if len(message) > MAX_MESSAGE:
            message = f"{message[:MAX_MESSAGE]}…"
        super().__init__(message)
        self.message = message
        self.hint = hint
        if reason:
            self.reason = reason

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class SpecError(PointsmanError):
    """What the user wrote is wrong. ``path`` is the field within the object (``spec.triggers[0].template.name``).

    ``place`` is the line and the column (from 1) in a text that cannot be read; the message begins with them, too.
    """

    reason = "InvalidSpec"

    def __init__(
        self, message: str, *, path: str = "", hint: str = "", reason: str = "", place: tuple[int, int] | None = None
    ) -> None:
        where = f"line {place[0]}, column {place[1]}: " if place else ""
        super().__init__(where + message, hint=hint, reason=reason)
        self.path = path
        self.place = place

    @property
    def sentence(self) -> str:
        """The message without the place."""
        return self.message.partition(": ")[2] if self.place else self.message


class ExpressionError(SpecError):
    """A program text does not compile. ``position`` counts characters from 0, or is -1 where it isn't known."""

    reason = "InvalidExpression"

    def __init__(self, message: str, *, language: str, text: str = "", position: int = -1) -> None:
        super().__init__(message)
        self.language = language
        self.text = text
        self.position = position


class EvaluationError(PointsmanError):
    """A compiled program cannot give a result for this value (missing field, wrong type, limit reached)."""

    reason = "EvaluationFailed"


class Rejected(PointsmanError):
    """A delivery is refused. ``status`` is the HTTP status; the message never quotes a secret, token or signature."""

    reason = "Rejected"

    def __init__(self, status: int, message: str, *, reason: str = "", retry_after: int | None = None) -> None:
        super().__init__(message, reason=reason or _REASONS.get(status, "Rejected"))
        self.status = status
        self.retry_after = retry_after


_REASONS = {
    400: "Malformed",
    401: "Unauthenticated",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    408: "Timeout",
    413: "TooLarge",
    415: "UnsupportedMediaType",
    503: "Unavailable",
}


class Unavailable(PointsmanError):
    """The other side cannot be reached or is busy. ``retry_after`` in seconds, where it said so."""

    reason = "Unavailable"
    retryable = True

    def __init__(self, message: str, *, retry_after: float | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class Conflict(Unavailable):
    """The other side is there for others, and could not do this at this moment, since somebody else did something."""

    reason = "Conflict"


class Refused(PointsmanError):
    """The target said no for good. ``status`` is its HTTP status, where there is one."""

    reason = "Refused"

    def __init__(self, message: str, *, status: int | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class InUse(PointsmanError):
    """A port or a state folder belongs to another process."""

    reason = "InUse"


class Superseded(PointsmanError):
    """Another process has taken our place, as it may when we were not heard of for a while. This one must end and start anew."""

    reason = "Superseded"
