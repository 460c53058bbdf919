"""EventSource: events by kind and name (spec §3.1). The kinds themselves live in ``eventsource.webhooks`` and ``.pollers``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from events.models.base import Int32, Json, Spec
from events.models.kubernetes import Labels, PodTemplate, ServicePort
from events.models.shared import Metadata

__all__ = ["EventSource", "EventSourceSpec", "Service", "SourceFilter"]


class Service(Spec):
    """The Kubernetes Service in front of a webhook source."""

    metadata: Labels | None = None
    """Labels and annotations of the Service."""
    ports: list[ServicePort] = []
    """Ports of the Service; without any there is no Service."""
    cluster_ip: str = Field(default="", alias="clusterIP")
    """As in a Service; `None` makes it headless."""


class SourceFilter(Spec):
    """An expr-lang expression over the event's data; events for which it isn't true are dropped (spec §3.2)."""

    expression: str = ""
    """For example `body.ref == "refs/heads/main"`."""


class EventSourceSpec(Spec):
    """The body of an EventSource: a few fields, and beside them kind → event name → configuration."""

    free_form: ClassVar[bool] = True  # kinds are fields here; the registry of event sources knows them

    event_bus_name: str = ""
    """The EventBus of this namespace that events go to; `default` when absent."""
    template: PodTemplate | None = None
    """Settings of the pods."""
    service: Service | None = None
    """The Service in front of the pods."""
    replicas: Int32 | None = None
    """How many pods; 1 when absent."""

    def events(self) -> Iterator[tuple[str, str, Json]]:
        """``(kind, event name, raw configuration)`` of each event, in the order of the manifest."""
        for kind, events in (self.model_extra or {}).items():
            if isinstance(events, dict):
                for name, config in events.items():
                    yield kind, name, config


class EventSource(Spec):
    """EventSource of ``argoproj.io/v1alpha1``."""

    api_version: str = ""
    kind: str = "EventSource"
    metadata: Metadata = Metadata()
    spec: EventSourceSpec = EventSourceSpec()
    status: Json = None

    @property
    def bus(self) -> str:
        """Name of the EventBus that it writes to."""
        return self.spec.event_bus_name or "default"
