"""Step 9 · ``k8s``: create an object of any kind (spec §2.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from events.errors import SpecError
from events.models.base import Finding
from events.models.sensor import Policy
from events.models.values import Outcome, Submission
from sensor.naming import Origin
from sensor.parameters import Parameter
from sensor.target import RoundContext, Tools
from sensor.triggers import TriggerKind, register
from sensor.triggers._objects import API_SERVER, ObjectRenderer, create_once
from sensor.triggers.specs import K8sConfig, validate_k8s

__all__ = ["K8s"]


@register("k8s")
class K8s(TriggerKind[K8sConfig]):
    """Operation ``create``."""

    kind = "k8s"
    Config = K8sConfig

    def __init__(self, config: K8sConfig, origin: Origin, policy: Policy) -> None:
        super().__init__(config, origin, policy)
        if config.operation not in ("", "create"):
            raise SpecError(f"operation '{config.operation}' is not built yet", path="k8s.operation", reason="NotBuilt")
        if policy.k8s is not None:
            raise SpecError(
                "waiting for labels of the created object is not built yet", path="policy.k8s", reason="NotBuilt"
            )
        self._objects = ObjectRenderer(config.source, config.parameters, origin, "k8s")
        self.object_kind = self._objects.template["kind"]
        if not isinstance(self._objects.template.get("apiVersion"), str):
            raise SpecError("the object has no apiVersion", path="k8s.source")

    @classmethod
    def validate(cls, config: K8sConfig, path: str) -> list[Finding]:
        """See ``specs``."""
        return validate_k8s(config, path)

    @property
    def parameters(self) -> Mapping[str, Sequence[Parameter]]:
        """By field."""
        return {"parameters": self._objects.parameters}

    def render(self, context: RoundContext) -> Submission:
        """The object to be created."""
        obj = self._objects.render(context)
        return Submission("k8s", obj["metadata"]["name"], obj["metadata"].get("namespace", ""), obj)

    def target(self, submission: Submission) -> str:
        """The cluster, or the local store."""
        return API_SERVER

    async def submit(self, submission: Submission, tools: Tools) -> Outcome:
        """Create it, once."""
        return await create_once(submission, tools)
