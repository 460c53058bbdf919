"""Metrics of bindings: what each did with events."""

from __future__ import annotations

from prometheus_client import Counter

__all__ = ["outcome"]

OUTCOMES = Counter("pointsman_binding_outcomes", "What bindings did with events", ("namespace", "binding", "outcome"))


def outcome(namespace: str, binding: str, word: str) -> None:
    """A binding has settled an event: ``submitted``, ``filtered``, ``error`` or ``refused``."""
    OUTCOMES.labels(namespace, binding, word).inc()
