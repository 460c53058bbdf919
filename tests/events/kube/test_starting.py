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
from eventsource.endpoint.cluster import ClusterGate
from eventsource.endpoint.credentials import Credentials

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
    ready = [(403, {}), (403, {}), (500, {}), (200, {})]
    allowed = [FORBIDDEN, FORBIDDEN, FORBIDDEN, (200, {"done": True})]

    def answer(path: str, credentials: str) -> tuple[int, object]:
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


async def test_a_server_that_tells_only_known_clients_whether_it_is_ready_is_believed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(path: str, credentials: str) -> tuple[int, object]:
        return (200, {}) if path == "/readyz" and credentials == "Bearer t" else FORBIDDEN

    async with serving(tmp_path, monkeypatch, answer) as cluster:
        with pytest.raises(Refused, match="cannot create"):
            await cluster.request("POST", "/apis/x")
        with pytest.raises(Refused, match="cannot create"):
            await cluster.acting("Bearer x").request("POST", "/apis/x")


@pytest.mark.parametrize("refusal", [FORBIDDEN, (401, {"message": "Unauthorized"})])
async def test_others_too_are_not_refused_by_a_server_that_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: tuple[int, object]
) -> None:
    ready = [(500, {}), (200, {})]
    allowed = [refusal, refusal, (200, {"done": True})]

    def answer(path: str, _: str) -> tuple[int, object]:
        return (ready if path == "/readyz" else allowed).pop(0)

    async with serving(tmp_path, monkeypatch, answer) as cluster:
        with pytest.raises(Unavailable, match="is starting"):
            await cluster.acting("Bearer x").request("POST", "/apis/x")
        assert await cluster.acting("Bearer x").request("POST", "/apis/x") == {"done": True}


async def test_credentials_of_others_that_are_refused_again_and_again_cost_one_question_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_STAYS_READY", 3600.0)
    asked: list[str] = []

    def answer(path: str, _: str) -> tuple[int, object]:
        asked.append(path)
        return (200, {}) if path == "/readyz" else FORBIDDEN

    async with serving(tmp_path, monkeypatch, answer) as cluster:
        for _ in range(10):
            with pytest.raises(Refused):
                await cluster.acting("Bearer x").request("POST", "/apis/x")
    assert asked == ["/apis/x", "/readyz", *["/apis/x"] * 10]


async def test_who_posts_while_the_server_starts_shall_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A review of what somebody may do is answered with "no" by a server that knows no roles yet."""
    kinds = {"resources": [{"name": "workfloweventbindings", "kind": "WorkflowEventBinding", "namespaced": True}, {"name": "workflows", "kind": "Workflow", "namespaced": True}]}  # fmt: skip
    reviews = {"resources": [{"name": "selfsubjectaccessreviews", "kind": "SelfSubjectAccessReview", "namespaced": False}]}  # fmt: skip
    binding = {"metadata": {"namespace": "ns", "name": "b"}, "spec": {"submit": {"workflowTemplateRef": {"name": "t"}}}}
    is_ready = False

    def answer(path: str, _: str) -> tuple[int, object]:
        if path == "/readyz":
            return (200, {}) if is_ready else (500, {})
        if path in ("/apis/argoproj.io/v1alpha1", "/apis/authorization.k8s.io/v1"):
            return 200, kinds if "argoproj" in path else reviews
        if path.endswith("/workfloweventbindings"):
            return 200, {"metadata": {}, "items": [binding]}
        if path.endswith("/selfsubjectaccessreviews"):
            return 201, {"status": {"allowed": path.endswith("nothing")}}
        return FORBIDDEN

    async with serving(tmp_path, monkeypatch, answer) as cluster:
        gate = ClusterGate(cluster)
        with pytest.raises(Unavailable, match="is starting"):
            await gate.admit(Credentials("Bearer x"), "ns")
        is_ready = True
        grants = (await gate.admit(Credentials("Bearer x"), "ns")).grants
        assert grants is not None
        assert "cannot create" in grants.workflows["ns"]


@pytest.mark.parametrize(
    "body", [None, "busy", ["busy"], {"details": "busy"}, {"details": {"retryAfterSeconds": "soon"}}, {"message": 7}]
)
async def test_whatever_a_server_that_fails_says_it_may_work_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: object
) -> None:
    """What stands before it may answer in its place, in words of its own."""
    async with serving(tmp_path, monkeypatch, lambda *_: (503, body)) as cluster:
        with pytest.raises(Unavailable, match="answered 503") as caught:
            await cluster.request("POST", "/apis/x")
    assert caught.value.retry_after is None
