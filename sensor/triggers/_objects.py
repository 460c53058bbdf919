"""What ``k8s`` and ``argoWorkflow`` share: an object rendered from its source and parameters, created once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from events.crashpoints import crash_at
from events.errors import Conflict, EvaluationError, Refused, SpecError
from events.kube import AlreadyExists, Kube
from events.models.sensor import TriggerParameter
from events.models.values import Outcome, OutcomeKind, Submission
from sensor.artifacts import resource_text
from sensor.naming import (
    ANNOTATION_DELIVERY,
    ANNOTATION_EVENT,
    ANNOTATION_TRACE,
    ANNOTATION_TRIGGER,
    Origin,
    generated_name,
)
from sensor.parameters import Seed, apply_to_object, compile_parameters
from sensor.target import RoundContext, Tools
from sensor.triggers.specs import ArtifactLocation

__all__ = ["API_SERVER", "ObjectRenderer", "create_once"]

API_SERVER = "the API server"
"""The target of everything that is created."""

CLUSTER_SCOPED = frozenset(
    ("Namespace", "Node", "PersistentVolume", "ClusterRole", "ClusterRoleBinding")
)  # the reference's own list (spec §2.1)

LABEL_SENSOR = "events.argoproj.io/sensor"
LABEL_TRIGGER = "events.argoproj.io/trigger"
LABEL_TIME = "events.argoproj.io/action-timestamp"


class ObjectRenderer:
    """Source and parameters, compiled once; gives the object for a round."""

    def __init__(
        self, source: ArtifactLocation | None, parameters: Sequence[TriggerParameter], origin: Origin, path: str
    ) -> None:
        self._text = resource_text(source, f"{path}.source")
        self.parameters = compile_parameters(parameters)
        self._origin = origin
        self.template: dict[str, Any] = orjson.loads(self._text)
        if not isinstance(self.template.get("kind"), str) or not self.template["kind"]:
            raise SpecError("the object has no kind", path=f"{path}.source")

    def render(self, context: RoundContext) -> dict[str, Any]:
        """The object with parameters, labels, annotations, namespace and a name that is the same for the same events."""
        obj = apply_to_object(self.parameters, context.events, self._text, Seed(context.key.encode()))
        if not isinstance(obj.get("kind"), str) or not obj["kind"]:
            raise EvaluationError("the parameters take the object's kind away")
        metadata = obj.setdefault("metadata", {})
        if not isinstance(metadata, dict):
            raise EvaluationError("metadata is not an object")
        if obj["kind"] not in CLUSTER_SCOPED:
            metadata["namespace"] = metadata.get("namespace") or self._origin.namespace
        if not metadata.get("name"):
            generate_name = metadata.get("generateName")
            if not isinstance(generate_name, str) or not generate_name:
                raise EvaluationError("the object has neither metadata.name nor metadata.generateName")
            metadata["name"] = generated_name(generate_name, context.key)
        labels = _mapping(metadata, "labels")
        labels[LABEL_SENSOR] = self._origin.sensor
        labels[LABEL_TRIGGER] = self._origin.trigger
        labels[LABEL_TIME] = str(context.now // 1_000_000)
        annotations = _mapping(metadata, "annotations")
        annotations[ANNOTATION_EVENT] = context.event_ids
        annotations[ANNOTATION_TRIGGER] = str(context.origin)
        if context.delivery_ids:
            annotations[ANNOTATION_DELIVERY] = context.delivery_ids
        if context.traceparent:
            annotations[ANNOTATION_TRACE] = context.traceparent
        return obj


def _mapping(metadata: dict[str, Any], field: str) -> dict[str, Any]:
    value = metadata.get(field)
    if value is None:
        metadata[field] = value = {}
    if not isinstance(value, dict):
        raise EvaluationError(f"metadata.{field} is not an object")
    return value


async def create_once(submission: Submission, tools: Tools) -> Outcome:
    """Create the object. A name that is taken counts as ours only if it carries the annotations of the same events."""
    kube = _kube(tools)
    obj = submission.body
    kind, metadata = obj["kind"], obj["metadata"]
    target = f"{kind}/{metadata.get('namespace', '')}/{metadata['name']}".replace("//", "/")
    crash_at("create.before", target)
    try:
        await kube.create(obj)
    except AlreadyExists as taken:
        existing = await kube.get(obj["apiVersion"], kind, metadata.get("namespace", ""), metadata["name"])
        if existing is None:  # to create it again could start a second one
            whose = ", and is gone by now: nobody can tell whether it was made for this event"
            raise Refused(f"{taken.message}{whose}", status=409) from taken
        theirs = (existing.get("metadata") or {}).get("annotations") or {}
        ours = metadata["annotations"]
        if all(theirs.get(key) == ours[key] for key in (ANNOTATION_EVENT, ANNOTATION_TRIGGER)):
            return Outcome(OutcomeKind.DUPLICATE, target, "was created before, for the same event")
        raise Refused(f"{taken.message} and belongs to another event", status=409) from taken
    except Refused as error:
        if error.status == 409:
            # Nothing is wrong with the object: a quota was changed at this moment by somebody else, say.
            raise Conflict(f"the API server answered 409: {error}") from error
        raise
    crash_at("create.after", target)
    return Outcome(OutcomeKind.SUBMITTED, target)


def _kube(tools: Tools) -> Kube:
    if tools.kube is None:
        raise Refused("there is no cluster to create objects in")
    return tools.kube
