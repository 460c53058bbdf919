"""What goes wrong between the bus and its consumers, counted."""

from __future__ import annotations

from prometheus_client import Counter

__all__ = ["REPEATED", "STALLS"]

STALLS = Counter("pointsman_consumer_stalls", "Times that a consumer was found stalled and bound anew", ("consumer",))
REPEATED = Counter(
    "pointsman_consumer_repeated", "Messages that came again while they were at work, and were left out", ("consumer",)
)
