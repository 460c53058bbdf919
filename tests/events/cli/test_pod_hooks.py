"""The hooks of a pod's EventSource: real processes with a lease on a real bus; GitHub at its ``githubBaseURL``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.bus import Server
from tests.support.forges.base import Answer, Hook, Request
from tests.support.forges.github import FakeGitHub
from tests.support.mounts import mount
from tests.support.pods import PodProcess, pods, start, write_files
from tests.support.up import free_port
from tests.support.waiting import until

__all__ = ["pods"]

HOSTS = ("127.0.0.2", "127.0.0.3")
TARGET = "repos/octo/hello"


class Watched(FakeGitHub):
    """Notes when there was no hook after there had been one."""

    gaps = 0

    def ask(self, request: Request) -> Answer:
        before = bool(self.hooks[TARGET])
        answer = super().ask(request)
        self.gaps += before and not self.hooks[TARGET]
        return answer

    @property
    def here(self) -> list[Hook]:
        return self.hooks[TARGET]


@pytest.fixture
async def fake() -> AsyncIterator[Watched]:
    github = Watched(hooks={TARGET: []})
    async with github.serve():
        yield github


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(tmp_path / "bus")
    await server.start()
    yield server
    await server.stop()


def source(port: int, url: str, *events: str) -> dict[str, Any]:
    push = {
        "webhook": {"endpoint": "/push", "port": str(port), "method": "POST", "url": "https://events.example"},
        "repositories": [{"owner": "octo", "names": ["hello"]}],
        "events": list(events),
        "active": True,
        "contentType": "json",
        "apiToken": {"name": "forge", "key": "token"},
        "webhookSecret": {"name": "forge", "key": "secret"},
        "githubBaseURL": f"{url}/api/v3",
        "githubUploadURL": f"{url}/api/v3",
        "deleteHookOnFinish": True,
    }
    metadata = {"name": "forge", "namespace": "default", "generation": 1}
    spec = {"github": {"push": push}}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "EventSource", "metadata": metadata, "spec": spec}


async def hooks_of(pod: PodProcess) -> list[dict[str, str]]:
    _, text = await pod.ask("/status")
    found: list[dict[str, str]] = json.loads(text or "{}").get("hooks", [])
    return found


async def test_through_a_rolling_update_there_is_a_hook_at_every_moment(
    tmp_path: Path, bus: Server, pods: list[PodProcess], fake: Watched
) -> None:
    port, admin = free_port(), free_port()
    mount(tmp_path / "secrets", "forge", {"token": b"t0k3n", "secret": b"s"})
    write_files(tmp_path, source(port, fake.url, "push"), bus.address)
    pods.append(start("eventsource", tmp_path, "--linger", "0.5", host=HOSTS[0], port=admin))
    await until(lambda: fake.here)
    (hook,) = fake.here
    async with asyncio.timeout(20):
        while not await hooks_of(pods[0]):
            await asyncio.sleep(0.1)
    (told,) = await hooks_of(pods[0])
    assert (told["state"], told["target"]) == ("created", "repository octo/hello")
    # The spec changes: a new pod comes, and the old one goes.
    write_files(tmp_path, source(port, fake.url, "push", "issues"), bus.address)
    pods.append(start("eventsource", tmp_path, "--linger", "0.5", host=HOSTS[1], port=admin, name="two"))
    async with asyncio.timeout(60):
        while not await pods[1].is_ready():
            await asyncio.sleep(0.1)
    assert fake.here[0]["events"] == ["push"], "the old pod has the lease"
    pods[0].end()
    await until(lambda: set(fake.here[0]["events"]) == {"push", "issues"})
    await asyncio.to_thread(pods[0].ended, 30)
    assert pods[0].process.returncode == 0
    pods[1].end()
    await asyncio.to_thread(pods[1].ended, 30)
    assert [one["id"] for one in fake.here] == [hook["id"]], "the same hook, after the last pod, too"
    assert fake.gaps == 0
    assert [call.method for call in fake.writes] == ["POST", "PATCH"], "the second pod knows which secret was set"
