"""What an API server has answered: as JSON, or as the error that it is. Pure.

What stands before it (a proxy, a load balancer) may answer in its place, with any status and any words.
"""

from __future__ import annotations

import json
from typing import Any

from events.errors import Refused, Unavailable
from events.kube import AlreadyExists, Object
from events.kube.depth import without_deep_items

__all__ = ["decoded", "field", "named"]

_TRANSIENT = (0, 408, 425, 429)
"""Statuses below 500 that may be others in a moment; 0: there is none."""


def decoded(status: int, text: bytes | str) -> Any:
    """The JSON of an answer, ``{}`` where it is none. Raises AlreadyExists, Unavailable and Refused, in the words of who answered."""
    try:
        answer = _parsed(text)
    except ValueError:
        answer = {}
    if 200 <= status < 300:
        return answer
    said = answer if isinstance(answer, dict) else {}  # what stands before the server may answer in its place
    words = str(said.get("message") or (text if isinstance(text, str) else text.decode("utf-8", "replace"))[:500])
    if status == 409 and said.get("reason") == "AlreadyExists":
        raise AlreadyExists(words, status=409)
    if status in _TRANSIENT or status >= 500:
        details = said.get("details")
        seconds = details.get("retryAfterSeconds") if isinstance(details, dict) else None
        retry_after = float(seconds) if isinstance(seconds, (int, float)) else None
        raise Unavailable(f"the API server answered {status}: {words}", retry_after=retry_after)
    raise Refused(words, status=status)


def field(answer: Any, name: str) -> Any:
    """A field of an answer. Raises Unavailable where it has none: a proxy may say anything with 200, such as that it is closed for maintenance."""
    if not isinstance(answer, dict) or name not in answer:
        raise Unavailable(f"what answers is not the API server: there is no '{name}' in its answer")
    return answer[name]


def named(answer: Any, name: str | None) -> Object:
    """The answer, when it is an object of this name (None: any). Raises Unavailable when it is not."""
    metadata = answer.get("metadata") if isinstance(answer, dict) else None
    if not answer or (name and not (isinstance(metadata, dict) and metadata.get("name") == name)):
        raise Unavailable(f"what answers is not the API server: its answer is not '{name or 'an object'}'")
    found: Object = answer
    return found


def _parsed(text: bytes | str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        shallow = without_deep_items(text if isinstance(text, bytes) else text.encode())
        if not shallow:
            raise Refused("the object is nested too deeply") from None
        return json.loads(shallow)
