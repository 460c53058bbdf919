"""A secret is changed while deliveries come in: none is refused, and in the end only the new one counts."""

from __future__ import annotations

import asyncio
import base64
import hmac
import random
import socket
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from events.models.base import parse
from events.models.eventsource import EventSource
from events.secrets import Vault
from eventsource import process
from eventsource.hooks import overlap, running
from tests.eventsource.suite import MemoryBus
from tests.support.forges.base import FakeForge, Hook
from tests.support.forges.github import FakeGitHub
from tests.support.forges.gitlab import FakeGitLab
from tests.support.forges.managed import WEBHOOK, Store, selector

BODY = b'{"object_kind": "push"}'
GITLAB = {"projects": ["7"], "events": ["PushEvents"], "gitlabBaseURL": "https://gitlab.example"}
GITHUB = {"repositories": [{"owner": "o", "names": ["r"]}], "events": ["push"], "active": True, "contentType": "json"}


@dataclass(frozen=True)
class Bench:
    """A forge with one target, how its EventSource says so, and how it proves its deliveries."""

    kind: str
    fake: Callable[[], FakeForge]
    config: dict[str, Any]
    proof: Callable[[Hook], dict[str, str]]
    secrets: tuple[bytes, bytes, bytes] = (b"first", b"second", b"third")


def whsec(number: int) -> bytes:
    """A signing secret."""
    return b"whsec_" + base64.b64encode(bytes([number]) * 32)


def signed(hook: Hook) -> dict[str, str]:
    digest = hmac.new(str(hook["config"]["secret"]).encode(), BODY, "sha256").hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}", "X-GitHub-Event": "push", "X-GitHub-Delivery": str(uuid.uuid4())}


def with_token(hook: Hook) -> dict[str, str]:
    return {"X-Gitlab-Token": str(hook["token"]), "Idempotency-Key": str(uuid.uuid4())}


def with_both(hook: Hook) -> dict[str, str]:
    """As GitLab since 19.0: the token, if there is one, and the signature, if there is a signing token."""
    id, now = str(uuid.uuid4()), str(int(time.time()))
    headers = {"Idempotency-Key": id, "Webhook-Id": id, "Webhook-Timestamp": now}
    if hook.get("token"):
        headers["X-Gitlab-Token"] = str(hook["token"])
    if hook.get("signing_token"):
        key = base64.b64decode(str(hook["signing_token"]).removeprefix("whsec_"))
        mac = hmac.digest(key, b".".join((id.encode(), now.encode(), BODY)), "sha256")
        headers["Webhook-Signature"] = f"v1,{base64.b64encode(mac).decode()}"
    return headers


BENCHES = [
    Bench(
        "gitlab",
        lambda: FakeGitLab(hooks={"projects/7": []}, token="t"),
        {**GITLAB, "accessToken": selector("api"), "secretToken": selector("secret")},
        with_token,
    ),
    Bench(
        "gitlab",
        lambda: FakeGitLab(hooks={"projects/7": []}, token="t"),
        {**GITLAB, "accessToken": selector("api"), "secretToken": selector("secret")},
        with_both,
        (b"plain", whsec(1), whsec(2)),
    ),
    Bench(
        "github",
        lambda: FakeGitHub(hooks={"repos/o/r": []}, prefix="", token="t"),
        {**GITHUB, "apiToken": selector("api"), "webhookSecret": selector("secret")},
        signed,
    ),
]


def values(secret: bytes) -> dict[Any, bytes]:
    return {("secret", "ns", "forge", key): value for key, value in {"api": b"t", "secret": secret}.items()}


@pytest.mark.parametrize("bench", BENCHES, ids=lambda bench: bench.proof.__name__)
async def test_no_delivery_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The forge signs with the secret that the hook has when it sends; what is sent arrives up to 0.3 s later."""
    monkeypatch.setattr(running, "_TICK", 0.02)
    monkeypatch.setattr(overlap, "OVERLAP", 1.0)
    spec = {bench.kind: {"push": {"webhook": WEBHOOK, **bench.config}}}
    source = parse(EventSource, {"metadata": {"name": "source", "namespace": "ns"}, "spec": spec})
    vault, fake, statuses = Vault(values(bench.secrets[0])), bench.fake(), Counter[int]()
    ((target, hooks),) = fake.hooks.items()
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/push"
    served = process.Sources([source], vault)
    server = await process.start(served, {12000: [listening]}, lambda namespace, name: MemoryBus())  # type: ignore[return-value]

    async def deliver(session: aiohttp.ClientSession, headers: dict[str, str]) -> int:
        await asyncio.sleep(random.random() * 0.3)
        async with session.post(url, data=BODY, headers={"Content-Type": "application/json", **headers}) as answer:
            return answer.status

    async def counted(session: aiohttp.ClientSession) -> None:
        statuses[await deliver(session, bench.proof(hooks[0]))] += 1

    async with aiohttp.ClientSession() as session, asyncio.timeout(60):
        keeping = asyncio.create_task(running.run_hooks([source], vault, Store(), connect=fake.connect))
        try:
            while not hooks:
                await asyncio.sleep(0.01)
            old = bench.proof(hooks[0])
            async with asyncio.TaskGroup() as traffic:
                for number in range(300):
                    traffic.create_task(counted(session))
                    if number in (75, 150):
                        vault.replace(values(bench.secrets[1 if number == 75 else 2]))
                    await asyncio.sleep(0.005)
            assert statuses == {200: 300}
            while await deliver(session, old) == 200:
                await asyncio.sleep(0.1)
            assert await deliver(session, bench.proof(hooks[0])) == 200
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await server.drain(0)
            listening.close()
    assert bench.secrets[2].decode() in str(fake.hooks[target])
