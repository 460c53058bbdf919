"""How the event endpoint answers, in the shapes of the reference (bindings spec §1.3). Pure.

Its errors are a ``google.rpc.Status`` as Go's ``encoding/json`` writes it, with one exception: when the webhook credentials cannot be
checked at all, the body is the ``{"message": …}`` of another layer. https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from events.errors import Rejected
from events.expressions.gojson import escape_html

__all__ = [
    "Answer",
    "Refusal",
    "cannot_check",
    "dispatched",
    "failed_dispatch",
    "health",
    "listed",
    "not_routed",
    "redirect",
    "refused",
    "spooled",
    "status",
    "unauthenticated",
    "unavailable",
    "unreadable_path",
]

_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"

_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 408: 4, 409: 6, 413: 8, 429: 8, 500: 13, 501: 12, 503: 14, 504: 4}
"""gRPC codes by HTTP status."""

TOKEN_NOT_VALID = "token not valid. see https://argo-workflows.readthedocs.io/en/latest/faq/"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: status, body and header fields."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Rejected):
    """A request that is not taken, with the whole answer."""

    def __init__(self, answer: Answer, message: str, *, reason: str = "") -> None:
        super().__init__(answer.status, message, reason=reason)
        self.answer = answer


def status(code: int, message: str) -> Answer:
    """An error as ``{"code": …, "message": …}``; ``code`` is the HTTP status, the body has that of gRPC."""
    body = escape_html(orjson.dumps({"code": _CODES.get(code, 2), "message": _unicode(message)}))
    return Answer(code, body, {"Content-Type": _JSON})


def refused(code: int, message: str, *, reason: str = "") -> Refusal:
    """The error to raise for a request that is not taken."""
    return Refusal(status(code, message), message, reason=reason)


def unauthenticated() -> Refusal:
    """401: nothing that the request brings counts as credentials."""
    return refused(401, TOKEN_NOT_VALID)


def not_routed() -> Refusal:
    """501, also for a wrong method: the reference knows neither 404 nor 405 here."""
    return refused(501, "Not Implemented", reason="NotFound")


def cannot_check(why: str) -> Refusal:
    """403 when the credentials of webhooks cannot be looked up. ``why`` is for our log; the sender learns nothing of it."""
    body = b'{"message": "failed to process webhook request"}'
    return Refusal(Answer(403, body, {"Content-Type": _TEXT}), why, reason="WebhookClients")


def unreadable_path() -> Refusal:
    """400, as Go's server answers when the request line has no path."""
    answer = Answer(400, b"400 Bad Request", {"Content-Type": _TEXT, "Connection": "close"})
    return Refusal(answer, "the path cannot be read", reason="MalformedPath")


def redirect(location: str) -> Refusal:
    """307 to the cleaned path."""
    shown = location.partition("?")[0]
    return Refusal(Answer(307, b"", {"Location": location}), f"the path is {shown}", reason="UncleanPath")


def health() -> Answer:
    """The answer of ``/health``."""
    return Answer(200, b"OK", {"Content-Type": _TEXT})


def dispatched(event_id: str, stored: str, results: Sequence[Mapping[str, Any]] | None) -> Answer:
    """200: the event is stored (``stored`` or ``duplicate``), and this is what the bindings did with it so far.

    Each result has ``name`` (and ``namespace``, where the event is for all) and either ``matched`` with ``workflow`` or ``error``, or
    ``pending``. None: nothing is known of any binding yet; then the answer has ``pending`` and no list.
    """
    body: dict[str, Any] = {"id": event_id, "status": stored}
    if results is None:
        body["pending"] = True
    else:
        body["bindings"] = list(results)
    return Answer(200, escape_html(orjson.dumps(body)), {"Content-Type": _JSON})


def spooled(event_id: str) -> Answer:
    """202: the event is on our own disk, and its bindings are run when the bus is back. Sent again, it is answered with what they did."""
    answer = dispatched(event_id, "spooled", None)
    return Answer(202, answer.body, answer.headers)


def listed(bindings: Sequence[Mapping[str, Any]]) -> Answer:
    """200: a ``WorkflowEventBindingList``."""
    return Answer(200, escape_html(orjson.dumps({"metadata": {}, "items": list(bindings)})), {"Content-Type": _JSON})


def failed_dispatch(errors: Sequence[str]) -> Answer:
    """The reference's 500 when a binding failed (``--error-status argo``)."""
    return status(500, f"failed to dispatch event: [{' '.join(errors)}]")


def unavailable(message: str, retry_after: float | None) -> Answer:
    """503 with the seconds after which to try again."""
    answer = status(503, message)
    return Answer(503, answer.body, {**answer.headers, "Retry-After": str(math.ceil(retry_after or 1))})


def _unicode(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
