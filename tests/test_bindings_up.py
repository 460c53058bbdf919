"""WorkflowEventBindings under ``pointsman up``: through kill -9, restarts and edited manifests."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
import yaml

from tests.support.up import ROOT, eventually, free_port, pointsman, running
from tests.test_guarantees import SECRET, deliver, delivered

SOURCE = """
apiVersion: argoproj.io/v1alpha1
kind: EventSource
metadata: {name: open}
spec: {webhook: {any: {port: "%d", endpoint: /any, method: POST}}}
"""
PATH = "/api/v1/events/default/"


def written(path: Path, selector: str = 'payload.ref == "refs/heads/main"', secret: str = SECRET.decode()) -> Path:
    """The manifests of one binding for pushes of GitHub."""
    submit = {
        "workflowTemplateRef": {"name": "ci"},
        "arguments": {"parameters": [{"name": "ref", "valueFrom": {"event": "payload.ref"}}]},
    }
    argo, core = "argoproj.io/v1alpha1", "v1"
    objects = [
        {"apiVersion": argo, "kind": "WorkflowEventBinding", "metadata": {"name": "push"}, "spec": {"event": {"selector": selector}, "submit": submit}},
        {"apiVersion": argo, "kind": "WorkflowTemplate", "metadata": {"name": "ci"}, "spec": {"arguments": {"parameters": [{"name": "ref"}]}}},
        {"apiVersion": core, "kind": "Secret", "metadata": {"name": "argo-workflows-webhook-clients"}, "stringData": {"bot": yaml.safe_dump({"type": "github", "secret": secret})}},
    ]  # fmt: skip
    path.mkdir(exist_ok=True)
    (path / "binding.yaml").write_text(yaml.safe_dump_all(objects))
    return path


async def test_kill_9_loses_no_post_that_was_answered_and_repeats_none(tmp_path: Path) -> None:
    manifests, state, answered = written(tmp_path / "manifests"), tmp_path / "state", set[str]()
    ids = [f"d{n}" for n in range(400)]
    command = [sys.executable, "-P", "-m", "events", "up", str(manifests), "--state", str(state)]
    command += ["--admin-port", "0", "--bindings-port", "0", "--log-level", "error"]
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, start_new_session=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
    try:
        eventually(lambda: b"Ready." in (tmp_path / "out").read_bytes())
        port = int((tmp_path / "out").read_text().partition("127.0.0.1:")[2].partition("/")[0])
        sending = asyncio.create_task(deliver(f"http://127.0.0.1:{port}{PATH}", ids, answered))
        while len(answered) < 100:
            await asyncio.sleep(0.005)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    await sending
    assert 100 <= len(answered) < 400, "it must be killed half-way"

    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "state").symlink_to(state)
    with running(manifests, folder=tmp_path / "up", options=("--bindings-port", "0", "--log-level", "error")) as up:
        eventually(lambda: answered <= set(delivered(up)))
        assert set((await deliver(up.url(PATH), ids)).values()) == {200}
        eventually(lambda: len(up.workflows()) >= 400)
        assert sorted(delivered(up)) == sorted(ids)


async def test_edited_bindings_and_secrets_count_without_a_restart(tmp_path: Path) -> None:
    manifests = written(tmp_path / "manifests", selector="false")
    options = ("--watch", "--bindings-port", str(free_port()))
    with running(manifests, folder=tmp_path / "up", options=options) as up:
        assert await deliver(up.url(PATH), ["one"]) == {"one": 200}
        assert up.workflows() == []

        written(tmp_path / "manifests", secret="another")
        eventually(lambda: up.log.count("manifests taken up") == 1)
        assert await deliver(up.url(PATH), ["two"]) == {"two": 401}

        written(tmp_path / "manifests")
        eventually(lambda: up.log.count("manifests taken up") == 2)
        assert await deliver(up.url(PATH), ["one", "three"]) == {"one": 200, "three": 200}
        assert delivered(up) == ["three"]  # the first had its answer before the edit


async def test_without_a_binding_the_port_refuses_and_with_one_it_takes_posts_again(tmp_path: Path) -> None:
    manifests = written(tmp_path / "manifests")
    bindings = (manifests / "binding.yaml").read_text()
    (manifests / "source.yaml").write_text(SOURCE % (old := free_port()))
    with running(manifests, folder=tmp_path / "up", options=("--watch", "--bindings-port", "0")) as up:
        url = re.search(r"http://\S+/api/v1/events", up.output)[0] + "/default/"  # type: ignore[index]
        (manifests / "binding.yaml").write_text("")
        eventually(lambda: "WorkflowEventBinding default/push" in up.log and "manifests taken up" in up.log)
        with pytest.raises(aiohttp.ClientConnectorError):
            async with aiohttp.ClientSession() as session, session.post(url, data=b"{}"):
                pass
        (manifests / "binding.yaml").write_text("kind: [")
        eventually(lambda: "not taken up" in up.log)
        (manifests / "binding.yaml").write_text(bindings)
        eventually(lambda: up.log.count("manifests taken up") == 2)
        assert "the manifests are right again" in up.log
        assert url.removesuffix("default/") in up.log, "the new address is told"
        assert await deliver(url, ["one"]) == {"one": 200}
        eventually(lambda: delivered(up) == ["one"])
        assert up.log.count("anybody can send") == 1, "a warning is said once"
        (manifests / "source.yaml").write_text(SOURCE % (new := free_port()))
        eventually(lambda: up.log.count("manifests taken up") == 3)
        assert f":{new}/any" in up.log, "so is the one of a webhook"
        with pytest.raises(aiohttp.ClientConnectorError):
            async with aiohttp.ClientSession() as session, session.post(f"http://127.0.0.1:{old}/any", data=b"{}"):
                pass


async def test_what_was_posted_is_counted_and_can_be_looked_at(tmp_path: Path) -> None:
    manifests = written(tmp_path / "manifests")
    options = ("--bindings-port", "0", "--token", "t0ken")
    with running(manifests, folder=tmp_path, options=options) as up:
        async with aiohttp.ClientSession() as session:
            for token, status in (("t0ken", 200), ("other", 401)):
                headers = {"Authorization": f"Bearer {token}"}
                async with session.post(up.url(PATH), data=b'{"ref": "x"}', headers=headers) as answer:
                    assert answer.status == status
            async with session.get(up.url("/health")) as answer:
                assert answer.status == 200
            async with session.get(f"{up.admin}/metrics") as answer:
                metrics = await answer.text()
        assert 'pointsman_posts_total{reason="",result="stored"} 1.0' in metrics
        assert 'pointsman_posts_total{reason="Unauthenticated",result="rejected"} 1.0' in metrics
        assert 'pointsman_binding_outcomes_total{binding="push",namespace="default",outcome="filtered"} 1.0' in metrics
        [event] = up.events()
        shown = pointsman("get", "events", event["id"], "-o", "yaml", "--state", str(up.state), cwd=tmp_path).stdout
        assert yaml.safe_load(shown)["data"]["payload"] == {"ref": "x"}
        assert "payload.ref" in shown
    assert "t0ken" not in up.log + shown


async def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    port = str(free_port())
    with running(written(tmp_path / "m"), folder=tmp_path / "one", options=("--bindings-port", port)):
        done = pointsman("up", str(tmp_path / "m"), "--bindings-port", port, "--state", "two", cwd=tmp_path)
    assert done.returncode == 2
    assert f"port {port} is in use" in done.stderr
