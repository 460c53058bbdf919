"""What the controller counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["FAILURES", "LEADING", "OBJECTS", "QUEUED", "RECONCILED", "REGISTRY", "SECONDS", "WRITES"]

REGISTRY = CollectorRegistry()

RECONCILED = Counter("pointsman_controller_reconciled", "Objects that were looked at", ["kind"], registry=REGISTRY)
FAILURES = Counter("pointsman_controller_failures", "Looks that failed, and are repeated", ["kind"], registry=REGISTRY)
WRITES = Counter("pointsman_controller_writes", "Objects written or removed", ["kind"], registry=REGISTRY)
SECONDS = Histogram("pointsman_controller_reconcile_seconds", "Time of one look", ["kind"], registry=REGISTRY)
QUEUED = Gauge("pointsman_controller_queued", "Objects that wait to be looked at", registry=REGISTRY)
OBJECTS = Gauge("pointsman_controller_objects", "Objects that are looked after", ["kind"], registry=REGISTRY)
LEADING = Gauge("pointsman_controller_leading", "1 in the replica that works", registry=REGISTRY)
