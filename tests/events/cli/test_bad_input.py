"""Bad input gives one clear sentence and exit 2 at start, or the right status: never a traceback, never a dead process."""

from __future__ import annotations

import io
import socket
from pathlib import Path

import aiohttp
import pytest

from tests.support.up import ROOT, free_port, moved, pointsman, running

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
        ("argoWorkflow:", "argoWorkfow:", "argoWorkflow"),
        ("github:\n    push", "gitbub:\n    push", "gitbub"),
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

    assert sentence in said
    assert "manifests.yaml" in said


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "nowhere.yaml: error: no such file or folder" in refused(tmp_path, "nowhere.yaml")


def test_files_without_anything_to_run(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n")
    assert "no EventSource and no Sensor" in refused(tmp_path, "pod.yaml")


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        path = tmp_path / "manifests.yaml"
        path.write_text(EXAMPLE.read_text().replace('"12000"', f'"{port}"'))

        assert f"port {port} is in use" in refused(tmp_path, str(path))


def test_a_state_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    assert "state folder" in refused(tmp_path, str(manifest(tmp_path)))


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
    assert "no cluster" in refused(tmp_path, str(manifest(tmp_path)), "--kube")


def test_a_secret_of_the_command_line_is_not_repeated(tmp_path: Path) -> None:
    said = refused(tmp_path, str(manifest(tmp_path)), "--secret", "hunter2")
    assert "name/key=value" in said
    assert "hunter2" not in said


async def test_hostile_requests_get_their_status_and_the_next_honest_one_works(tmp_path: Path) -> None:
    moved(EXAMPLE.parent, tmp_path / "manifests")
    with running(tmp_path / "manifests", folder=tmp_path) as up:
        headers = {"X-GitHub-Event": "push", "Content-Type": "application/json"}
        async with aiohttp.ClientSession() as session:

            async def post(data: bytes, path: str = "/push", **more: str) -> int:
                async with session.post(up.url(path), data=io.BytesIO(data), headers={**headers, **more}) as response:
                    text = await response.text()
                    assert "Traceback" not in text
                    return response.status

            assert await post(b"{}") == 401
            assert await post(b"{}", "/nope") == 404
            assert await post(b"{}", **{"Content-Encoding": "gzip"}) in (401, 415)
            assert await post(b"x" * 2_000_000) == 413
            assert await post(b"[" * 10_000 + b"]" * 10_000) == 401  # who it is comes first
        assert up.process.poll() is None
        assert (await aiohttp_get(up.url("/health"))) == 200
        assert (await aiohttp_get(f"{up.admin}/readyz")) == 200


async def aiohttp_get(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status
