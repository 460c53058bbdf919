"""The examples run as their READMEs say."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from events import manifests
from events.cli.plan import make_plan
from tests.support.shared import SHARED, needs_shared
from tests.support.up import ROOT, RunningUp, eventually, moved, pointsman, up
from tests.support.up import running as up_running

__all__ = ["up"]  # a fixture

EXAMPLES = sorted(p.name for p in (ROOT / "examples").iterdir() if p.is_dir())
GITLAB = "02-gitlab-merge-request"
SECRET = ("--secret", "open-sesame")

Start = Callable[..., RunningUp]


@pytest.fixture
def start(up: Start, tmp_path: Path) -> Start:
    """Run an example on free ports."""

    def run(name: str) -> RunningUp:
        moved(ROOT / "examples" / name, tmp_path / name)
        return up(tmp_path / name, "--bindings-port", "0")

    return run


def run_script(example: str, running: RunningUp) -> None:
    """Run the example's own ``send.sh``, with the program of this checkout."""
    program = running.folder / "pointsman"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -P -m events "$@"\n')
    program.chmod(0o755)
    path = f"{running.folder}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", ROOT / "examples" / example / "send.sh", running.url("")],
        env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def parameters(workflow: dict[str, Any]) -> dict[str, Any]:
    return {p["name"]: p["value"] for p in workflow["spec"]["arguments"]["parameters"]}


def template(workflow: dict[str, Any]) -> str:
    name: str = workflow["spec"]["workflowTemplateRef"]["name"]
    return name


def send(running: RunningUp, *arguments: str) -> tuple[int, str]:
    done = pointsman("send", *arguments, cwd=running.folder)
    return done.returncode, done.stdout + done.stderr


def recorded(running: RunningUp, count: int) -> None:
    """Wait until something is known of ``count`` events."""
    eventually(lambda: len(running.outcomes()) >= count)


def settled(running: RunningUp, count: int) -> list[str]:
    """The outcomes of the first ``count`` events, once all have one that stays."""

    def outcomes() -> list[str]:
        found = [o["outcome"] for o in running.outcomes()]
        return found if len(found) >= count and "waiting" not in found else []

    return sorted(eventually(outcomes))


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_compiles(name: str) -> None:
    bundle = manifests.load([str(ROOT / "examples" / name)])
    plan = make_plan(bundle, host="127.0.0.1", secrets={}, environment={}, has_cluster=False)
    assert plan.errors == []
    assert [str(f) for f in plan.findings if "NATS Streaming is at its end of life" not in str(f)] == []
    assert (plan.sensors and plan.sources) or plan.bindings


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_says_how_to_run_it(name: str) -> None:
    assert {"README.md", "send.sh"} <= {p.name for p in (ROOT / "examples" / name).iterdir()}


def test_a_push_starts_a_workflow(start: Start) -> None:
    running = start("01-github-push")
    run_script("01-github-push", running)
    [workflow] = eventually(running.workflows)
    assert template(workflow) == "ci"
    assert parameters(workflow)["repository"] == "https://github.com/acme/rocket.git"
    assert len(parameters(workflow)["revision"]) == 40

    to = ("github", "push", "--to", running.url("/push"))
    assert send(running, *to, *SECRET, "--set", "ref=refs/heads/other")[0] == 0
    assert send(running, *to, *SECRET, "--set", "deleted=true")[0] == 0
    assert settled(running, 3) == ["filtered", "filtered", "submitted"]
    for forged in ((), ("--secret", "wrong")):
        code, text = send(running, *to, *forged)
        assert (code, text[:3]) == (1, "401")
    assert len(running.workflows()) == 1
    assert len(running.events()) == 3


def test_a_redelivery_starts_nothing(start: Start) -> None:
    running = start("01-github-push")
    _, text = send(
        running, "github", "push", "--to", running.url("/push"), *SECRET, "--delivery-id", "7", "--count", "5"
    )
    assert [line.count('"duplicate"') for line in text.splitlines()] == [0, 1, 1, 1, 1]
    assert settled(running, 1) == ["submitted"]
    assert len(running.workflows()) == 1
    eventually(lambda: "delivered again, nothing runs again" in running.log)


def test_the_guides_manifests_start_what_they_say(start: Start) -> None:
    running = start(GITLAB)
    run_script(GITLAB, running)
    assert settled(running, 3) == ["filtered", "submitted", "submitted"]
    started = {template(w): parameters(w) for w in running.workflows()}
    assert started == {
        "default": {"branch": "log-votes", "pr": "128"},
        "pr-al-cloud": {"branch": "refs/heads/release-1.4"},
    }

    code, text = send(running, "gitlab", "merge-request", "--to", running.url("/push"), "--secret", "wrong")
    assert (code, text[:3]) == (1, "401")
    old_branch = ("--set", "ref=refs/heads/release-1.4")
    assert send(running, "gitlab", "push", "--to", running.url("/al-cloud-push"), *SECRET, *old_branch)[0] == 0
    assert settled(running, 4) == ["filtered", "filtered", "submitted", "submitted"]
    assert len(running.workflows()) == 2


MERGE_REQUESTS = [
    pytest.param((), {"branch": "log-votes", "pr": "128"}, id="sample"),
    pytest.param(
        ("--payload", str(SHARED / "payloads/gitlab/merge-request-event.json")),
        {"branch": "ms-viewport", "pr": "1"},
        marks=[needs_shared, pytest.mark.shared],
        id="real",
    ),
]


@pytest.mark.parametrize(("payload", "expected"), MERGE_REQUESTS)
def test_an_opened_merge_request_starts_one_workflow_and_a_closed_or_forged_one_none(
    payload: tuple[str, ...], expected: dict[str, str], start: Start
) -> None:
    running = start(GITLAB)
    to = ("gitlab", "merge-request", "--to", running.url("/push"), *payload)
    for forged in ((), ("--secret", "wrong")):
        code, text = send(running, *to, *forged)
        assert (code, text[:16]) == (1, "401 Unauthorized")
    assert send(running, *to, *SECRET, "--set", "object_attributes.state=closed")[0] == 0
    assert settled(running, 1) == ["filtered"]
    assert running.workflows() == []

    assert send(running, *to, *SECRET)[0] == 0
    assert settled(running, 2) == ["filtered", "submitted"]
    [workflow] = running.workflows()
    assert workflow["spec"]["workflowTemplateRef"] == {"name": "default"}
    assert parameters(workflow) == expected, "both are texts, also the number"
    assert len(running.events()) == 2


@needs_shared
@pytest.mark.shared
def test_the_guides_manifests_are_unchanged() -> None:
    [guide] = (SHARED / "founding-documents").glob("000_*.txt")
    section = guide.read_text().partition("以下是默认的消息总线")[2]
    blocks = [part.partition("```")[0] for part in section.split("```yaml\n")[1:5]]
    expected = [yaml.safe_load(block) for block in blocks]
    ours = list(yaml.safe_load_all((ROOT / "examples" / GITLAB / "manifests.yaml").read_text()))
    del ours[1]["spec"]["gitlab"]["al-cloud-push"]
    assert ours == expected


def test_a_push_and_an_approval_start_one_workflow(start: Start) -> None:
    running = start("03-two-dependencies")
    push = ("github", "push", "--to", running.url("/push"), *SECRET, "--set", "ref=refs/heads/release-1.4")
    review = ("github", "pull_request_review", "--to", running.url("/review"), *SECRET)

    assert send(running, *push)[0] == 0
    eventually(lambda: [o["outcome"] for o in running.outcomes()] == ["waiting"])
    assert send(running, *review, "--set", "review.state=changes_requested")[0] == 0
    eventually(lambda: sorted(o["outcome"] for o in running.outcomes()) == ["filtered", "waiting"])
    assert running.workflows() == []

    assert send(running, *review)[0] == 0
    assert settled(running, 3) == ["filtered", "submitted", "submitted"]
    [workflow] = running.workflows()
    assert template(workflow) == "release"
    given = parameters(workflow)
    assert len(given.pop("revision")) == 40
    assert given == {"branch": "release-1.4", "approver": "jlindqvist", "pull-request": "128"}


def test_what_waits_survives_a_restart_and_the_latest_counts(tmp_path: Path) -> None:
    moved(ROOT / "examples/03-two-dependencies", tmp_path / "manifests")
    push = ("github", "push", "--set", "ref=refs/heads/release-1.4", *SECRET)
    for count, revision in enumerate(("first", "second"), 1):
        with up_running(tmp_path / "manifests", folder=tmp_path / "up") as running:
            assert send(running, *push, "--set", f"after={revision}", "--to", running.url("/push"))[0] == 0
            recorded(running, count)
    with up_running(tmp_path / "manifests", folder=tmp_path / "up") as running:
        assert send(running, "github", "pull_request_review", "--to", running.url("/review"), *SECRET)[0] == 0
        [workflow] = eventually(running.workflows)
        assert parameters(workflow)["revision"] == "second"


def test_the_script_of_two_dependencies_completes_a_round(start: Start) -> None:
    running = start("03-two-dependencies")
    run_script("03-two-dependencies", running)
    assert settled(running, 2) == ["submitted", "submitted"]
    assert len(running.workflows()) == 1


BINDING = "04-event-binding"
FOLDERS = "05-path-filter"
POSTED = "/api/v1/events/default/"
CLIENT = ("--secret", "argo-workflow-secret")


def test_the_guides_binding_starts_what_it_says(start: Start) -> None:
    running = start(BINDING)
    run_script(BINDING, running)
    [workflow] = running.workflows()
    assert template(workflow) == "gogit"
    assert parameters(workflow) == {"branch": "log-votes"}
    labels = workflow["metadata"]["labels"]
    assert labels["workflows.argoproj.io/workflow-event-binding"] == "pull-request-binding"
    assert labels["workflows.argoproj.io/creator"] == "system-serviceaccount-default-gitlab.com"
    assert settled(running, 2) == ["filtered", "submitted"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_post_of_the_documentation_is_answered_word_for_word(up: Start) -> None:
    text = (ROOT / "docs" / "event-endpoint.md").read_text()
    start, curl = re.findall(r"```console\n\$ (.*?)```", text, re.DOTALL)[:2]
    _, _, *arguments = shlex.split(start)
    command, _, expected = curl.strip().rpartition("\n")
    running = up(ROOT / arguments[0], *arguments[1:], "--bindings-port", "0")
    command = command.replace("http://127.0.0.1:2746", running.url(""))
    program, *rest = shlex.split(command.replace("\\\n", " "))
    answers = [subprocess.run([program, "-s", *rest], capture_output=True, text=True, check=True) for _ in range(2)]
    assert [one.stdout for one in answers] == [expected, expected.replace("stored", "duplicate")]
    eventually(lambda: "delivered again, nothing runs again" in running.log)


@needs_shared
@pytest.mark.shared
def test_the_guides_binding_starts_one_workflow_for_a_real_merge_request(start: Start) -> None:
    running = start(BINDING)
    payload = ("--payload", str(SHARED / "payloads/gitlab/merge-request-event.json"), "--set", "project.name=gogit")
    to = ("gitlab", "merge-request", "--to", running.url(POSTED), *payload)

    assert send(running, *to, "--secret", "forged")[1][:3] == "401"
    assert send(running, *to)[1][:3] == "401"
    assert send(running, *to, *CLIENT, "--set", "object_attributes.state=closed")[0] == 0
    assert running.workflows() == []

    code, text = send(running, *to, *CLIENT, "--delivery-id", "one", "--count", "10")
    assert code == 0
    assert text.count('"status":"stored"') == 1
    assert text.count('"status":"duplicate"') == 9
    [workflow] = running.workflows()
    assert workflow["metadata"]["name"].startswith("gogit-")
    assert parameters(workflow) == {"branch": "ms-viewport"}
    assert text.count(workflow["metadata"]["name"]) == 10  # each delivery gets the same answer


def test_a_push_that_the_guides_binding_was_not_made_for_is_told(start: Start) -> None:
    running = start(BINDING)
    push = ("gitlab", "push", "--to", running.url(POSTED), *CLIENT)
    code, text = send(running, *push, "--set", "project.name=gogit")
    assert (code, text[:3]) == (0, "200")
    assert "cannot fetch state from" in text
    assert '"pull-request-binding"' in text
    assert settled(running, 1) == ["error"]


@needs_shared
@pytest.mark.shared
def test_the_guides_binding_is_unchanged_but_for_what_the_readme_says() -> None:
    [guide] = (SHARED / "founding-documents").glob("000_*.txt")
    block = guide.read_text().partition("cat <<EOF kubectl apply -n default -f -\n")[2].partition("EOF\n")[0]
    expected = list(
        yaml.safe_load_all(block.replace("github.com", "gitlab.com").replace("type: github", "type: gitlab"))
    )
    ours = list(yaml.safe_load_all((ROOT / "examples" / BINDING / "manifests.yaml").read_text()))
    [token] = [o for o in ours if o["metadata"]["name"] == "gitlab.com.service-account-token"]
    ours.remove(token)
    for obj in (*expected, *ours):
        for key, text in obj.get("stringData", {}).items():
            obj["stringData"][key] = yaml.safe_load(text)
    assert ours == expected


def test_only_the_folders_that_changed_start_something(start: Start) -> None:
    running = start(FOLDERS)
    run_script(FOLDERS, running)
    started = [(template(w), w["metadata"]["annotations"].get("acme.example/changed")) for w in running.workflows()]
    assert sorted(started, key=str) == [("build-services", "cart"), ("publish-docs", None), ("publish-docs", None)]
    assert settled(running, 6) == ["filtered", "filtered", "filtered", "submitted", "submitted", "submitted"]
