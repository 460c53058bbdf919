"""One disk for everything, the log included, is full: deliveries are refused in words, and all goes on when there is space again."""

from __future__ import annotations

import json
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.rows.disk_full import fill, small_disk
from tests.support.up import eventually, running
from tests.test_guarantees import child
from tests.test_poison import manifests


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    try:
        with small_disk(tmp_path / "disk", 80):
            yield tmp_path / "disk"
    except PermissionError:
        pytest.skip("a tmpfs cannot be mounted here")


def test_a_full_disk_refuses_deliveries_and_ends_nothing_for_good(disk: Path) -> None:
    port = manifests(disk / "manifests")
    accepted = 0

    def post() -> tuple[int, str | None]:
        nonlocal accepted
        data, headers = json.dumps({"n": 1}).encode(), {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{port}/push", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                accepted += 1
                return answer.status, None
        except urllib.error.HTTPError as error:
            return error.code, error.headers["Retry-After"]

    def killed(part: str) -> None:
        os.kill(child(up, part), signal.SIGKILL)
        eventually(lambda: child(up, part))

    with running(disk / "manifests", folder=disk) as up:
        assert post() == (200, None)
        eventually(lambda: len(up.workflows()) == 1)
        fill(disk)
        eventually(lambda: post() == (503, "10"))
        killed("source")
        eventually(lambda: post() == (503, "10"))
        killed("sensor")
        (disk / "ballast").unlink()
        eventually(lambda: post() == (200, None))
        eventually(lambda: len(up.workflows()) == accepted)
