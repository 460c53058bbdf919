"""Told to end while it starts, nothing to run, and a process that gives no answer: `up` says so in words, and ends well."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from events.cli import main
from tests.support.up import ROOT, RunningUp, eventually, moved, up

__all__ = ["up"]

NOTHING = """
apiVersion: argoproj.io/v1alpha1
kind: EventSource
metadata: {name: empty}
spec: {}
"""


def fetch(url: str) -> tuple[int, str]:
    """Status and text."""
    try:
        with urllib.request.urlopen(url, timeout=8) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def children(pid: int, role: str) -> list[int]:
    """Our processes of a role, started by this one."""
    found = []
    for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        words = Path(f"/proc/{each}/cmdline").read_bytes().split(b"\0")
        if b"events.cli.worker" in words and role.encode() in words:
            found.append(int(each))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells of children")
@pytest.mark.parametrize(
    ("number", "later"),
    [(signal.SIGINT, 0.0), (signal.SIGINT, 0.4), (signal.SIGTERM, 0.1), (signal.SIGHUP, 0.0)],
    ids=["Ctrl-C", "Ctrl-C later", "SIGTERM", "SIGHUP"],
)
def test_a_signal_to_all_while_the_first_child_starts_ends_it_well(
    number: signal.Signals, later: float, tmp_path: Path
) -> None:
    moved(ROOT / "examples" / "01-github-push", tmp_path / "manifests")
    command = [sys.executable, "-P", "-m", "events", "up", "manifests", "--state", "state", "--admin-port", "0"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    try:
        eventually(lambda: children(process.pid, "sensor"))
        time.sleep(later)
        os.killpg(process.pid, number)
        assert process.wait(15) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    text = (tmp_path / "log").read_text()
    assert "Stopping" in text
    assert "Traceback" not in text
    assert "error" not in text
    assert "no bus at" not in text
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_ctrl_c_before_anything_runs_is_told_in_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main.importlib, "import_module", interrupted)
    monkeypatch.setattr(sys, "argv", ["pointsman", "up", "manifests"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 130
    assert capsys.readouterr().err.strip() == "Interrupted."


def test_manifests_without_events_run_and_it_says_that_nothing_is_served(
    up: Callable[..., RunningUp], tmp_path: Path
) -> None:
    (tmp_path / "empty.yaml").write_text(NOTHING)
    one = up(tmp_path / "empty.yaml")
    assert "nothing is served" in one.log
    (sensor,) = children(one.process.pid, "sensor")
    time.sleep(0.5)
    assert children(one.process.pid, "sensor") == [sensor]
    assert fetch(f"{one.admin}/readyz") == (200, "ok\n")
    assert "started again" not in one.log


def test_metrics_of_all_processes_are_one_text_with_each_family_and_series_once(
    up: Callable[..., RunningUp], tmp_path: Path
) -> None:
    moved(ROOT / "examples" / "01-github-push", tmp_path / "manifests")
    text = fetch(f"{up(tmp_path / 'manifests').admin}/metrics")[1]
    types = [line for line in text.splitlines() if line.startswith("# TYPE")]
    series = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(types) == len(set(types))
    assert len(series) == len(set(series))
    families = {family.name: family for family in text_string_to_metric_families(text)}
    for name in ("argo_events_action_triggered", "pointsman_outcomes", "pointsman_verdicts"):
        assert {sample.labels["namespace"] for sample in families[name].samples} == {"default"}
    assert families["argo_events_event_service_running_total"].samples[0].value > 0


@pytest.mark.parametrize("role", ["sensor", "source"])
def test_a_process_that_gives_no_answer_is_not_ready_and_does_not_hold_up_the_metrics(
    up: Callable[..., RunningUp], tmp_path: Path, role: str
) -> None:
    moved(ROOT / "examples" / "01-github-push", tmp_path / "manifests")
    one = up(tmp_path / "manifests")
    (pid,) = children(one.process.pid, role)
    os.kill(pid, signal.SIGSTOP)
    try:
        assert fetch(f"{one.admin}/readyz") == (503, f"the {role} process gives no answer\n")
        assert "pointsman_build_info" in fetch(f"{one.admin}/metrics")[1]
    finally:
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: fetch(f"{one.admin}/readyz")[0] == 200)
