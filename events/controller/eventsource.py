"""EventSource → ConfigMap, Deployment, Service, and what is to be said of it (spec §5.2, §5.3). Pure."""

from __future__ import annotations

from collections.abc import Sequence

from events.controller.conditions import Condition, false, in_words, true, well
from events.controller.desired import Bus, Desired, Json
from events.controller.judging import Judgement
from events.controller.names import selector, unfit_for_service
from events.controller.settings import Settings
from events.controller.workload import child, workload
from events.models.base import Finding

__all__ = ["desire"]

SOURCES, DEPLOYED = "SourcesProvided", "Deployed"


def desire(obj: Json, bus: Bus, judgement: Judgement, missing: Sequence[Finding], settings: Settings) -> Desired:
    """``missing``: Secrets and ConfigMaps, or keys of them, that are not there."""
    if judgement.errors:
        wrong = false(SOURCES, "InvalidEventSource", in_words(judgement.errors))
        text = "nothing is deployed or changed while the specification is wrong"
        return Desired((wrong, false(DEPLOYED, "InvalidEventSource", text)))
    sources = _sources(judgement, missing)
    if bus.config is None:
        return Desired((sources, false(DEPLOYED, bus.reason, bus.message)))
    made = workload(obj, bus, judgement, settings)
    if made.findings:
        return Desired((sources, false(DEPLOYED, "BuildDeploymentSpecFailed", in_words(made.findings, 10))))
    service = _service(obj)
    if service and (unfit := unfit_for_service(obj["metadata"]["name"])):  # whoever runs it may bring a Service
        return Desired((sources, false(DEPLOYED, "BuildServiceFailed", str(unfit))), made.children)
    return Desired((sources, true(DEPLOYED)), (*made.children, *service))


def _sources(judgement: Judgement, missing: Sequence[Finding]) -> Condition:
    if judgement.troubles:
        return false(SOURCES, "InvalidEventSource", in_words(judgement.troubles))
    if missing:
        return false(SOURCES, "ReferenceMissing", in_words(missing))
    return well(SOURCES, judgement.warnings)


def _service(obj: Json) -> tuple[Json, ...]:
    """The Service in front of its ports, where it names any."""
    given = obj["spec"].get("service") or {}
    if not given.get("ports"):
        return ()
    name = obj["metadata"]["name"]
    spec: Json = {"type": "ClusterIP", "selector": selector(obj["kind"], name), "ports": given["ports"]}
    if given.get("clusterIP"):
        spec["clusterIP"] = given["clusterIP"]
    service = child(obj, "v1", "Service", f"{name}-eventsource-svc", spec=spec)
    metadata = given.get("metadata") or {}
    service["metadata"]["labels"] = {**(metadata.get("labels") or {}), **service["metadata"]["labels"]}
    if metadata.get("annotations"):
        service["metadata"]["annotations"] = dict(metadata["annotations"])
    return (service,)
