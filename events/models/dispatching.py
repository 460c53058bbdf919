"""What the event endpoint and the dispatcher of WorkflowEventBindings tell each other over the bus. Pure.

There and back: a ``Post`` is the data of the event that is stored, ``Results`` is what the bindings did with it so far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from events.errors import EvaluationError

__all__ = ["EVENT_TYPE", "RESULTS_TOPIC", "BindingResult", "Grants", "Post", "Results", "results_topic"]

EVENT_TYPE = "workflow-event-binding"
"""The type of these events."""

RESULTS_TOPIC = "pointsman.results.*"
"""Where results are announced: the last part is the id of the event."""


_PAYLOAD = b',"payload":'
"""No other member has this name, nor a member within: headers begin with ``x-``, and names that others chose stand in lists."""


def results_topic(event_id: str) -> str:
    """Where the results of one event are announced."""
    return RESULTS_TOPIC.replace("*", event_id)


@dataclass(frozen=True, slots=True)
class Grants:
    """What the poster may do, as the API server said when the event came: we act for the poster, but with our own account.

    ``bindings`` are those that it saw (``namespace/name``); ``templates`` and ``workflows`` hold the API server's words for what it may
    not get (``kind/namespace/name``) and where it may not create Workflows (by namespace).
    """

    bindings: Sequence[str] = ()
    templates: Mapping[str, str] = field(default_factory=dict)
    workflows: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def template_key(kind: str, namespace: str, name: str) -> str:
        """How a template is named in ``templates``."""
        return f"{kind}/{namespace}/{name}"


@dataclass(frozen=True, slots=True)
class Post:
    """An event that was posted. ``payload`` is JSON text that ``gojson.decode`` reads, None for an empty body.

    ``claims`` say who posted it (``sub``, ``email``, ``preferred_username``); without ``grants`` the poster may do what we may.
    """

    namespace: str
    discriminator: str
    metadata: Mapping[str, Sequence[str]] = field(default_factory=dict)
    payload: bytes | None = None
    claims: Mapping[str, str] = field(default_factory=dict)
    grants: Grants | None = None

    def to_json(self) -> bytes:
        """The data of the event. The payload stands in it as it was sent, so this is JSON only for ``gojson``."""
        head: dict[str, Any] = {
            "namespace": self.namespace,
            "discriminator": self.discriminator,
            "metadata": self.metadata,
        }
        if self.claims:
            head["claims"] = self.claims
        if self.grants is not None:
            grants = self.grants
            head["grants"] = {
                "bindings": list(grants.bindings),
                "templates": list(grants.templates.items()),
                "workflows": list(grants.workflows.items()),
            }
        text = orjson.dumps(head)
        return text if self.payload is None else b"".join((text[:-1], _PAYLOAD, self.payload, b"}"))

    @classmethod
    def from_json(cls, data: bytes) -> Post:
        """Read the data of an event; raises EvaluationError when it is none of ours."""
        head, found, payload = data.partition(_PAYLOAD)
        try:
            value = orjson.loads(head + b"}" if found else head)
            grants = value.get("grants")
            return cls(
                value["namespace"],
                value["discriminator"],
                value["metadata"],
                payload[:-1] if found else None,
                value.get("claims") or {},
                None
                if grants is None
                else Grants(grants["bindings"], dict(grants["templates"]), dict(grants["workflows"])),
            )
        except (orjson.JSONDecodeError, KeyError, AttributeError, TypeError, ValueError) as error:
            raise EvaluationError(f"not a posted event: {error}", reason="NotAPost") from None


@dataclass(frozen=True, slots=True)
class BindingResult:
    """What one binding did: not ``matched``; or ``workflow`` is the name of what was created; or ``error`` says why nothing was.

    With ``pending`` there is nothing to tell yet.
    """

    namespace: str
    name: str
    matched: bool = False
    workflow: str = ""
    error: str = ""
    pending: bool = False

    def shown(self, namespace: str) -> dict[str, Any]:
        """As the poster is told; the namespace only where it is not the one of the event."""
        shown: dict[str, Any] = {"name": self.name}
        if self.namespace != namespace:
            shown["namespace"] = self.namespace
        if self.pending:
            return {**shown, "pending": True}
        shown["matched"] = self.matched
        if self.workflow:
            shown["workflow"] = self.workflow
        if self.error:
            shown["error"] = self.error
        return shown


@dataclass(frozen=True, slots=True)
class Results:
    """The results of all bindings, in order of their names."""

    bindings: Sequence[BindingResult] = ()

    @property
    def done(self) -> bool:
        """Whether nothing is pending."""
        return not any(result.pending for result in self.bindings)

    @property
    def errors(self) -> list[str]:
        """What went wrong, in order."""
        return [result.error for result in self.bindings if result.error]

    def to_json(self) -> bytes:
        """As it is kept and announced."""
        return orjson.dumps([[r.namespace, r.name, r.matched, r.workflow, r.error, r.pending] for r in self.bindings])

    @classmethod
    def from_json(cls, text: bytes) -> Results:
        """Read what ``to_json`` wrote; raises EvaluationError when it is something else."""
        try:
            return cls(tuple(BindingResult(*row) for row in orjson.loads(text)))
        except (orjson.JSONDecodeError, TypeError) as error:
            raise EvaluationError(f"not the results of an event: {error}", reason="NotResults") from None
