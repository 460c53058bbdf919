"""A Kubernetes Event about a binding that failed, as the reference writes it (spec: argo-workflows-events.md §3.5)."""

from __future__ import annotations

import datetime

import structlog

from events.errors import PointsmanError
from events.kube import AlreadyExists, Kube, Object, notices
from sensor.bindings.dispatch import BindingWarning
from sensor.naming import binding_key

__all__ = ["notice", "tell"]

log = structlog.get_logger("bindings")


def notice(warning: BindingWarning, event_id: str, now: datetime.datetime) -> Object:
    """The object. Its name is the same for the same event and binding, so that it is written once."""
    key = binding_key(warning.namespace, warning.binding, event_id)
    about = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowEventBinding",
        "namespace": warning.namespace,
        "name": warning.binding,
    }
    name = f"{warning.binding[:200]}.{key[:16]}"
    return notices.warning(about, name, warning.reason, warning.message, notices.timestamp(now), "pointsman")


async def tell(kube: Kube, warning: BindingWarning, event_id: str) -> None:
    """Write it; that it could not be written is only logged."""
    try:
        await kube.create(notice(warning, event_id, datetime.datetime.now(datetime.UTC)))
    except AlreadyExists:
        pass
    except PointsmanError as error:
        log.warning("event not written", binding=f"{warning.namespace}/{warning.binding}", error=str(error))
