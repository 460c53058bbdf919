"""Source ``resource``: changes of Kubernetes objects (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, Spec, required
from events.models.shared import Time
from eventsource.pollers import Poller, register


class Selector(Spec):
    """A condition on a label, or on a field of the object."""

    key: str = ""
    operation: str = ""
    value: str = ""


class ResourceFilter(Spec):
    """Which objects count."""

    prefix: str = ""
    labels: list[Selector] = []
    fields: list[Selector] = []
    created_by: Time | None = None
    after_start: bool = False


class ResourceConfig(Spec):
    """``resource`` is the plural name; an empty ``namespace`` means all."""

    namespace: str = ""
    filter: ResourceFilter | None = None
    group: str = ""
    version: str = ""
    resource: str = ""
    event_types: list[str] | None = None
    metadata: dict[str, str] = {}


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
