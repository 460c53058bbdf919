"""Steps 1 to 4 for webhooks: a request finds its event, becomes a delivery, is verified, converted, stored and answered.

The order is cheapest first: route → bearer token → size → body → signature → convert → publish → answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import lru_cache

from aiohttp import web

from events.crashpoints import crash_at
from events.errors import PointsmanError, Rejected
from eventsource import answers
from eventsource.answers import Served
from eventsource.body import Bodies
from eventsource.delivery import Delivery, Headers, canonical, masked
from eventsource.forms import unescape
from eventsource.listener import Received
from eventsource.routes import Options, Table

__all__ = ["WebhookService"]


class WebhookService:
    """Answers the requests of one port. ``table`` may be replaced while requests come in."""

    def __init__(self, table: Table[Served], bodies: Bodies) -> None:
        self.table = table
        self._bodies = bodies

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """One request, from its headers to the answer."""
        begin = time.perf_counter()
        served: Served | None = None
        delivery: Delivery | None = None
        received: Received | None = None
        try:
            options, path, query = _route(self.table, request)
            if options is None:
                return answers.healthy()
            taker = options.get(request.method) or options.get(None)
            # What comes with another method still counts for an event: the path says for which, or for one of several.
            served = taker or next(iter(options.values()), None)
            if served is not None:
                served.metrics.arrived()
            if taker is None or served is None:
                raise answers.MethodNotAllowed([method for method in options if method is not None])
            context = served.listener.webhook.context
            if context.auth_secret is not None:
                served.listener.webhook.authorize(request.headers.get("Authorization", ""))
            encoding = request.headers.get("Content-Encoding", "")
            async with self._bodies.of(request, context.limit, encoding=encoding) as body:
                crash_at("accept.received", body)
                fields = _headers(request.raw_headers)
                delivery = Delivery(request.method, path, fields, body, query, time.time_ns())
                if served.listener.kind == "webhook":
                    answers.tell_of_form(served, delivery)
                if served.asking is None:
                    received = served.listener.receive(delivery)
                else:
                    received = await served.asking.receive(delivery)
                crash_at("accept.converted", body)
                answer = await answers.publish(served, received)
                crash_at("accept.stored", body)
            served.metrics.duration.observe((time.perf_counter() - begin) * 1e3)
            return answer
        except PointsmanError as error:
            return answers.refusal(error, request, served, delivery, received)
        except asyncio.CancelledError:
            if served is not None:
                served.metrics.rejected("Cancelled")
            raise
        except Exception as error:
            return answers.fault(error, request, served, delivery, received)
        finally:
            if served is not None:
                served.metrics.left()

    def broken(self, status: int, error: BaseException | None, request: web.BaseRequest) -> web.Response:
        """The answer to what is no HTTP, and when we have a bug."""
        return answers.broken() if status == 400 else answers.fault(error, request)


def _route(table: Table[Served], request: web.BaseRequest) -> tuple[Options[Served] | None, str, str]:
    """What serves the path of the request, the path (decoded) and its query. None is the health check. Raises Rejected(400, 404)."""
    raw = request.raw_path
    if not raw.startswith("/"):  # the absolute form
        raw = request.rel_url.raw_path_qs
    path, _, query = raw.partition("?")
    try:
        path = unescape(path)
    except ValueError as error:
        raise Rejected(400, f"the path cannot be read: {error}", reason="MalformedPath") from None
    options = table.lookup(path)
    if options is None:
        if path == "/health":
            return None, path, query
        raise Rejected(404, "nothing is served here", reason="NotFound")
    return options, path, query


_canonical: Callable[[bytes], str] = lru_cache(maxsize=4096)(lambda name: canonical(name.decode("latin-1")))


def _headers(raw: Sequence[tuple[bytes, bytes]]) -> Headers:
    """Canonical names and values as sent (bytes that are no UTF-8 as surrogate escapes); credentials masked."""
    return masked([(_canonical(name), value.decode("utf-8", "surrogateescape")) for name, value in raw])
