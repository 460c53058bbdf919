"""The event endpoint: ``POST /api/v1/events/{namespace}/{discriminator}`` as the reference serves it, but durable and once.

path → signature or credentials → payload → event, stored on the bus → dispatched by the consumers while the poster waits → what each
binding did (bindings spec §1). Nothing is answered with success before it is stored; a delivery that is sent again gets the answer of
the first. Shell.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Literal

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMethod

from eventbus.interface import Bus
from eventbus.redelivered import Redelivered
from events import tracing
from events.errors import PointsmanError, Refused, Rejected, Unavailable
from eventsource.answers import shown_path
from eventsource.body import Bodies
from eventsource.delivery import Delivery, canonical
from eventsource.endpoint import answers
from eventsource.endpoint.answers import Answer, Refusal
from eventsource.endpoint.credentials import Mode, choose, has_authorization
from eventsource.endpoint.cures import cure
from eventsource.endpoint.gate import Gate, Poster
from eventsource.endpoint.interceptor import MAX_BODY
from eventsource.endpoint.metrics import EndpointMetrics
from eventsource.endpoint.paths import cleaned, webhook_namespace
from eventsource.endpoint.payload import OUT_OF_RANGE, payload
from eventsource.endpoint.posts import Posted, content, posted, target_of
from eventsource.endpoint.results import ResultsDesk

__all__ = ["EndpointService", "EndpointSettings"]

log = structlog.get_logger("bindings")

_UNPROVEN_PAYLOAD = 64 << 10
"""Bytes up to which the body of a request without credentials is looked at, to tell what is wrong with it."""

_UNREPAIRED = 10
"""Seconds after which a sender may try again when something has to be repaired first."""


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """``wait`` is how long a poster waits for the bindings, in seconds, with everything; 0: not at all.

    ``error_status`` is what is answered when a binding failed: ``results``, 200 with all results, or ``argo``, the reference's 500.
    """

    modes: tuple[Mode, ...] = ("client",)
    error_status: Literal["results", "argo"] = "results"
    max_body: int = 5_000_000
    wait: float = 4.0


class EndpointService:
    """Answers the requests of one port. See ``eventsource.server.Service``."""

    def __init__(
        self,
        gate: Gate,
        bus: Bus,
        desk: ResultsDesk,
        bodies: Bodies,
        settings: EndpointSettings,
        redelivered: Redelivered | None = None,
    ) -> None:
        self._redelivered = redelivered
        self._gate = gate
        self._bus = tracing.around_bus(bus)
        self._desk = desk
        self._bodies = bodies
        self._settings = settings
        self._metrics = EndpointMetrics()

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """One request, from its headers to the answer."""
        begin = time.perf_counter()
        try:
            answer = await self._answer(request)
            self._metrics.duration.observe((time.perf_counter() - begin) * 1e3)
        except Refusal as refusal:
            answer = refusal.answer
            self._tell(request, answer.status, refusal)
        except Rejected as error:
            answer = answers.status(error.status, error.message)
            if error.retry_after is not None:
                answer = answers.unavailable(error.message, error.retry_after)
            self._tell(request, answer.status, error)
        except Unavailable as error:
            answer = answers.unavailable("the event cannot be taken now", error.retry_after)
            self._tell(request, answer.status, error)
        except PointsmanError as error:
            if isinstance(error, Refused) and error.status == 413:
                answer = answers.status(413, error.message)
            else:  # a person has to repair something; what it is stands in our log
                answer = answers.unavailable("the event cannot be taken now", _UNREPAIRED)
            self._tell(request, answer.status, error)
        except Exception as error:
            return self.broken(500, error, request)
        return _response(answer, request)

    def broken(self, status: int, error: BaseException | None, request: web.BaseRequest) -> web.Response:
        """The answer to what is no HTTP, and when we have a bug."""
        if isinstance(error, BadHttpMethod):
            return _response(answers.not_routed().answer, request)
        if status == 400:
            self._metrics.rejected("BrokenHttp")
            return _response(answers.status(400, "this is not HTTP as we know it"), request)
        self._metrics.rejected("InternalError")
        log.error("post failed", exc_info=error, path=shown_path(request))
        return _response(answers.status(500, "internal error"), request)

    def _tell(self, request: web.BaseRequest, status: int, error: PointsmanError) -> None:
        self._metrics.rejected(error.reason)
        tell = log.warning if status >= 500 and status != 501 else log.info
        path = shown_path(request)
        hint = cure(status, request.method, path, self._gate.ways_in)
        more = {"hint": hint} if hint else {}
        tell("post refused", status=status, reason=error.reason, error=str(error), path=path, **more)

    async def _answer(self, request: web.BaseRequest) -> Answer:
        path = cleaned(_raw_path(request))
        headers = _headers(request)
        namespace = webhook_namespace(request.method, path)
        if namespace is None or has_authorization(headers):
            target = target_of(request.method, path, headers)
            if target.action == "health":
                return answers.health()
            if target.action == "list":
                return await self._list(headers, target.namespace)
            limit = self._settings.max_body
        else:
            limit = min(self._settings.max_body, MAX_BODY)
        async with self._bodies.of(request, limit) as body:
            delivery = Delivery(request.method, path, headers, body, "", time.time_ns())
            deadline = asyncio.get_running_loop().time() + self._settings.wait
            return await self._receive(request, delivery, deadline)

    async def _list(self, headers: tuple[tuple[str, str], ...], namespace: str) -> Answer:
        found = await self._gate.bindings(choose(headers, self._settings.modes), namespace)
        return answers.listed(found)

    # -- an event ----------------------------------------------------------------------------------------------------

    async def _receive(self, request: web.BaseRequest, delivery: Delivery, deadline: float) -> Answer:
        posted = await self._accepted(request, delivery)
        event = posted.event(delivery.received)
        with self._desk.expect(event.id) as expected:
            stored = await self._bus.publish(event, delivery_id=posted.delivery_id, subject=posted.subject)
            if stored.spooled:
                self._metrics.result("spooled")
                return answers.spooled(event.id)
            results = await expected.wait(deadline, look_first=stored.duplicate)
        status = "duplicate" if stored.duplicate else "stored"
        self._metrics.result(status)
        if stored.duplicate and self._redelivered is not None:
            self._redelivered.tell(event.id, posted.delivery_id)
        if results is not None and results.errors and self._settings.error_status == "argo":
            return answers.failed_dispatch(results.errors)
        shown = None if results is None else [one.shown(posted.post.namespace) for one in results.bindings]
        return answers.dispatched(event.id, status, shown)

    async def _accepted(self, request: web.BaseRequest, delivery: Delivery) -> Posted:
        """The post, when its sender may post it. In the order of the reference: signature, body, credentials."""
        proven = await self._gate.prove(delivery, delivery.received // 1_000_000_000)
        target = target_of(delivery.method, delivery.path, delivery.headers)
        try:
            credentials = choose(delivery.headers, self._settings.modes) if proven is None else proven.credentials
        except Refusal:
            if len(delivery.body) <= _UNPROVEN_PAYLOAD:
                _must_be_json(delivery.body)
            raise
        host = request.host.encode("utf-8", "replace").decode()
        said = content(delivery, host, request.remote or "", signed=proven is not None)
        if proven is not None and "client" not in self._settings.modes:
            poster = Poster()  # as in the reference: all posts count as ours
        else:
            poster = await self._gate.admit(credentials, target.namespace)
        return posted(target, said, delivery, poster, proven)


def _must_be_json(body: bytes) -> None:
    """The reference tells what is wrong with the body before it looks at credentials."""
    try:
        payload(body)
    except Refusal as refusal:
        if refusal.reason != OUT_OF_RANGE:
            raise


def _raw_path(request: web.BaseRequest) -> str:
    raw = request.raw_path
    return raw if raw.startswith("/") else request.rel_url.raw_path_qs  # the absolute form


def _headers(request: web.BaseRequest) -> tuple[tuple[str, str], ...]:
    return tuple(
        (canonical(name.decode("latin-1")), value.decode("utf-8", "surrogateescape").strip())
        for name, value in request.raw_headers
    )


def _response(answer: Answer, request: web.BaseRequest) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers={**answer.headers, "Server": "pointsman"})
