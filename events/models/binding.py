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
    """For example `payload.action == "opened" && discriminator == "github"`."""


class TemplateRef(Spec):
    """The WorkflowTemplate of the binding's namespace, or the ClusterWorkflowTemplate."""

    name: str = ""
    """Name of the template."""
    cluster_scope: bool = False
    """Whether it is a ClusterWorkflowTemplate."""


class SubmitMetadata(Spec):
    """Metadata of the Workflow; each value is an expression. Other fields of an object's metadata do not count."""

    name: str = ""
    """The name, an expression."""
    generate_name: str = ""
    """The beginning of the name, an expression."""
    labels: dict[str, str] = {}
    """Labels, each an expression."""
    annotations: dict[str, str] = {}
    """Annotations, each an expression."""


class ValueFromEvent(Spec):
    """Where a parameter's value comes from: an expression."""

    event: str = ""
    """For example `payload.pull_request.head.sha`."""


class BindingParameter(Spec):
    """A parameter of the Workflow. ``value`` does not count: a constant is the expression ``'"text"'``."""

    name: str = ""
    """Name of the parameter."""
    value_from: ValueFromEvent | None = None
    """Where its value comes from."""
    value: Json = None
    """Ignored."""


class Arguments(Spec):
    """Arguments of the Workflow. ``artifacts`` do not count."""

    parameters: list[BindingParameter] = []
    """Values for the parameters of the template."""
    artifacts: Json = None
    """Ignored."""


class Submit(Spec):
    """What is submitted for an event that the selector is true for."""

    workflow_template_ref: TemplateRef = TemplateRef()
    """The template of the Workflow."""
    metadata: SubmitMetadata = SubmitMetadata()
    """Metadata of the Workflow."""
    arguments: Arguments = Arguments()
    """Arguments of the Workflow."""


class BindingSpec(Spec):
    """The body of a WorkflowEventBinding. Without ``submit`` nothing happens for an event."""

    event: EventSelector = EventSelector()
    """Which events count."""
    submit: Submit | None = None
    """What is submitted for them."""


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
