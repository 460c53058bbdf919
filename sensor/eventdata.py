"""The event's data as a JSON document, whatever its content type (spec §1.7 "Data rendering"). Pure."""

from __future__ import annotations

import json

from events import goyaml
from events.errors import EvaluationError, SpecError
from events.expressions.document import Document
from events.models.event import Event

__all__ = ["as_document"]

_ALIASED = 50_000
"""Values that aliases may add: without them there are fewer values than bytes."""


def as_document(event: Event) -> Document:
    """JSON as it is, YAML converted; raises EvaluationError for anything else."""
    if event.datacontenttype == "application/json":
        document = event.document
        if not document.valid:
            raise EvaluationError("the event's data is not JSON")
        return document
    if event.datacontenttype == "application/yaml":
        data = event.data or b""
        try:
            value = goyaml.load(data, max_values=_ALIASED + len(data))
            return Document(json.dumps(value, allow_nan=False).encode())
        except (SpecError, ValueError, RecursionError) as error:
            raise EvaluationError(f"the event's data is not YAML: {error}") from None
    raise EvaluationError(f"unsupported content type '{event.datacontenttype}' of the event")
