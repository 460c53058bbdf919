"""Step 4, publish: the events are stored first, then the sender is told so; or why they were not taken. JSON throughout."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
import structlog
from aiohttp import web

from eventbus.interface import Bus
from eventbus.redelivered import Redelivered
from events.errors import PointsmanError, Refused, Rejected, Unavailable
from eventsource.delivery import Delivery
from eventsource.listener import Listener, Received
from eventsource.metrics import UNKNOWN, EventMetrics
from eventsource.recent import Recent

__all__ = ["MethodNotAllowed", "Served", "broken", "fault", "healthy", "publish", "refusal", "shown_path"]

log = structlog.get_logger("eventsource")

_JSON = {"Content-Type": "application/json", "Server": "pointsman"}
_FORM = "application/x-www-form-urlencoded"
_TEXT = {"Content-Type": "text/plain; charset=utf-8", "Server": "pointsman"}


class Asking(Protocol):
    """Receives deliveries as a listener does, and asks a forge about them."""

    async def receive(self, delivery: Delivery) -> Received:
        """Verify, convert and filter. Raises Rejected."""


@dataclass
class Served:
    """A listener with what it needs at run time."""

    listener: Listener
    bus: Bus
    metrics: EventMetrics
    redelivered: Redelivered | None = None
    """Says in the log what a delivery that came again was settled as."""
    told_of_form: bool = False
    recent: Recent | None = None
    """Where deliveries are noted, for who asks for missed ones."""
    asking: Asking | None = None
    """Receives deliveries where something has to be asked first."""


class MethodNotAllowed(Rejected):
    """405, with the methods that would do."""

    def __init__(self, allowed: list[str]) -> None:
        super().__init__(405, "this method is not served here")
        self.allowed = ", ".join(sorted(allowed))


async def publish(served: Served, received: Received) -> web.Response:
    """Step 4: store the events, then say so."""
    identifier, ids, events, problem = received
    metrics = served.metrics
    if problem:
        log.warning(
            "the filter had no answer",
            **_listener(served),
            delivery_id=identifier,
            event_id=",".join(ids),
            error=problem,
        )
    try:
        if len(events) == 1:
            stored = [await served.bus.publish(events[0], delivery_id=identifier)]
        else:
            stored = await asyncio.gather(*(served.bus.publish(e, delivery_id=identifier) for e in events))
    except Unavailable:
        metrics.sent_failed.inc(len(events))
        raise
    if served.recent is not None:
        served.recent.add(identifier)
    fresh = sum(1 for one in stored if not one.duplicate and not one.spooled)
    metrics.sent.inc(fresh)
    if not stored:
        status = "filtered"
    elif any(one.spooled for one in stored):
        status = "spooled"
    else:
        status = "stored" if fresh else "duplicate"
    if served.redelivered is not None and fresh < len(stored):
        for event, one in zip(events, stored, strict=True):
            if one.duplicate:
                served.redelivered.tell(event.id, identifier)
    metrics.result(status)
    answer: dict[str, Any] = {"id": ids[0], "status": status} if ids else {"status": status}
    if len(ids) > 1:
        answer["ids"] = ids
    return web.Response(status=202 if status == "spooled" else 200, body=orjson.dumps(answer), headers=_JSON)


def tell_of_form(served: Served, delivery: Delivery) -> None:
    """Say, once an event, that JSON came as a form: `curl -d` does that, and then no path finds anything in the body."""
    if served.told_of_form or delivery.body[:1] not in (b"{", b"[") or delivery.header("Content-Type") != _FORM:
        return
    served.told_of_form = True
    log.warning(
        "the body looks like JSON but was sent as a form, so it is read as one",
        **_listener(served),
        hint="send it with `Content-Type: application/json`",
    )


def refusal(
    error: PointsmanError,
    request: web.BaseRequest,
    served: Served | None,
    delivery: Delivery | None,
    received: Received | None = None,
) -> web.Response:
    """The answer to a delivery that is not taken; ``received`` when it was good, but could not be kept."""
    (served.metrics if served else UNKNOWN).rejected(error.reason)
    if served is not None:
        served.metrics.account.problem = (time.time(), str(error))
    if isinstance(error, Rejected):
        status, message, retry_after = error.status, error.message, error.retry_after
    elif isinstance(error, Unavailable):
        status, message = 503, "the event cannot be stored now"
        retry_after = math.ceil(error.retry_after or 1)
    elif isinstance(error, Refused) and error.status == 413:
        status, message, retry_after = 413, "the event is larger than the bus takes", None
    else:
        status, message, retry_after = 503, "the event source is not ready", 10
    tell = log.warning if status >= 500 else log.info
    tell(
        "delivery refused",
        status=status,
        reason=error.reason,
        error=str(error),
        **_names(request, served, delivery, received),
    )
    answer = _error(status, message)
    if retry_after is not None:
        answer.headers["Retry-After"] = str(retry_after)
    if isinstance(error, MethodNotAllowed):
        answer.headers["Allow"] = error.allowed
    return answer


def fault(
    error: BaseException | None,
    request: web.BaseRequest,
    served: Served | None = None,
    delivery: Delivery | None = None,
    received: Received | None = None,
) -> web.Response:
    """The answer when we have a bug."""
    (served.metrics if served else UNKNOWN).rejected("InternalError")
    log.error("delivery failed", exc_info=error, **_names(request, served, delivery, received))
    return _error(500, "internal error")


def _names(
    request: web.BaseRequest, served: Served | None, delivery: Delivery | None, received: Received | None
) -> dict[str, str]:
    """What a log line says of a delivery: where it was sent, who takes it, the sender's id, the events. Never its content, nor the query
    of its URL.
    """
    names = {"path": shown_path(request)}
    if served is not None:
        names |= _listener(served)
        if delivery is not None:
            names["delivery_id"] = served.listener.webhook.delivery_id(delivery)[:200]
    if received is not None:
        names["event_id"] = ",".join(received.ids)
    return names


def _listener(served: Served) -> dict[str, str]:
    """What a log line says of who takes a delivery."""
    listener = served.listener
    return {
        "listener": listener.owner,
        "source": f"{listener.namespace}/{listener.source}",
        "event_name": listener.name,
    }


def _error(status: int, message: str) -> web.Response:
    return web.Response(status=status, body=orjson.dumps({"error": message}), headers=_JSON)


def healthy() -> web.Response:
    """The answer of ``/health``."""
    return web.Response(body=b"OK", headers=_TEXT)


def broken() -> web.Response:
    """The answer to what is no HTTP."""
    UNKNOWN.rejected("BrokenHttp")
    return _error(400, "this is not HTTP as we know it")


def shown_path(request: web.BaseRequest) -> str:
    """For the log: where it was sent, without the query, where some put a secret."""
    return request.raw_path.partition("?")[0][:200]
