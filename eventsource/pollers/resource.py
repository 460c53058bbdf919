"""Source ``resource``: changes of Kubernetes objects (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, Spec, required
from events.models.shared import Time
from eventsource.pollers import Poller, register


class Selector(Spec):
    """A condition on a label, or on a field of the object."""

    key: str = ""
    """Name of the label, or path of the field."""
    operation: str = ""
    """How to compare; `==` when absent."""
    value: str = ""
    """What to compare with."""


class ResourceFilter(Spec):
    """Which objects count."""

    prefix: str = ""
    """What the name begins with."""
    labels: list[Selector] = []
    """Conditions on labels."""
    fields: list[Selector] = []
    """Conditions on fields."""
    created_by: Time | None = None
    """Only objects made before this time."""
    after_start: bool = False
    """Only objects made after the start of the source."""


class ResourceConfig(Spec):
    """``resource`` is the plural name; an empty ``namespace`` means all."""

    namespace: str = ""
    """The namespace; empty means all."""
    filter: ResourceFilter | None = None
    """Which objects count."""
    group: str = ""
    """Group of their API."""
    version: str = ""
    """Version of their API."""
    resource: str = ""
    """Their kind, in the plural."""
    event_types: list[str] | None = None
    """`ADD`, `UPDATE` or `DELETE`."""
    metadata: dict[str, str] = {}
    """Added to the event's data."""


@register("resource")
class Resource(Poller[ResourceConfig]):
    """Source kind ``resource``."""

    kind = "resource"
    built = False
    config_model = ResourceConfig

    @classmethod
    def validate(cls, config: ResourceConfig, path: str = "") -> list[Finding]:
        """Version, resource and types; as in the reference, a type or an operation may be any text."""
        findings = required(path, version=config.version, resource=config.resource)
        if config.event_types is None:
            findings.append(Finding("error", f"{path}.eventTypes", "must be given"))
        if config.filter is not None:
            for name, selectors in (("labels", config.filter.labels), ("fields", config.filter.fields)):
                for index, selector in enumerate(selectors):
                    findings += required(f"{path}.filter.{name}[{index}]", key=selector.key)
        return findings
