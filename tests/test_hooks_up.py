"""`up --register-hooks`: hooks come with the manifests, follow them, and stay when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from tests.support.forges.base import Hook
from tests.support.forges.github import FakeGitHub
from tests.support.up import RunningUp, free_port, running
from tests.support.waiting import until

TARGET = "repos/octo/hello"
SOURCE = """
apiVersion: argoproj.io/v1alpha1
kind: EventSource
metadata: {{name: {name}}}
spec:
  github:
    push:
      webhook: {{endpoint: /{name}, port: "{port}", method: POST, url: "http://127.0.0.1:{port}"}}
      repositories: [{{owner: octo, names: [hello]}}]
      events: [push]
      active: true
      contentType: json
      apiToken: {{name: forge, key: token}}
      webhookSecret: {{name: forge, key: secret}}
      githubBaseURL: {url}/api/v3
      githubUploadURL: {url}/api/v3
      deleteHookOnFinish: true
      redeliverMissed: true
"""


class GitHub(FakeGitHub):
    """``ours`` are the hooks of the source ``one``."""

    @property
    def ours(self) -> list[Hook]:
        return [hook for hook in self.hooks[TARGET] if hook["config"]["url"].endswith("/one")]


@pytest.fixture
async def fake() -> AsyncIterator[GitHub]:
    github = GitHub(hooks={TARGET: []})
    async with github.serve():
        yield github


class Stage:
    """Manifests and a secret in files, as an editor changes them."""

    def __init__(self, folder: Path, url: str) -> None:
        self.manifests = folder / "manifests"
        self.secret = folder / "secret"
        self.folder = folder
        self.port = free_port()
        self._url = url
        self.manifests.mkdir()
        self.secret.write_text("first")
        (folder / "token").write_text("t0k3n")
        self.write("one")

    def write(self, name: str, url: str = "") -> None:
        text = SOURCE.format(name=name, port=self.port, url=url or self._url)
        (self.manifests / f"{name}.yaml").write_text(text)

    def options(self, *more: str) -> tuple[str, ...]:
        secrets = [f"--secret=forge/{key}=@{self.folder / key}" for key in ("token", "secret")]
        return (*secrets, *more)


@contextlib.asynccontextmanager
async def up_with(stage: Stage, *options: str) -> AsyncIterator[RunningUp]:
    """`up`, started and stopped beside the forge, which answers meanwhile."""
    with contextlib.ExitStack() as stack:
        context = running(stage.manifests, folder=stage.folder / "up", options=stage.options(*options))
        up = await asyncio.to_thread(stack.enter_context, context)
        yield up
        await asyncio.to_thread(stack.close)


async def deliver(stage: Stage, secret: str) -> int:
    body = b'{"ref": "refs/heads/main"}'
    headers = {
        "X-Hub-Signature-256": f"sha256={hmac.new(secret.encode(), body, 'sha256').hexdigest()}",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "Content-Type": "application/json",
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{stage.port}/one", data=body, headers=headers) as answer,
    ):
        return answer.status


async def test_a_secret_changes_under_traffic_and_no_delivery_is_refused(tmp_path: Path, fake: GitHub) -> None:
    """The forge signs with the secret that its hook has."""
    stage, statuses, done = Stage(tmp_path, fake.url), Counter[int](), asyncio.Event()

    async def traffic() -> None:
        while not done.is_set():
            statuses[await deliver(stage, fake.ours[0]["config"]["secret"])] += 1

    async with up_with(stage, "--register-hooks", "--watch"), asyncio.TaskGroup() as tasks:
        await until(lambda: fake.ours)
        senders = [tasks.create_task(traffic()) for _ in range(3)]
        for secret in ("second", "third"):
            stage.secret.write_text(secret)
            await until(lambda secret=secret: fake.ours[0]["config"]["secret"] == secret)
            await asyncio.sleep(0.5)
        done.set()
        await asyncio.gather(*senders)
        assert set(statuses) == {200}
        assert [await deliver(stage, secret) for secret in ("first", "second", "third", "another")] == [200] * 3 + [401]


async def test_a_hook_goes_with_its_source_and_stays_when_up_ends(tmp_path: Path, fake: GitHub) -> None:
    stage = Stage(tmp_path, fake.url)
    stage.write("two")
    async with up_with(stage, "--register-hooks", "--watch") as up:
        await until(lambda: len(fake.hooks[TARGET]) == 2)
        (stage.manifests / "two.yaml").unlink()
        await until(lambda: len(fake.hooks[TARGET]) == 1)
        assert "not made at the Git servers" not in up.log
    assert len(fake.ours) == 1
    changes, looks = len(fake.writes), len(fake.calls)
    async with up_with(stage, "--register-hooks"):
        await until(lambda: len(fake.calls) > looks)
        await asyncio.sleep(0.5)
    assert len(fake.writes) == changes, "after a restart nothing is changed: what was set is remembered"


async def test_what_was_sent_while_up_was_away_is_asked_for_again(tmp_path: Path, fake: GitHub) -> None:
    stage = Stage(tmp_path, fake.url)
    async with up_with(stage, "--register-hooks"):
        await until(lambda: fake.ours)
    moment = datetime.now(UTC).isoformat()
    attempts = [("lost", 502), ("sent-again", 200), ("sent-again", 502), ("well", 200), ("no-answer", 0)]
    log = [
        {"id": number, "guid": guid, "delivered_at": moment, "status_code": status}
        for number, (guid, status) in enumerate(attempts)
    ]
    fake.deliveries[fake.ours[0]["id"]] = log
    async with up_with(stage, "--register-hooks"):
        await until(lambda: len(fake.attempts) == 2)
        await asyncio.sleep(0.5)
    assert sorted(log[number]["guid"] for number in fake.attempts) == ["lost", "no-answer"]


async def test_without_the_option_nothing_is_asked_of_the_forge_and_a_warning_says_so(
    tmp_path: Path, fake: GitHub
) -> None:
    stage = Stage(tmp_path, fake.url)
    async with up_with(stage) as up:
        assert "hooks are not made at the Git servers" in up.log
        assert "--register-hooks" in up.log
    assert fake.calls == []


async def test_a_forge_that_is_away_keeps_no_delivery_from_being_taken(tmp_path: Path, fake: GitHub) -> None:
    stage = Stage(tmp_path, fake.url)
    stage.write("one", url=f"http://127.0.0.1:{free_port()}")
    async with up_with(stage, "--register-hooks") as up:
        await until(lambda: "a hook is not as it should be" in up.log)
        assert "cannot be reached" in up.log
        assert await deliver(stage, "first") == 200
