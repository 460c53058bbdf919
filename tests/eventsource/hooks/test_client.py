"""The door to a forge's API: what is sent, which answers are errors and of which kind, and when nothing more is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from events.errors import Refused, SpecError, Unavailable
from eventsource.hooks.client import Answer, Call, Client, http_transport
from eventsource.hooks.limits import LONGEST_WAIT, SharedLimits

API = "https://forge.example/api"


class Scripted:
    """Answers in order, the last one again and again; ``now`` is the clock."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.calls: list[Call] = []
        self.now = 1_000_000.0

    async def send(self, call: Call) -> Answer:
        self.calls.append(call)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def client(self) -> Client:
        return Client(self.send, API, credentials, now=lambda: self.now)


async def credentials() -> Mapping[str, str]:
    return {"Authorization": "Bearer t"}


async def other_credentials() -> Mapping[str, str]:
    return {"Authorization": "Bearer u"}


def answer(status: int = 200, json: Any = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, named, b"" if json is None else orjson.dumps(json))


@pytest.mark.parametrize(
    ("refusal", "wait"),
    [
        (answer(429, retry_after="30"), 30),
        (answer(403, retry_after="30"), 30),
        (answer(503, retry_after="30"), 30),
        (answer(429), 60),
        (answer(429, retry_after="soon"), 60),
        (answer(503, retry_after="Mon, 12 Jan 1970 13:48:10 GMT"), 90),
        (answer(429, retry_after="Mon, 12 Jan 1970 13:00:00 GMT"), 1),
        (answer(403, {"message": "You have exceeded a secondary rate limit."}), 60),
        (answer(429, retry_after="999999999"), LONGEST_WAIT),
        (answer(403, x_ratelimit_remaining="0", x_ratelimit_reset="1000090"), 90),
        (answer(429, ratelimit_remaining="0", ratelimit_reset="1000090"), 90),
        (answer(403, x_ratelimit_remaining="0", x_ratelimit_reset="1"), 1),
        (answer(429, ratelimit_remaining="0", ratelimit_reset="45"), 45),
    ],
)
async def test_nothing_is_sent_before_the_forge_wants_it(refusal: Answer, wait: float) -> None:
    forge = Scripted(refusal, answer())
    client = forge.client()

    with pytest.raises(Unavailable) as caught:
        await client.call("GET", "/hooks")
    assert caught.value.retry_after == wait
    forge.now += wait - 0.5
    with pytest.raises(Unavailable, match="asks us to wait"):
        await client.call("GET", "/other")
    assert len(forge.calls) == 1
    forge.now += 1
    assert (await client.call("GET", "/hooks")).status == 200


async def test_clients_with_the_same_credentials_share_their_limits() -> None:
    forge, limits = Scripted(answer(429, retry_after="30")), SharedLimits()
    one, same, other = (
        Client(forge.send, API, authorize, limits=limits, now=lambda: forge.now)
        for authorize in (credentials, credentials, other_credentials)
    )
    for client in (one, same, other):
        with pytest.raises(Unavailable):
            await client.call("GET", "/hooks")

    assert [call.headers["Authorization"] for call in forge.calls] == ["Bearer t", "Bearer u"]


async def test_a_used_up_budget_is_heeded_before_it_is_refused() -> None:
    forge = Scripted(answer(200, [], x_ratelimit_remaining="0", x_ratelimit_reset="1000090"))
    client = forge.client()
    await client.call("GET", "/hooks")

    with pytest.raises(Unavailable):
        await client.call("GET", "/hooks")


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504])
async def test_what_may_pass_is_unavailable(status: int) -> None:
    with pytest.raises(Unavailable):
        await Scripted(answer(status)).client().call("GET", "/hooks")


@pytest.mark.parametrize(
    ("status", "json", "words"),
    [
        (401, {"message": "Bad credentials"}, "Bad credentials"),
        (422, {"message": "Validation Failed", "errors": [{"message": "more than 20 hooks"}]}, "more than 20 hooks"),
        (422, {"message": {"base": ["Maximum number of hooks exceeded"]}}, "Maximum number of hooks exceeded"),
        (400, {"type": "error", "error": {"message": "url: Enter a valid URL."}}, "Enter a valid URL"),
        (409, {"errors": [{"context": "url", "message": "is taken"}]}, "is taken"),
        (301, None, "301"),
        (404, ["x" * 5000], "404"),
    ],
)
async def test_what_will_not_pass_is_refused_in_the_forges_words(status: int, json: Any, words: str) -> None:
    with pytest.raises(Refused) as caught:
        await Scripted(answer(status, json)).client().call("GET", "/hooks")

    assert caught.value.status == status
    assert words in caught.value.message
    assert len(caught.value.message) < 500
    assert "Bearer" not in str(caught.value)


async def test_a_forge_that_repeats_secrets_tells_nobody() -> None:
    body = {"config": {"secret": "hunter2 again"}, "token": "glpat-1", "name": "web"}
    said = {"message": "Bearer t-0123 may not set hunter2 again or glpat-1 of web"}

    async def authorize() -> Mapping[str, str]:
        return {"Authorization": "Bearer t-0123"}

    forge = Scripted(answer(422, said))
    with pytest.raises(Refused) as caught:
        await Client(forge.send, API, authorize, now=lambda: forge.now).call("POST", "/hooks", body=body)
    assert caught.value.message.endswith("Bearer *** may not set *** or *** of web")
    assert "t-0123" not in repr(forge.calls)
    assert "hunter2" not in repr(forge.calls)


async def test_what_was_told_is_asked_for_with_its_etag() -> None:
    forge = Scripted(answer(200, [{"id": 1}], etag='"a"'), answer(304), answer(200, [], etag='"b"'))
    client = forge.client()
    lists = [await client.items("/hooks") for _ in range(3)]

    assert lists == [[{"id": 1}], [{"id": 1}], []]
    assert [call.headers.get("If-None-Match") for call in forge.calls] == [None, '"a"', '"a"']


async def test_a_long_answer_is_not_kept() -> None:
    """As pages of GitLab's log are, in which there are whole deliveries."""
    forge = Scripted(answer(200, [{"body": "x" * 100_000}], etag='"a"'), answer(200, [], etag='"b"'))
    client = forge.client()
    for _ in range(2):
        await client.call("GET", "/log")

    assert [call.headers.get("If-None-Match") for call in forge.calls] == [None, None]


async def test_credentials_follow_no_link_to_another_host() -> None:
    link = '<https://evil.example/steal?page=2>; rel="next"'
    forge = Scripted(answer(200, [1], link=link), answer(200, [2]))

    assert await forge.client().items("/hooks") == [1, 2]
    assert {call.url.partition("?")[0] for call in forge.calls} == {f"{API}/hooks"}


async def test_a_list_without_an_end_is_given_up() -> None:
    forge = Scripted(answer(200, []))
    numbers = iter(range(10_000))

    async def send(call: Call) -> Answer:
        return answer(200, [1], link=f'<{API}/hooks?page={next(numbers)}>; rel="next"')

    with pytest.raises(Unavailable, match="pages"):
        await Client(send, API, credentials, now=lambda: forge.now).items("/hooks")


async def test_pages_that_go_round_in_a_circle_are_given_up_at_once() -> None:
    turns = [answer(200, [n], link=f'<{API}/hooks?page={n}>; rel="next"') for n in (2, 1, 2)]
    forge = Scripted(*turns)

    with pytest.raises(Unavailable, match="circle"):
        await forge.client().items("/hooks", {"page": "1"})
    assert len(forge.calls) == 2


@pytest.mark.parametrize("body", [b"<html>", b"", b"{", b"[" * 100_000])
async def test_what_is_no_json_is_unavailable(body: bytes) -> None:
    with pytest.raises(Unavailable, match="no JSON"):
        await Scripted(Answer(200, {}, body)).client().items("/hooks")


@pytest.mark.parametrize("base", ["", "forge.example", "ftp://forge.example", "https://"])
def test_an_address_that_is_none_is_told(base: str) -> None:
    with pytest.raises(SpecError, match="address"):
        Client(Scripted(answer()).send, base, credentials)


# -- over the network --------------------------------------------------------------------------------------------------


async def fetched(handler: Any, path: str = "/", token: str = "t") -> Answer:
    """The answer to a request to a server with this handler."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        async with aiohttp.ClientSession() as session:
            call = Call("GET", f"http://127.0.0.1:{port}{path}", {"Authorization": token})
            return await http_transport(session)(call)
    finally:
        await runner.cleanup()


async def test_escaped_slashes_stay_escaped() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text=request.rel_url.raw_path)

    assert (await fetched(handler, "/projects/a%2Fb/hooks/%7Bu%7D")).body == b"/projects/a%2Fb/hooks/%7Bu%7D"


async def test_a_redirect_takes_no_credentials_anywhere() -> None:
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    assert (await fetched(handler)).status == 302
    assert seen == ["/"]


async def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventsource.hooks.client._LARGEST_ANSWER", 1 << 16)

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=bytes(1 << 20))

    with pytest.raises(Unavailable, match="longer than"):
        await fetched(handler)


async def test_a_forge_that_says_nothing_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventsource.hooks.client._TIMEOUT", 0.1)

    async def handler(request: web.Request) -> web.Response:
        await asyncio.sleep(1)
        return web.Response()

    with pytest.raises(Unavailable, match="gave no answer"):
        await fetched(handler)


@pytest.mark.parametrize(("wait", "sent"), [(30.0, 2), (None, 5)])
async def test_a_forge_that_is_silent_keeps_nobody_waiting_for_long(wait: float | None, sent: int) -> None:
    """Of hundreds of repositories. A connection that is refused at once costs no time."""
    calls, clock = [], [1_000.0]

    async def silent(call: Call) -> Answer:
        calls.append(call)
        raise Unavailable("no answer", retry_after=wait)

    client = Client(silent, API, credentials, now=lambda: clock[0])
    for _ in range(5):
        with pytest.raises(Unavailable, match="no answer"):
            await client.call("GET", "/hooks")
    assert len(calls) == sent
    clock[0] += 31
    with pytest.raises(Unavailable):
        await client.call("GET", "/hooks")
    assert len(calls) == sent + 1, "it is asked again"


async def test_a_token_with_a_line_break_is_not_sent_and_not_shown() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response()

    with pytest.raises(Unavailable) as caught:
        await fetched(handler, token="hidden\r\nX-Other: 1")
    assert "hidden" not in str(caught.value)


async def test_nobody_there_is_unavailable() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(Unavailable, match="cannot be reached: Connection refused"):
            await http_transport(session)(Call("GET", "http://127.0.0.1:1/", {}))
