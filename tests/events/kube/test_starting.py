"""An API server that has just been started forbids what it will allow in a moment; it is believed when it is ready."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from events.errors import Refused, Unavailable
from events.kube import client

FORBIDDEN = (403, {"message": 'User "ci" cannot create resource "workflows"'})


@asynccontextmanager
async def serving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Callable[[str, str], tuple[int, object]]
) -> AsyncIterator[client.Cluster]:
    """A cluster whose server answers a path, and whose credentials (empty: none), so."""

    async def handle(request: web.Request) -> web.Response:
        status, body = answer(request.path, request.headers.get("Authorization", ""))
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    config = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{runner.addresses[0][1]}"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    try:
        async with client.open_cluster() as cluster:
            yield cluster
    finally:
        await runner.cleanup()


async def test_a_refusal_while_the_server_starts_may_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = [(403, {}), (500, {}), (200, {})]
    allowed = [FORBIDDEN, FORBIDDEN, FORBIDDEN, (200, {"done": True})]

    def answer(path: str, credentials: str) -> tuple[int, object]:
        assert bool(credentials) == (path != "/readyz")
        return (ready if path == "/readyz" else allowed).pop(0)

    async with serving(tmp_path, monkeypatch, answer) as cluster:
        for words in ("may be starting: User", "is starting: User"):
            with pytest.raises(Unavailable, match=words):
                await cluster.request("POST", "/apis/x")
        assert await cluster.request("POST", "/apis/x") == {"done": True}
    assert (ready, allowed) == ([], [])


async def test_a_server_that_is_ready_is_believed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(tmp_path, monkeypatch, lambda path, _: (200, {}) if path == "/readyz" else FORBIDDEN) as cluster:
        with pytest.raises(Refused, match="cannot create"):
            await cluster.request("POST", "/apis/x")


async def test_a_server_that_never_tells_whether_it_is_ready_is_believed_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path, monkeypatch, lambda *_: FORBIDDEN) as cluster:
        with pytest.raises(Unavailable):
            await cluster.request("POST", "/apis/x")
        monkeypatch.setattr(client, "_STARTING", 0.0)
        with pytest.raises(Refused):
            await cluster.request("POST", "/apis/x")


async def test_with_credentials_of_others_nothing_more_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(path: str, _: str) -> tuple[int, object]:
        asked.append(path)
        return FORBIDDEN

    async with serving(tmp_path, monkeypatch, answer) as cluster:
        with pytest.raises(Refused):
            await cluster.acting("Bearer x").request("POST", "/apis/x")
    assert asked == ["/apis/x"]
