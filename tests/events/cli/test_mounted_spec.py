"""A pod begins with the specification that it was made for, also when the kubelet mounts that late."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs

from events.cli.incluster import PodOptions
from events.cli.mounted_spec import WANTED, wait_for_spec
from tests.support.up import free_port
from tests.support.waiting import until

HOST = "127.0.0.1"


def pod(folder: Path, port: int = 0, **files: str) -> PodOptions:
    for name, text in files.items():
        (folder / name).write_text(text)
    return PodOptions(object=folder / "object.json", state=folder / "state", port=port, host=HOST)


@pytest.mark.parametrize(("wanted", "files"), [("", {}), ("", {"hash": "old"}), ("new", {"hash": "new\n"})])
async def test_nothing_is_waited_for_when_it_is_there_or_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, files: dict[str, str]
) -> None:
    monkeypatch.setenv(WANTED, wanted)

    with capture_logs() as lines:
        assert await wait_for_spec(pod(tmp_path, **files), asyncio.Event())

    assert lines == []


async def ready(port: int) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://{HOST}:{port}/readyz") as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("files", [{}, {"hash": "old"}])
async def test_a_pod_is_not_ready_until_its_specification_is_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]
) -> None:
    monkeypatch.setenv(WANTED, "new")
    port = free_port()

    with capture_logs() as lines:
        waiting = asyncio.create_task(wait_for_spec(pod(tmp_path, port, **files), asyncio.Event()))
        await until(lambda: lines)
        assert await ready(port) == (503, "the specification that this pod was made for is not mounted yet\n")
        (tmp_path / "hash").write_text("new")
        assert await waiting

    assert [line["event"].rpartition(": ")[2] for line in lines] == ["waiting for it"]


async def test_a_pod_of_an_older_specification_that_starts_again_runs_nevertheless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WANTED, "old")

    with capture_logs() as lines:
        assert await wait_for_spec(pod(tmp_path, hash="new"), asyncio.Event(), patience=0)

    assert "going on with what is" in lines[-1]["event"]


async def test_a_container_that_starts_again_waits_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WANTED, "mine")
    assert await wait_for_spec(pod(tmp_path, hash="mine"), asyncio.Event())

    with capture_logs() as lines:
        assert await wait_for_spec(pod(tmp_path, hash="newer"), asyncio.Event())

    assert lines == []


async def test_a_pod_that_is_told_to_end_does_not_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WANTED, "new")
    ended = asyncio.Event()
    ended.set()

    assert not await wait_for_spec(pod(tmp_path, hash="old"), ended)
