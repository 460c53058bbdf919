"""A Kubernetes Event about a binding that failed, as the reference writes it (spec: argo-workflows-events.md §3.5)."""

from __future__ import annotations

import datetime

import structlog

from events.errors import PointsmanError
from events.kube import AlreadyExists, Kube, Object
from sensor.bindings.dispatch import BindingWarning
from sensor.naming import binding_key

__all__ = ["notice", "tell"]

log = structlog.get_logger("bindings")

_LONGEST = 1024


def notice(warning: BindingWarning, event_id: str, now: datetime.datetime) -> Object:
    """The object. Its name is the same for the same event and binding, so that it is written once."""
    moment = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    key = binding_key(warning.namespace, warning.binding, event_id)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{warning.binding[:200]}.{key[:16]}", "namespace": warning.namespace},
        "involvedObject": {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "WorkflowEventBinding",
            "namespace": warning.namespace,
            "name": warning.binding,
        },
        "type": "Warning",
        "reason": warning.reason,
        "message": warning.message[:_LONGEST],
        "source": {"component": "pointsman"},
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }


async def tell(kube: Kube, warning: BindingWarning, event_id: str) -> None:
    """Write it; that it could not be written is only logged."""
    try:
        await kube.create(notice(warning, event_id, datetime.datetime.now(datetime.UTC)))
    except AlreadyExists:
        pass
    except PointsmanError as error:
        log.warning("event not written", binding=f"{warning.namespace}/{warning.binding}", error=str(error))
