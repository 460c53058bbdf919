"""Metrics of bindings: what each did with events."""

from __future__ import annotations

from functools import lru_cache

from prometheus_client import Counter

__all__ = ["outcome"]

OUTCOMES = Counter("pointsman_binding_outcomes", "What bindings did with events", ("namespace", "binding", "outcome"))


def outcome(namespace: str, binding: str, word: str) -> None:
    """A binding has settled an event: ``submitted``, ``filtered``, ``error`` or ``refused``."""
    _counter(namespace, binding, word).inc()


@lru_cache(maxsize=20_000)
def _counter(namespace: str, binding: str, word: str) -> Counter:
    """Looking it up costs as much as asking a selector."""
    return OUTCOMES.labels(namespace, binding, word)
