"""Step 9 · ``argoWorkflow``: create a Workflow through the Kubernetes API (spec §2.2).

The reference runs the ``argo`` command; here ``submit`` is a create, so that errors are the API server's own words and a
repeated submission is recognised by its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from events.errors import EvaluationError, SpecError
from events.models.base import Finding
from events.models.sensor import Policy
from events.models.values import Outcome, Submission
from sensor.naming import Origin
from sensor.parameters import Parameter
from sensor.target import RoundContext, Tools
from sensor.triggers import TriggerKind, register
from sensor.triggers._objects import API_SERVER, ObjectRenderer, create_once
from sensor.triggers.specs import ArgoWorkflowConfig, validate_argo_workflow

__all__ = ["ArgoWorkflow"]


@register("argoWorkflow")
class ArgoWorkflow(TriggerKind[ArgoWorkflowConfig]):
    """Operation ``submit``."""

    kind = "argoWorkflow"
    Config = ArgoWorkflowConfig

    def __init__(self, config: ArgoWorkflowConfig, origin: Origin, policy: Policy) -> None:
        super().__init__(config, origin, policy)
        if config.operation not in ("", "submit"):
            raise SpecError(
                f"operation '{config.operation}' is not built yet", path="argoWorkflow.operation", reason="NotBuilt"
            )
        if config.args:
            raise SpecError(
                "arguments of the argo command are not built yet", path="argoWorkflow.args", reason="NotBuilt"
            )
        if policy.k8s is not None:
            raise SpecError(
                "waiting for labels of the created object is not built yet", path="policy.k8s", reason="NotBuilt"
            )
        self._objects = ObjectRenderer(config.source, config.parameters, origin, "argoWorkflow")
        self.object_kind = self._objects.template["kind"]
        self._check(self._objects.template)

    @classmethod
    def validate(cls, config: ArgoWorkflowConfig, path: str) -> list[Finding]:
        """See ``specs``."""
        return validate_argo_workflow(config, path)

    @staticmethod
    def _check(obj: dict[str, Any]) -> None:
        if obj.get("kind") != "Workflow":
            raise SpecError(
                f"operation submit wants a Workflow, not {obj.get('kind')}", path="argoWorkflow.source.resource.kind"
            )

    @property
    def parameters(self) -> Mapping[str, Sequence[Parameter]]:
        """By field."""
        return {"parameters": self._objects.parameters}

    def render(self, context: RoundContext) -> Submission:
        """The Workflow to be created."""
        obj = self._objects.render(context)
        if obj["kind"] != "Workflow":
            raise EvaluationError("the parameters make the Workflow another kind")
        obj.setdefault("apiVersion", "argoproj.io/v1alpha1")
        return Submission("argoWorkflow", obj["metadata"]["name"], obj["metadata"]["namespace"], obj)

    def target(self, submission: Submission) -> str:
        """The cluster, or the local store."""
        return API_SERVER

    async def submit(self, submission: Submission, tools: Tools) -> Outcome:
        """Create it, once."""
        return await create_once(submission, tools)
