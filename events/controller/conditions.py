"""Conditions of a status: what is True of an object, since when, and why not (spec §5.3). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from events.models.base import Finding

__all__ = ["Condition", "cut", "false", "in_words", "is_ready", "merged", "true", "well"]

MAX_MESSAGE = 1024


@dataclass(frozen=True, slots=True)
class Condition:
    """``status`` is True or False; ``reason`` a CamelCase word; ``message`` sentences."""

    type: str
    status: str
    reason: str = ""
    message: str = ""


def true(type: str, reason: str = "", message: str = "") -> Condition:
    """It is so; a message may still tell what to know about it."""
    return Condition(type, "True", reason, message)


def false(type: str, reason: str, message: str) -> Condition:
    """It is not so."""
    return Condition(type, "False", reason, message)


def well(type: str, warnings: Sequence[Finding]) -> Condition:
    """It is so, but there is something to know."""
    return true(type, "Warnings", in_words(warnings)) if warnings else true(type)


def merged(before: Any, now: Iterable[Condition], generation: int, at: str) -> list[dict[str, Any]]:
    """The list for ``status.conditions``, sorted by type; ``lastTransitionTime`` stays where the status stays."""
    known = {c.get("type"): c for c in before if isinstance(c, dict)} if isinstance(before, list) else {}
    conditions = []
    for condition in sorted(now, key=lambda c: c.type):
        old = known.get(condition.type, {})
        since = old.get("lastTransitionTime") if old.get("status") == condition.status else None
        new: dict[str, Any] = {
            "type": condition.type,
            "status": condition.status,
            "lastTransitionTime": since or at,
            "observedGeneration": generation,
        }
        if condition.reason:
            new["reason"] = condition.reason
        if condition.message:
            new["message"] = cut(condition.message)
        conditions.append(new)
    return conditions


def is_ready(status: Any) -> bool:
    """As the reference says it: there are conditions, and all are True."""
    conditions = status.get("conditions") if isinstance(status, dict) else None
    return bool(conditions) and all(isinstance(c, dict) and c.get("status") == "True" for c in conditions or ())


def in_words(findings: Iterable[Finding], limit: int = 4) -> str:
    """Findings as one message: the first few, and how many more there are."""
    texts = [str(finding) for finding in findings]
    more = [f"and {len(texts) - limit} more"] if len(texts) > limit else []
    return "; ".join([*texts[:limit], *more])


def cut(text: str) -> str:
    """A message of bounded length."""
    return text if len(text) <= MAX_MESSAGE else f"{text[: MAX_MESSAGE - 1]}…"
