"""Ctrl-C and SIGTERM under traffic: `up` ends well and soon, and what it answered 2xx is not lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.up import ROOT, eventually, moved, running
from tests.test_guarantees import deliver, delivered

SOON = 15


@pytest.mark.parametrize("ctrl_c", [True, False], ids=["Ctrl-C", "SIGTERM"])
async def test_it_ends_well_under_traffic_and_nothing_accepted_is_lost(ctrl_c: bool, tmp_path: Path) -> None:
    moved(ROOT / "examples" / "01-github-push", tmp_path / "manifests")
    (tmp_path / "up").mkdir()
    command = [sys.executable, "-P", "-m", "events", "up", "manifests", "--state", "up/state", "--admin-port", "0"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--log-level", "warning"], cwd=tmp_path, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    answered = set[str]()
    try:
        eventually(lambda: "Ready." in (tmp_path / "log").read_text())
        port = int((tmp_path / "log").read_text().partition("127.0.0.1:")[2].partition("/")[0])

        def ids() -> Iterator[str]:
            """For as long as it runs."""
            number = 0
            while process.poll() is None:
                yield f"d{number}"
                number += 1

        sending = asyncio.create_task(deliver(f"http://127.0.0.1:{port}/push", ids(), answered, connections=16))
        while len(answered) < 300:
            await asyncio.sleep(0.01)
        if ctrl_c:  # a terminal tells the whole group
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(SOON):
            statuses = await sending
        assert process.wait() == 0, (tmp_path / "log").read_text()
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)  # nothing of it is left
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    log_text = (tmp_path / "log").read_text()
    assert set(statuses.values()) <= {200, 503, 0}
    assert "Traceback" not in log_text
    assert "killed" not in log_text
    with running(tmp_path / "manifests", folder=tmp_path / "up") as up:
        eventually(lambda: answered <= set(delivered(up)))
        found = delivered(up)
        assert len(found) == len(set(found))
