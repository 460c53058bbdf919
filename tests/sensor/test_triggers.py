"""What triggers send: headers and words of ``http``, labels and annotations of created objects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from events.errors import Refused, Unavailable
from events.models.event import Event
from events.models.values import Outcome
from sensor.plan import CompiledSensor, Rendered
from sensor.target import RoundContext, Tools
from sensor.triggers import http
from tests.support.nats import event
from tests.support.sensor import sensor, trigger

TO_DATA = [{"src": {"dependencyName": "push", "dataKey": "body"}, "dest": "data"}]


def rendered(compiled: CompiledSensor, events: Mapping[str, Event]) -> Rendered:
    one = compiled.triggers[0]
    return one.render(RoundContext(one.origin, events, 0))


@asynccontextmanager
async def server(status: int = 200) -> AsyncIterator[tuple[str, list[dict[str, str]]]]:
    """Its URL, and the headers that it got."""
    seen: list[dict[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        seen.append({name.lower(): value for name, value in request.headers.items()})
        return web.Response(status=status, text="words")

    app = web.Application()
    app.router.add_route("*", "/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/", seen
    finally:
        await runner.cleanup()


async def send(url: str, policy: dict[str, Any] | None = None, **config: Any) -> Outcome:
    call = {"template": {"name": "call", "http": {"url": url, **config}}}
    made = rendered(sensor(call | ({"policy": policy} if policy else {})), {"push": event()})
    async with aiohttp.ClientSession() as session:
        return await made.kind.submit(made.submission, Tools(http=session))


@pytest.mark.parametrize(("status", "method"), [(302, "GET"), (307, "POST")])
async def test_a_redirect_and_what_became_of_the_request_are_told(status: int, method: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/":
            return web.Response(status=status, headers={"Location": "/login?token=s3cr3t"})
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        assert (await send(f"{url}/")).detail == f"200, redirected to {method} {url}/login"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("body", [{}, {"payload": TO_DATA}], ids=["empty", "with a payload"])
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_no_content_type_is_sent_that_the_manifest_does_not_name(method: str, body: dict[str, Any]) -> None:
    async with server() as (url, seen):
        await send(url, method=method, **body)
        assert "content-type" not in seen[0]
        await send(url, method=method, headers={"Content-Type": "text/x"}, **body)
        assert seen[1]["content-type"] == "text/x"


@pytest.mark.parametrize(("status", "error"), [(200, Refused), (404, Refused), (503, Unavailable)])
async def test_a_status_that_the_policy_does_not_name_is_told_as_that(status: int, error: type[Exception]) -> None:
    async with server(status) as (url, _):
        with pytest.raises(error, match=f"answered {status}, which policy.status.allow does not name: words"):
            await send(url, policy={"status": {"allow": [201]}})


@pytest.mark.parametrize("hangs", [True, False], ids=["hangs", "breaks off"])
@pytest.mark.parametrize(("status", "error"), [("201 Created", None), ("404 Not Found", Refused)])
async def test_a_status_counts_also_when_the_rest_of_the_answer_does_not_come(
    monkeypatch: pytest.MonkeyPatch, status: str, error: type[Exception] | None, hangs: bool
) -> None:
    """The target has done it, or has said no: it must not be asked again for a day because of words that nobody needs."""
    monkeypatch.setattr(http, "LISTENS", 0.05)
    ended = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 100\r\n\r\n".encode())
        await writer.drain()
        if hangs:
            await ended.wait()
        writer.close()

    target = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with target:
        with pytest.raises(error, match="answered 404") if error else nullcontext():
            await send(f"http://127.0.0.1:{target.sockets[0].getsockname()[1]}/")
        ended.set()


@pytest.mark.parametrize("status", [200, 404, 503, 0])
async def test_the_password_of_a_url_is_sent_and_never_shown(status: int) -> None:
    async with server(status or 200) as (url, seen):
        url = url.replace("//", "//ada:s3cr3t@")
        call = {"template": {"name": "call", "http": {"url": url if status else "http://ada:s3cr3t@127.0.0.1:1/"}}}
        made = rendered(sensor(call), {"push": event()})
        async with aiohttp.ClientSession() as session:
            try:
                shown = str(await made.kind.submit(made.submission, Tools(http=session)))
            except (Refused, Unavailable) as error:
                shown = str(error)
        assert not status or seen[0]["authorization"].startswith("Basic ")
    assert "//***@127.0.0.1" in shown
    assert "s3cr3t" not in f"{shown} {made.submission.name} {made.kind.target(made.submission)}"


def test_the_trigger_label_has_the_name_that_parameters_gave_and_the_annotation_who_it_is_for() -> None:
    renamed = {**trigger(), "parameters": [{"src": {"dependencyName": "push", "value": "other"}, "dest": "name"}]}
    metadata = rendered(sensor(renamed), {"push": event()}).submission.body["metadata"]
    assert metadata["labels"]["events.argoproj.io/trigger"] == "other"
    assert metadata["annotations"]["pointsman/trigger"] == "default/ci/start"


def test_an_event_that_satisfies_two_dependencies_is_named_once() -> None:
    one = event("e1")
    twice = RoundContext(
        sensor().triggers[0].origin, {"a": one, "b": one, "c": event("e2")}, 0, dict.fromkeys("ab", "d")
    )
    assert (twice.event_ids, twice.delivery_ids) == ("e1,e2", "d")
