"""WorkflowEventBinding: which events of a namespace submit which WorkflowTemplate (spec: argo-workflows-events.md §3.1)."""

from __future__ import annotations

from typing import ClassVar

from events.models.base import Json, Spec
from events.models.kubernetes import Labels
from events.models.shared import Metadata

__all__ = [
    "ALLOW_TEMPLATES",
    "CONVERSION",
    "Arguments",
    "BindingParameter",
    "BindingSpec",
    "EventSelector",
    "Submit",
    "SubmitMetadata",
    "TemplateRef",
    "TemplateSpec",
    "ValueFromEvent",
    "WorkflowEventBinding",
    "WorkflowTemplate",
]

CONVERSION = "pointsman/conversion"
"""Annotation of a binding: how values become parameters, ``argo`` (as the reference, the default) or ``plain``."""
ALLOW_TEMPLATES = "pointsman/allow-templates"
"""Annotation of a binding: ``true`` lets ``{{`` in values of the event through, to be interpreted by the engine."""


class EventSelector(Spec):
    """Which events: an expression that is true for them."""

    selector: str = ""


class TemplateRef(Spec):
    """The WorkflowTemplate of the binding's namespace, or the ClusterWorkflowTemplate."""

    name: str = ""
    cluster_scope: bool = False


class SubmitMetadata(Spec):
    """Metadata of the Workflow; each value is an expression. Other fields of an object's metadata do not count."""

    name: str = ""
    generate_name: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class ValueFromEvent(Spec):
    """Where a parameter's value comes from: an expression."""

    event: str = ""


class BindingParameter(Spec):
    """A parameter of the Workflow. ``value`` does not count: a constant is the expression ``'"text"'``."""

    name: str = ""
    value_from: ValueFromEvent | None = None
    value: Json = None


class Arguments(Spec):
    """Arguments of the Workflow. ``artifacts`` do not count."""

    parameters: list[BindingParameter] = []
    artifacts: Json = None


class Submit(Spec):
    """What is submitted for an event that the selector is true for."""

    workflow_template_ref: TemplateRef = TemplateRef()
    metadata: SubmitMetadata = SubmitMetadata()
    arguments: Arguments = Arguments()


class BindingSpec(Spec):
    """The body of a WorkflowEventBinding. Without ``submit`` nothing happens for an event."""

    event: EventSelector = EventSelector()
    submit: Submit | None = None


class WorkflowEventBinding(Spec):
    """WorkflowEventBinding of ``argoproj.io/v1alpha1``. It has no status."""

    api_version: str = ""
    kind: str = "WorkflowEventBinding"
    metadata: Metadata = Metadata()
    spec: BindingSpec = BindingSpec()


class TemplateSpec(Spec):
    """What a WorkflowTemplate gives to its Workflows' metadata."""

    free_form: ClassVar[bool] = True

    workflow_metadata: Labels = Labels()


class WorkflowTemplate(Spec):
    """The part of a WorkflowTemplate or ClusterWorkflowTemplate that counts when a Workflow is submitted."""

    free_form: ClassVar[bool] = True

    metadata: Metadata = Metadata()
    spec: TemplateSpec = TemplateSpec()
