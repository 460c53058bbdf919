"""Bad input gives one clear sentence and exit 2 at start, or the right status: never a traceback, never a dead process."""

from __future__ import annotations

import asyncio
import hmac
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from events.cli.deliveries import read_sample
from tests.support.up import ROOT, RunningUp, eventually, free_port, moved, pointsman, running

EXAMPLE = ROOT / "examples" / "01-github-push" / "manifests.yaml"


def refused(folder: Path, *arguments: str) -> str:
    """What `up` says when it does not start."""
    result = pointsman("up", *arguments, "--state", str(folder / "state"), "--admin-port", "0", cwd=folder)
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr


def manifest(folder: Path, *changes: tuple[str, str]) -> Path:
    """The first example on a free port, changed."""
    text = EXAMPLE.read_text().replace('"12000"', f'"{free_port()}"')
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "manifests.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("kind: Sensor", "kind: Senser", "unknown kind 'Senser' of argoproj.io (did you mean 'Sensor'?)"),
        ("      names: [rocket]", "\tnames: [rocket]", "not YAML"),
        ("operation: submit", "operation: launch", "must be one of submit"),
        ("eventName: push", "eventName: [push]", "spec.dependencies[0].eventName: must be a string, not a list"),
        ('port: "12000"', "port: 12000", "webhook.port: must be a string, not the number"),
        ("argoWorkflow:", "argoWorkfow:", "spec.triggers[0].template: names no kind of trigger"),
        ("github:\n    push", "gitbub:\n    push", "gitbub"),
        ("        key: webhook-secret", "        kee: webhook-secret", "spec.github.push.webhookSecret.key: must be given"),
        ("        name: github-secret", "        name: ''", "spec.github.push.webhookSecret.name: must be given"),
        ("webhook-secret: open-sesame", "another: open-sesame", "Secret 'github-secret' has no key 'webhook-secret'"),
        ("        name: start-ci\n", "        name: start-ci\n        conditions: push && pull\n", "pull"),
        ("argoproj.io/v1alpha1\nkind: EventSource", "argoproj.io/v1\nkind: EventSource", "write argoproj.io/v1alpha1"),
        ("kind: Secret", "kind: Secret\ndata:\n  x: '%%%'", "data.x: is not base64"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_manifest_is_named_with_file_and_field(
    old: str, new: str, sentence: str, tmp_path: Path
) -> None:
    text = EXAMPLE.read_text()
    assert old in text
    (tmp_path / "manifests.yaml").write_text(text.replace(old, new))

    said = refused(tmp_path, "manifests.yaml")

    about = [line for line in said.splitlines() if sentence in line]
    assert len(about) == 1, said
    assert about[0].startswith("manifests.yaml:"), said
    assert re.search(r"\d+ errors? in the manifests; nothing was started$", said.strip())


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no EventSource, Sensor or WorkflowEventBinding among the manifests"),
        (b"just a text", "no EventSource, Sensor or WorkflowEventBinding among the manifests"),
        (b"\x00\xff\xfe", "not YAML: "),
        (b"a: " + b"[" * 10_000 + b"]" * 10_000, "the document is nested deeper than 1000 levels"),
        (b"a: *nowhere", "not YAML: found undefined alias"),
        (b"x: &a [" + b"y," * 100 + b"]\n" + b"".join(b"%c: &%c [%s]\n" % (n, n, b"*%c," % (n - 1) * 9) for n in b"bcdefgh"),
         "the document unfolds into too many values"),
        (b"apiVersion: argoproj.io/v1alpha1\nmetadata: {name: x}", "kind is missing"),
        (b"apiVersion: argoproj.io/v1alpha1\nkind: Sensor", "Sensor has no metadata.name"),
        (b"apiVersion: argoproj.io/v1alpha1\nkind: Sensor\nmetadata: {name: x}", "spec"),
    ],
)  # fmt: skip
def test_a_file_that_holds_something_else_is_named(content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_bytes(content)
    _starting, first, *_ = refused(tmp_path, "odd.yaml").splitlines()
    assert first.startswith("odd.yaml:")
    assert sentence in first


def test_an_address_that_two_events_want_is_named_with_both(tmp_path: Path) -> None:
    text = manifest(tmp_path).read_text()
    [source] = [d for d in text.split("---\n") if "kind: EventSource" in d]
    (tmp_path / "second.yaml").write_text(source.replace("name: github\n", "name: twin\n"))
    said = refused(tmp_path, "manifests.yaml", "second.yaml")
    assert "second.yaml:" in said
    assert "EventSource default/twin: spec.github.push: " in said
    assert "both want /push on port" in said


def test_a_file_that_is_given_twice_is_read_once(tmp_path: Path) -> None:
    manifest(tmp_path, ("kind: Sensor", "kind: Senser"))
    assert "1 error in the manifests" in refused(tmp_path, "manifests.yaml", ".", str(tmp_path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "nowhere.yaml: error: no such file or folder" in refused(tmp_path, "nowhere.yaml")


def test_files_without_anything_to_run(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n")
    assert "no EventSource, Sensor or WorkflowEventBinding" in refused(tmp_path, "pod.yaml")


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        path = tmp_path / "manifests.yaml"
        path.write_text(EXAMPLE.read_text().replace('"12000"', f'"{port}"'))

        asker = f"EventSource default/github, github event 'push', at {path}:"
        assert f"port {port} is in use by another program; {asker}" in refused(tmp_path, str(path))
        said = refused(tmp_path, str(ROOT / "examples" / "04-event-binding"), "--bindings-port", str(port))
        assert f"port {port} is in use by another program (stop it, or give another --bindings-port)" in said


def test_up_says_what_lint_says(tmp_path: Path) -> None:
    changes = ("webhookSecret:", "webhokSecret:"), ("eventSourceName: github", "eventSourceName: gihtub")
    path = manifest(tmp_path, *changes, ("operation: submit", "operation: launch"))
    linted = pointsman("lint", str(path), cwd=tmp_path).stdout.splitlines()[:-1]
    assert len(linted) == 4, linted
    assert set(linted) <= set(refused(tmp_path, str(path)).splitlines())


def test_manifests_come_from_stdin(tmp_path: Path) -> None:
    text = manifest(tmp_path, ("eventSourceName: github", "eventSourceName: gihtub")).read_text()
    arguments = ("up", "-", "--state", "state", "--host", "nowhere.invalid", "--admin-port", "0")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "events", *arguments], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        input=text, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "<stdin>:" in done.stderr
    assert "no EventSource 'gihtub' among these files (did you mean 'github'?)" in done.stderr
    assert "'nowhere.invalid' is no address" in done.stderr
    assert "--watch follows files, not stdin" in refused(tmp_path, "-", "--watch")


def test_a_secret_that_nothing_asks_for_and_one_that_is_not_there(tmp_path: Path) -> None:
    path = manifest(tmp_path, ("name: github-secret\nstringData", "name: other\nstringData"))
    said = refused(tmp_path, str(path), "--secret", "github-secret/webhok-secret=x")
    assert "there is no Secret 'github-secret' in namespace 'default' (give it with --secret" in said
    hint = "(did you mean 'github-secret/webhook-secret'?)"
    assert f"warning: --secret github-secret/webhok-secret: nothing asks for it {hint}" in said


def test_a_file_in_the_place_of_the_state_folder(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    said = refused(tmp_path, str(manifest(tmp_path)))
    assert (
        f"the state folder {tmp_path / 'state'} cannot be written: it is a file (choose another with --state)" in said
    )


def test_a_state_folder_without_permission_to_write(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o500)
    # Root may write everywhere, unless it gives that up.
    capabilities = "-dac_override,-dac_read_search"
    as_user = () if os.geteuid() else ("setpriv", f"--bounding-set={capabilities}", f"--inh-caps={capabilities}")
    if as_user and (shutil.which("setpriv") is None or subprocess.run([*as_user, "true"], check=False).returncode):
        pytest.skip("root may write everywhere")
    command = [*as_user, sys.executable, "-P", "-m", "events", "up", str(manifest(tmp_path)), "--state", "state"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    sentence = "error: the state folder state cannot be written: Permission denied (choose another with --state)\n"
    assert done.stderr.splitlines(keepends=True)[1:] == [sentence]


@pytest.mark.parametrize("name", ["ledger.db", "workflows.db"])
def test_a_damaged_database_in_the_state_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / name).write_text("no database, but long enough to be looked at" * 100)
    said = refused(tmp_path, str(manifest(tmp_path)))
    assert f"{name} cannot be opened: file is not a database" in said


def test_a_state_folder_of_another_version(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "version").write_text("99\n")
    assert "is of version 99" in refused(tmp_path, str(manifest(tmp_path)))


def test_a_state_folder_in_use(tmp_path: Path) -> None:
    path = manifest(tmp_path)
    with running(path, folder=tmp_path):
        said = refused(tmp_path, str(path))
        assert "is in use by another pointsman" in said


def test_a_kubeconfig_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    said = refused(tmp_path, str(manifest(tmp_path)), "--kube")
    assert said.endswith(f"error: no cluster: there is no kubeconfig {tmp_path / 'none'} (set KUBECONFIG)\n")


@pytest.mark.parametrize("content", ["", "a: [", "[]", "contexts: 5\ncurrent-context: x"])
def test_a_kubeconfig_that_is_none(content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kubeconfig").write_text(content)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    said = refused(tmp_path, str(manifest(tmp_path)), "--kube")
    assert f"error: no cluster: the kubeconfig {tmp_path / 'kubeconfig'} cannot be used: " in said


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--retention 7", "write a number of days, hours or minutes, such as 7d, 12h, 30m"),
        ("--retention 0d", "write a number of days"),
        ("--retention 99999999999999999999d", "write a number of days"),
        ("--context x", "--context goes with --kube"),
        ("--host nowhere.invalid", "'nowhere.invalid' is no address of this computer"),
        ("--host 192.0.2.1", "of 192.0.2.1 cannot be opened"),
        ("--nats http://x", "the bus wants a URL such as nats://host:4222, not 'http://x'"),
        ("--nats nats://127.0.0.1:1", "no bus at nats://127.0.0.1:1"),
        ("--secret a/b=@nowhere", "nowhere cannot be read: No such file or directory"),
        ("--sync sometimes", "'sometimes' is not one of"),
        ("--sinc always", "No such option"),
    ],
)
def test_an_option_that_is_wrong_is_named(options: str, sentence: str, tmp_path: Path) -> None:
    assert sentence in refused(tmp_path, str(manifest(tmp_path)), *options.split()).splitlines()[-1]


def test_a_command_that_is_misspelt_gets_a_hint(tmp_path: Path) -> None:
    done = pointsman("snd", cwd=tmp_path)
    assert done.returncode == 2
    assert "did you mean 'send'?" in done.stderr


def test_a_secret_of_the_command_line_is_not_repeated(tmp_path: Path) -> None:
    said = refused(tmp_path, str(manifest(tmp_path)), "--secret", "hunter2")
    assert "name/key=value" in said
    assert "hunter2" not in said


async def test_hostile_requests_get_their_status_and_the_next_honest_one_works(tmp_path: Path) -> None:
    moved(EXAMPLE.parent, tmp_path / "manifests")
    deep = b"[" * 10_000 + b"]" * 10_000
    with running(tmp_path / "manifests", folder=tmp_path) as up:
        async with aiohttp.ClientSession() as session, slow_headers(up) as closed:

            async def post(data: bytes, *, path: str = "/push", **more: str) -> int:
                request = session.post(up.url(path), data=io.BytesIO(data), headers={**signed(data), **more})
                async with request as response:
                    text = await response.text()
                    assert list(json.loads(text)) == ["error"] or response.status == 200, text
                    assert "\n" not in text
                    return response.status

            assert await post(b"{}", **{"X-Hub-Signature-256": ""}) == 401
            assert await post(b"{}", **{"X-Hub-Signature-256": f"sha256={'0' * 64}"}) == 401
            assert await post(deep, **{"X-Hub-Signature-256": ""}) == 401, "who it is comes first"
            assert await post(deep) == 400
            assert await post(b"not json") == 400
            assert await post(b"") == 400
            assert await post(b'{"a": "\xff"}') in (200, 400)
            assert await post(b"{}", path="/nope") == 404
            assert await post(b"{}", path="/push/../push") in (200, 404)
            assert await post(b"{}", **{"Content-Encoding": "gzip"}) == 415
            assert await post(b"x" * 2_000_000) == 413
            assert (
                await raw(up, b"POST /push HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 999)
                == 413
            )
            assert await raw(up, b"POST /push HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n") == 400
            assert await raw(up, b"\x16\x03\x01 this is no HTTP\r\n\r\n") == 400
            assert await raw(up, b"GET /push HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000 + b"\r\n\r\n") == 400

            honest = read_sample("github", "push").encode()
            assert await post(honest) == 200
            eventually(lambda: [w["metadata"]["generateName"] for w in up.workflows()] == ["rocket-ci-"])
            await asyncio.wait_for(closed, 15)
        assert up.process.poll() is None
        assert "restart" not in up.log
        assert "Traceback" not in up.log
        assert (await aiohttp_get(up.url("/health"))) == 200
        assert (await aiohttp_get(f"{up.admin}/readyz")) == 200


def signed(body: bytes) -> dict[str, str]:
    signature = "sha256=" + hmac.new(b"open-sesame", body, "sha256").hexdigest()
    return {"X-GitHub-Event": "push", "Content-Type": "application/json", "X-Hub-Signature-256": signature}


async def raw(up: RunningUp, request: bytes) -> int:
    """The status of the answer to these bytes, which may come before they are all read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", up.ports[0])
    try:
        writer.write(request)
        line = await asyncio.wait_for(reader.readline(), 30)
        return int(line.split()[1])
    finally:
        writer.close()


@asynccontextmanager
async def slow_headers(up: RunningUp) -> AsyncIterator[asyncio.Task[bytes]]:
    """A connection whose headers never end; the task is done when the server has hung up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", up.ports[0])
    writer.write(b"POST /push HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    closed = asyncio.create_task(reader.read(-1))
    try:
        yield closed
    finally:
        writer.close()
        await asyncio.gather(closed, return_exceptions=True)


async def aiohttp_get(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("command", [("crds",), ("lint", str(EXAMPLE)), ("send", "github", "push", "--print")])
def test_a_full_disk_behind_the_output_is_an_error_of_one_line(command: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "events", *command],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "error: No space left on device\n")
