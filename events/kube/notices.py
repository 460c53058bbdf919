"""Kubernetes Events about objects, as ``kubectl describe`` shows them. Pure.

https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

from __future__ import annotations

import datetime

from events.kube import Object

__all__ = ["timestamp", "warning"]

_LONGEST = 1024
"""Characters of a message that an API server takes."""


def timestamp(moment: datetime.datetime) -> str:
    """As Kubernetes writes it; ``moment`` is in UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def warning(about: Object, name: str, reason: str, message: str, moment: str, component: str) -> Object:
    """The Event of this name in the namespace of what it is ``about`` (an object reference), told by ``component``."""
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": about["namespace"]},
        "involvedObject": about,
        "type": "Warning",
        "reason": reason,
        "message": message[:_LONGEST],
        "source": {"component": component},
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }
