"""What a Workflow says of itself: its template, and who or what started it (bindings spec §6.2, §6.3). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from events.errors import SpecError
from events.kube import Object
from events.kube.local import parameters

__all__ = ["Facts", "TemplateQuery", "facts"]

_PREFIX = "workflows.argoproj.io/"
_LABELS = {
    "WorkflowTemplate": f"{_PREFIX}workflow-template",
    "ClusterWorkflowTemplate": f"{_PREFIX}cluster-workflow-template",
}
_SHORT = {
    "workflowtemplate": "WorkflowTemplate", "wftmpl": "WorkflowTemplate",
    "clusterworkflowtemplate": "ClusterWorkflowTemplate", "cwftmpl": "ClusterWorkflowTemplate", "cwft": "ClusterWorkflowTemplate",
}  # fmt: skip
_NAME = re.compile(r"[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class TemplateQuery:
    """The Workflows of a template; without ``kind`` it may be a WorkflowTemplate or a ClusterWorkflowTemplate."""

    name: str
    kind: str = ""

    @classmethod
    def of(cls, text: str) -> TemplateQuery:
        """``NAME`` or ``KIND/NAME``. Raises SpecError."""
        given, slash, name = text.rpartition("/")
        kind = _SHORT.get(given.lower().removesuffix("s"), "")
        if not _NAME.fullmatch(name) or (slash and not kind):
            hint = "write NAME, workflowtemplate/NAME or clusterworkflowtemplate/NAME"
            raise SpecError(f"'{text[:80]}' names no template", hint=hint)
        return cls(name, kind)

    @property
    def selectors(self) -> list[str]:
        """Label selectors that find them together, as no single one does: submitter and controller set these labels."""
        return [f"{label}={self.name}" for kind, label in _LABELS.items() if self.kind in ("", kind)]

    def holds(self, workflow: Object) -> bool:
        """Whether a Workflow is of this template, also where no controller has labelled it."""
        found = facts(workflow)
        kind = "ClusterWorkflowTemplate" if found.cluster_scope else "WorkflowTemplate"
        return found.template == self.name and self.kind in ("", kind)


@dataclass(frozen=True, slots=True)
class Facts:
    """Empty texts stand for what is not known. ``started_by`` is a trigger, a binding, a cron job, another Workflow, or a user."""

    namespace: str
    name: str
    template: str
    cluster_scope: bool
    phase: str
    created: str
    started_by: str
    creator: str
    event: str
    delivery: str
    parameters: tuple[tuple[str, str], ...]


def facts(workflow: Object) -> Facts:
    """What is shown of a Workflow; others may have written it, so nothing is taken for granted."""
    metadata, spec, status = (_dict(workflow.get(part)) for part in ("metadata", "spec", "status"))
    labels, annotations = _dict(metadata.get("labels")), _dict(metadata.get("annotations"))
    reference = _dict(spec.get("workflowTemplateRef"))
    of_cluster, of_namespace = (
        _text(labels, _LABELS["ClusterWorkflowTemplate"]),
        _text(labels, _LABELS["WorkflowTemplate"]),
    )
    creator = next((c for key in _CREATORS if (c := _text(labels, key))), "")
    return Facts(
        namespace=_text(metadata, "namespace"),
        name=_text(metadata, "name"),
        template=_text(reference, "name") or of_namespace or of_cluster,
        cluster_scope=bool(reference.get("clusterScope")) if reference else bool(of_cluster),
        phase=_text(status, "phase") or _text(labels, f"{_PREFIX}phase"),
        created=_text(metadata, "creationTimestamp"),
        started_by=_started_by(labels, annotations) or creator,
        creator=creator,
        event=_text(annotations, "pointsman/event-id"),
        delivery=_text(annotations, "pointsman/delivery-id"),
        parameters=tuple((str(p.get("name")), str(p.get("value", ""))) for p in parameters(spec)),
    )


_CREATORS = (f"{_PREFIX}creator-preferred-username", f"{_PREFIX}creator-email", f"{_PREFIX}creator")


def _started_by(labels: dict[str, Any], annotations: dict[str, Any]) -> str:
    # First, since a resubmitted Workflow has the annotations of the one before.
    if again := _text(labels, f"{_PREFIX}resubmitted-from-workflow"):
        return f"resubmit of {again}"
    if ours := _text(annotations, "pointsman/trigger"):
        return ours
    if sensor := _text(labels, "events.argoproj.io/sensor"):
        return f"{sensor}/{_text(labels, 'events.argoproj.io/trigger')}"
    if binding := _text(labels, f"{_PREFIX}workflow-event-binding"):
        return binding
    cron = _text(labels, f"{_PREFIX}cron-workflow")
    return f"cron {cron}" if cron else ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(values: dict[str, Any], key: str) -> str:
    value = values.get(key)
    return value if isinstance(value, str) else ""
