"""What stands before an API server may answer in its place, and with 200: that is not taken for what was asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from kubernetes_asyncio.client import ApiClient, Configuration

from events.errors import Unavailable
from events.kube.client import Cluster

API = "argoproj.io/v1alpha1"
WORKFLOW = {"apiVersion": API, "kind": "Workflow", "metadata": {"name": "one", "namespace": "ci"}}
RESOURCES = {"resources": [{"name": "workflows", "kind": "Workflow", "namespaced": True}]}

Answer = Callable[[web.Request], web.StreamResponse | Awaitable[web.StreamResponse]]


@asynccontextmanager
async def behind(answer: Answer, *, discovery: bool = True) -> AsyncIterator[Cluster]:
    """A cluster behind something that answers all else than discovery."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if discovery and request.path == f"/apis/{API}":
            return web.json_response(RESOURCES)
        answered = answer(request)
        return answered if isinstance(answered, web.StreamResponse) else await answered

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    configuration = Configuration()
    configuration.host = f"http://127.0.0.1:{runner.addresses[0][1]}"
    configuration.retries = False
    try:
        async with ApiClient(configuration) as api:
            yield Cluster(api, api)
    finally:
        await runner.cleanup()


def page(_: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>Closed for maintenance</html>", content_type="text/html")


def other_json(_: web.Request) -> web.StreamResponse:
    return web.json_response({"metadata": {"name": "other"}})


def login(request: web.Request) -> web.StreamResponse:
    if request.path != "/login":
        raise web.HTTPFound("/login")
    return page(request)


def moved(request: web.Request) -> web.StreamResponse:
    """As http to https: a POST comes again as the GET of the collection."""
    if "tls" not in request.query:
        raise web.HTTPMovedPermanently("?tls=1")
    return web.json_response(WORKFLOW)


@pytest.mark.parametrize("answer", [page, other_json, login, moved])
async def test_a_create_counts_only_when_the_api_server_has_answered_it(answer: Answer) -> None:
    async with behind(answer) as cluster:
        for create in (cluster.create, cluster.rehearse):
            with pytest.raises(Unavailable, match=r"not the API server|redirects to"):
                await create(WORKFLOW)


@pytest.mark.parametrize(
    "ask",
    [
        lambda cluster: cluster.get(API, "Workflow", "ci", "one"),
        lambda cluster: cluster.find(API, "Workflow", "ci"),
    ],
)
async def test_nothing_is_read_from_what_a_proxy_says(ask: Callable[[Cluster], Awaitable[object]]) -> None:
    async with behind(page) as cluster:
        with pytest.raises(Unavailable, match="not the API server"):
            await ask(cluster)


async def test_a_kind_is_not_unknown_because_a_proxy_says_so() -> None:
    async with behind(page, discovery=False) as cluster:
        with pytest.raises(Unavailable, match="not the API server"):
            await cluster.collection(API, "Workflow", "ci")


@pytest.mark.parametrize("status", [307, 308])
async def test_a_create_that_is_redirected_as_it_is_counts(status: int) -> None:
    made: list[object] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        if "tls" not in request.query:
            return web.Response(status=status, headers={"Location": f"{request.path}?tls=1"})
        made.append(await request.json())
        return web.json_response(made[-1], status=201)

    async with behind(handle) as cluster:
        assert await cluster.create(WORKFLOW) == WORKFLOW
    assert made == [WORKFLOW]


async def test_a_list_goes_without_what_is_nested_too_deeply() -> None:
    deep = "[" * 5_000 + "]" * 5_000
    text = f'{{"metadata": {{}}, "items": [{{"metadata": {{"name": "bad"}}, "spec": {deep}}}, {{"metadata": {{"name": "good"}}}}]}}'
    async with behind(lambda _: web.Response(text=text, content_type="application/json")) as cluster:
        assert [one["metadata"]["name"] for one in await cluster.find(API, "Workflow", "ci")] == ["good"]


async def test_a_read_may_be_redirected() -> None:
    async with behind(moved) as cluster:
        assert await cluster.get(API, "Workflow", "ci", "one") == WORKFLOW
