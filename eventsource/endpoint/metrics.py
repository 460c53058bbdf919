"""Metrics of the event endpoint: what became of posts, by our own words for why they were refused."""

from __future__ import annotations

from prometheus_client import Counter, Summary

__all__ = ["EndpointMetrics"]

# Never by namespace or discriminator: a sender chooses them.
POSTS = Counter("pointsman_posts", "What became of posts to the event endpoint", ("result", "reason"))
DURATION = Summary("pointsman_post_duration_milliseconds", "Time of an accepted post, with the wait for its bindings")


class EndpointMetrics:
    """The counters of the endpoint, created with 0."""

    def __init__(self) -> None:
        self.duration = DURATION
        self._results = {result: POSTS.labels(result, "") for result in ("stored", "spooled", "duplicate")}

    def result(self, result: str) -> None:
        """A post was answered: ``stored``, ``spooled`` or ``duplicate``."""
        self._results[result].inc()

    def rejected(self, reason: str) -> None:
        """A post was refused. ``reason`` is one of our CamelCase words, never text of the sender."""
        POSTS.labels("rejected", reason).inc()
