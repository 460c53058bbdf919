"""What the fake forges share: hooks that are kept by target, pages, log-in, rate limits, and faults on demand.

A forge answers a ``Request`` with an ``Answer`` and does no I/O, so that a test may ask it directly (``FakeForge.ask``) or over HTTP
(``FakeForge.serve``). Each forge is written from its documentation; ``test_forges.py`` plays the recorded calls to them.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson
from aiohttp import web

from events.errors import Unavailable
from eventsource.hooks import client

Hook = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One call of the API. ``path`` is as sent; names of headers are in small letters; ``json`` is None without a body."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None

    @property
    def steps(self) -> list[str]:
        """The parts of the path, decoded."""
        return [unquote(step) for step in self.path.split("/") if step]


@dataclass(frozen=True)
class Answer:
    """What the forge says."""

    status: int = 200
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong with a call: it is answered so; no answer: the connection ends without one.

    ``done``: the forge did what it was asked before that.
    """

    answer: Answer | None = None
    done: bool = False


class Lost(Exception):
    """The connection ended without an answer."""


@dataclass
class FakeForge:
    """``hooks`` has the hooks of each target (its path in the API, decoded); ``calls`` the requests that came, faults included.

    ``page`` is the length of a page where the client wants no other, ``budget`` how many calls it still takes (None: any number):
    then ``limited`` is the answer until a test gives it new budget. ``fault`` says what goes wrong with a call.
    """

    hooks: dict[str, list[Hook]] = field(default_factory=dict)
    prefix: str = ""
    """What comes before the API's own paths, as ``/api/v4``."""
    page: int = 20
    budget: int | None = None
    fault: Callable[[Request], Fault | None] = lambda request: None
    calls: list[Request] = field(default_factory=list)
    url: str = ""
    clock: float = 1_700_000_000.0
    """The time of clients made by ``connect``."""
    _last: int = 1000

    @property
    def writes(self) -> list[Request]:
        """The calls that were to change something."""
        return [call for call in self.calls if call.method != "GET"]

    def ask(self, request: Request) -> Answer:
        """The answer to a call. Raises Lost when there is none."""
        self.calls.append(request)
        fault = self.fault(request)
        if fault is not None and not fault.done:
            return self._broken(fault)
        answer = self._admitted(request)
        return answer if fault is None else self._broken(fault)

    def _broken(self, fault: Fault) -> Answer:
        if fault.answer is None:
            raise Lost
        return fault.answer

    def _admitted(self, request: Request) -> Answer:
        if self.budget is not None and self.budget <= 0:
            return self.limited()
        if self.budget is not None:
            self.budget -= 1
        refusal = self.refusal(request)
        if refusal is not None:
            return refusal
        if not request.path.startswith(self.prefix + "/"):
            return self.missing()
        answer = self.answer(request, Request(**{**vars(request), "path": request.path[len(self.prefix) :]}).steps)
        return self._unless_known(request, answer) if request.method == "GET" and answer.status == 200 else answer

    def _unless_known(self, request: Request, answer: Answer) -> Answer:
        tag = f'W/"{hashlib.sha256(orjson.dumps(answer.json)).hexdigest()[:16]}"'
        headers = {**answer.headers, "ETag": tag}
        return (
            Answer(304, None, headers)
            if request.headers.get("if-none-match") == tag
            else Answer(200, answer.json, headers)
        )

    def answer(self, request: Request, steps: list[str]) -> Answer:
        """What the API does at the path of these steps (after the prefix)."""
        raise NotImplementedError

    def refusal(self, request: Request) -> Answer | None:
        """The answer to a client that is not logged in."""
        raise NotImplementedError

    def limited(self) -> Answer:
        """The answer when the budget is used up."""
        return Answer(429, {"message": "Too Many Requests"}, {"Retry-After": "1"})

    def missing(self) -> Answer:
        """The answer for what is not there."""
        return Answer(404, {"message": "404 Not Found"})

    def number(self) -> int:
        """A new id."""
        self._last += 1
        return self._last

    async def send(self, call: client.Call) -> client.Answer:
        """Ask it without a network, as a transport of ``eventsource.hooks``; other tasks run meanwhile."""
        await asyncio.sleep(0)
        url = urlsplit(call.url)
        headers = {name.lower(): value for name, value in call.headers.items()}
        body = orjson.loads(call.body) if call.body else None
        try:
            answer = self.ask(Request(call.method, url.path, dict(parse_qsl(url.query)), headers, body))
        except Lost:
            raise Unavailable("no answer") from None
        await asyncio.sleep(0)
        told = {name.lower(): value for name, value in answer.headers.items()}
        return client.Answer(answer.status, told, b"" if answer.json is None else orjson.dumps(answer.json))

    def connect(
        self,
        base: str,
        authorize: client.Authorize,
        *,
        headers: Mapping[str, str] | None = None,
        tls: object = None,
    ) -> client.Client:
        """As ``eventsource.hooks.Connect``: clients that ask it without a network, whatever the host in ``base``."""
        return client.Client(self.send, base, authorize, headers=headers, now=lambda: self.clock)

    @contextlib.asynccontextmanager
    async def serve(self, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[str]:
        """Serve it on a free port of this machine; gives its root URL."""

        async def handle(incoming: web.Request) -> web.StreamResponse:
            body = await incoming.read()
            request = Request(
                incoming.method,
                incoming.rel_url.raw_path,
                dict(incoming.query),
                {name.lower(): value for name, value in incoming.headers.items()},
                orjson.loads(body) if body else None,
            )
            try:
                answer = self.ask(request)
            except Lost:
                assert incoming.transport is not None
                incoming.transport.close()
                return web.Response(status=500)
            text = b"" if answer.json is None else orjson.dumps(answer.json)
            kind = {"Content-Type": "application/json"} if text else {}
            return web.Response(status=answer.status, body=text, headers={**kind, **answer.headers})

        app = web.Application(client_max_size=1 << 20)
        app.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, 0, ssl_context=context)
            await site.start()
            port = runner.addresses[0][1]
            self.url = f"{'https' if context else 'http'}://{host}:{port}"
            yield self.url
        finally:
            await runner.cleanup()
