"""``pointsman hooks``, with a GitHub at its ``githubBaseURL``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import yaml
from click.testing import CliRunner, Result

from events.cli.hooks import command
from tests.support.forges.github import FakeGitHub

URL = "https://events.example/push"
MANIFEST = """
apiVersion: argoproj.io/v1alpha1
kind: EventSource
metadata: {name: forge}
spec:
  github:
    push:
      webhook: {endpoint: /push, port: "12000", method: POST, url: "https://events.example"}
      repositories: [{owner: octo, names: [hello]}]
      events: [push]
      active: true
      contentType: json
      apiToken: {name: forge, key: token}
      webhookSecret: {name: forge, key: secret}
      githubBaseURL: BASE
      githubUploadURL: BASE
      deleteHookOnFinish: FINISH
"""


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """The command sets up logging of its process, which is that of all tests."""
    yield
    structlog.reset_defaults()


@pytest.fixture
async def fake() -> AsyncIterator[FakeGitHub]:
    github = FakeGitHub(hooks={"repos/octo/hello": []})
    async with github.serve():
        yield github


def foreign() -> dict[str, Any]:
    return {"id": 9, "active": True, "events": ["push"], "config": {"url": "https://other.example/"}}


async def run(
    tmp_path: Path,
    fake: FakeGitHub,
    *arguments: str,
    finish: str = "true",
    secret: str = "s",
    manifest: str = MANIFEST,
) -> Result:
    """The command with the manifest, while the forge answers."""
    file = tmp_path / "source.yaml"
    file.write_text(manifest.replace("BASE", f"{fake.url}/api/v3").replace("FINISH", finish))
    given = ["--secret", "forge/token=t0k3n", "--secret", f"forge/secret={secret}", "--state", str(tmp_path / "state")]
    return await asyncio.to_thread(CliRunner().invoke, command, [*arguments, str(file), *given])


async def test_plan_shows_and_changes_nothing(tmp_path: Path, fake: FakeGitHub) -> None:
    shown = await run(tmp_path, fake, "plan", "--exit-code")
    assert shown.exit_code == 2, shown.output
    assert "+ create" in shown.output
    assert "Plan: 1 to create, 0 to update, 0 to delete, 0 as they should be." in shown.output
    assert not fake.writes
    assert (await run(tmp_path, fake, "plan")).exit_code == 0


async def test_apply_makes_the_hook_once(tmp_path: Path, fake: FakeGitHub) -> None:
    assert "created" in (await run(tmp_path, fake, "apply")).output
    (hook,) = fake.hooks["repos/octo/hello"]
    assert hook["config"] == {"url": URL, "content_type": "json", "insecure_ssl": "0", "secret": "s"}
    assert (await run(tmp_path, fake, "plan", "--exit-code")).exit_code == 0
    assert "kept" in (await run(tmp_path, fake, "apply")).output
    assert len(fake.writes) == 1


async def test_a_changed_secret_is_an_update(tmp_path: Path, fake: FakeGitHub) -> None:
    await run(tmp_path, fake, "apply")
    shown = await run(tmp_path, fake, "plan", secret="other")
    assert "~ update" in shown.output
    assert "the secret has changed" in shown.output
    assert "other" not in shown.output.replace("the secret has changed", "")


async def test_a_forge_that_says_no_is_an_error(tmp_path: Path, fake: FakeGitHub) -> None:
    fake.token = "another"
    for name in ("plan", "apply", "status", "delete"):
        shown = await run(tmp_path, fake, name)
        assert shown.exit_code == 1, name
        assert "are the credentials right" in shown.output
        assert "t0k3n" not in shown.output
        assert ("0 as they should be; of 1 nothing is known." in shown.output) is (name == "plan")


@pytest.mark.parametrize(("answered", "state", "code"), [(200, "ok", 0), (502, "failing", 1), (0, "failing", 1)])
async def test_status_tells_how_the_last_delivery_went(
    tmp_path: Path, fake: FakeGitHub, answered: int, state: str, code: int
) -> None:
    await run(tmp_path, fake, "apply")
    identifier = fake.hooks["repos/octo/hello"][0]["id"]
    entry = {"id": 1, "guid": "a", "delivered_at": "2026-01-02T03:04:05Z", "status_code": answered}
    fake.deliveries[identifier] = [entry]
    shown = await run(tmp_path, fake, "status", "-o", "json")
    (row,) = json.loads(shown.output)
    assert (row["state"], row["last_delivery"], shown.exit_code) == (state, "2026-01-02T03:04:05Z", code)


async def test_status_says_that_a_hook_is_switched_off_although_nobody_wants_that(
    tmp_path: Path, fake: FakeGitHub
) -> None:
    unsaid = MANIFEST.replace("      active: true\n", "")
    await run(tmp_path, fake, "apply", manifest=unsaid)
    shown = await run(tmp_path, fake, "status", manifest=unsaid)
    assert (shown.exit_code, "disabled" in shown.output, "write active: true" in shown.output) == (1, True, True)


async def test_status_says_that_there_is_a_hook_too_many(tmp_path: Path, fake: FakeGitHub) -> None:
    await run(tmp_path, fake, "apply")
    (hook,) = fake.hooks["repos/octo/hello"]
    fake.hooks["repos/octo/hello"].append({**hook, "id": 2000})
    shown = await run(tmp_path, fake, "status")
    assert (shown.exit_code, "surplus" in shown.output) == (1, True)


TWO = MANIFEST.replace("forge}", "b}") + "---" + MANIFEST.replace("forge}", "a}")


async def test_two_eventsources_that_want_a_hook_in_two_ways_are_both_named(tmp_path: Path, fake: FakeGitHub) -> None:
    two = TWO.replace("events: [push]", "events: [issues]", 1)
    planned = await run(tmp_path, fake, "plan", manifest=two)
    assert "Plan: 1 to create, 0 to update, 0 to delete, 0 as they should be; 1 contested." in planned.output
    for name in ("apply", "plan", "apply", "status"):
        shown = await run(tmp_path, fake, name, "-o", "json", manifest=two)
        (first, second) = json.loads(shown.output)
        assert (first["source"], second["source"], second["state"]) == ("default/a", "default/b", "contested"), name
        assert "EventSource default/a wants this hook otherwise" in second["message"]
        assert shown.exit_code == 1
    assert (len(fake.writes), fake.hooks["repos/octo/hello"][0]["events"]) == (1, ["push"])

    assert (await run(tmp_path, fake, "delete", manifest=two)).exit_code == 0
    assert not fake.hooks["repos/octo/hello"]


async def test_two_eventsources_that_want_the_same_share_a_hook(tmp_path: Path, fake: FakeGitHub) -> None:
    planned = await run(tmp_path, fake, "plan", manifest=TWO)
    assert "Plan: 1 to create, 0 to update, 0 to delete, 1 as they should be." in planned.output
    assert (await run(tmp_path, fake, "apply", manifest=TWO)).exit_code == 0
    assert (
        "Plan: 0 to create, 0 to update, 0 to delete, 2 as" in (await run(tmp_path, fake, "plan", manifest=TWO)).output
    )
    assert len(fake.writes) == 1


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
async def test_a_repository_that_moves_to_another_eventsource_keeps_its_hook(
    tmp_path: Path, fake: FakeGitHub, order: tuple[str, str]
) -> None:
    """Although the first one does not want it any more."""
    fake.hooks["repos/octo/other"] = []
    before, after = order
    one = MANIFEST.replace("forge}", f"{before}}}")
    await run(tmp_path, fake, "apply", manifest=one)
    moved = one.replace("[hello]", "[other]") + "---" + MANIFEST.replace("forge}", f"{after}}}")
    assert (await run(tmp_path, fake, "apply", manifest=moved)).exit_code == 0
    assert [hook["id"] for hook in fake.hooks["repos/octo/hello"]] == [1001]
    assert "DELETE" not in [call.method for call in fake.calls]
    assert (await run(tmp_path, fake, "apply", manifest=moved.replace("[push]", "[issues]"))).exit_code == 0
    assert fake.hooks["repos/octo/hello"][0]["events"] == ["issues"]


async def test_status_says_that_a_hook_is_missing(tmp_path: Path, fake: FakeGitHub) -> None:
    shown = await run(tmp_path, fake, "status")
    assert shown.exit_code == 1
    assert "missing" in shown.output


@pytest.mark.parametrize(("finish", "left"), [("true", []), ("false", [1001])])
async def test_delete_on_finish_leaves_hooks_that_are_to_stay(
    tmp_path: Path, fake: FakeGitHub, finish: str, left: list[int]
) -> None:
    fake.hooks["repos/octo/hello"].append(foreign())
    await run(tmp_path, fake, "apply", finish=finish)
    assert (await run(tmp_path, fake, "delete", "--on-finish", finish=finish)).exit_code == 0
    assert [hook["id"] for hook in fake.hooks["repos/octo/hello"]] == [9, *left]
    assert (await run(tmp_path, fake, "delete", finish=finish)).exit_code == 0
    assert [hook["id"] for hook in fake.hooks["repos/octo/hello"]] == [9]


async def test_hooks_that_are_to_be_kept_are_not_deleted(tmp_path: Path, fake: FakeGitHub) -> None:
    await run(tmp_path, fake, "apply")
    kept = await run(tmp_path, fake, "delete", "--keep-url", URL)
    assert (kept.exit_code, len(fake.hooks["repos/octo/hello"])) == (0, 1), kept.output
    assert "kept" in kept.output
    await run(tmp_path, fake, "delete", "--keep-url", f"{URL}/")
    assert not fake.hooks["repos/octo/hello"]


async def test_delete_without_manifests_is_for_the_pod(
    tmp_path: Path, fake: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run(tmp_path, fake, "apply")
    for key, value in {"token": "t0k3n", "secret": "s"}.items():
        (tmp_path / "secrets/forge").mkdir(parents=True, exist_ok=True)
        (tmp_path / "secrets/forge" / key).write_text(value)
    monkeypatch.setenv("POINTSMAN_OBJECT", str(tmp_path / "object.json"))
    monkeypatch.setenv("POINTSMAN_SECRETS", str(tmp_path / "secrets"))
    monkeypatch.setenv("POINTSMAN_CONFIGMAPS", str(tmp_path / "none"))
    monkeypatch.setenv("POINTSMAN_STATE", str(tmp_path / "pod"))
    source = yaml.safe_load(MANIFEST.replace("BASE", f"{fake.url}/api/v3").replace("FINISH", "true"))
    source["metadata"]["namespace"] = "ci"
    (tmp_path / "object.json").write_text(json.dumps(source))
    shown = await asyncio.to_thread(CliRunner().invoke, command, ["delete", "--on-finish"])
    assert shown.exit_code == 0, shown.output
    assert fake.hooks["repos/octo/hello"] == []
