"""``pointsman demo`` as a user runs it: a process, its output, its exit code, and what it leaves behind."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import yaml

from tests.support.up import ROOT, eventually, pointsman


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, of this test alone."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@contextmanager
def demo(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """The demo as a child with its output in a file."""
    output = folder / "output"
    command = [sys.executable, "-P", "-m", "events", "demo", *arguments]
    with output.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=out, stderr=out
        )
    try:
        yield process, output
    finally:
        process.kill()
        process.wait()


def test_once_tells_the_story_and_leaves_nothing_behind(tmp_path: Path, temporary: Path) -> None:
    done = pointsman("demo", "--once", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    story, _, workflow = done.stdout.partition("The Workflow that was submitted\n")
    chapters = re.split(r"\n\n(?=[A-Z])", story)
    signed, again, forged = chapters[1:4]
    assert re.search(r"convert +event [0-9a-f]{32} \(type github, name push\)", signed)
    assert re.search(r"publish +stored on the bus as message 1, then answered 200", signed)
    assert re.search(r"filter +dependency push passed: .*body\.ref is refs/heads/main", signed)
    assert re.search(r"publish +200, known already \(duplicate\); still one Workflow", again)
    assert re.search(r"verify +401 Unauthorized: .*nothing was stored, nothing started", forged)
    name = re.search(r"submit +created Workflow/default/(\S+)", signed)
    told = yaml.safe_load(workflow)
    assert name
    assert (told["kind"], told["metadata"]["name"]) == ("Workflow", name[1])
    assert told["spec"]["workflowTemplateRef"] == {"name": "ci"}
    assert list(temporary.iterdir()) == []
    assert [p for p in tmp_path.iterdir() if p != temporary] == []


def test_it_stays_up_for_more_until_ctrl_c(tmp_path: Path, temporary: Path) -> None:
    with demo(tmp_path) as (process, output):
        eventually(lambda: "get workflows" in output.read_text() or process.poll() is not None)
        commands = output.read_text().partition("Running until Ctrl-C")[2].splitlines()[1:]
        answers = [_run(line, tmp_path) for line in commands]
        process.send_signal(signal.SIGINT)

        assert process.wait(20) == 0
        assert "Traceback" not in output.read_text()
    push, other, events, workflows = answers
    assert [push[:6], other[:6]] == ["200 OK", "200 OK"]
    assert events.count("submitted") >= 1
    assert yaml.safe_load(workflows)["kind"] == "List"
    assert list(temporary.iterdir()) == []


def _run(line: str, folder: Path) -> str:
    """What a command that the demo told prints."""
    words = shlex.split(line)
    assert words[:3] == [sys.executable, "-m", "events"], "no such program on the PATH, so it is called as it was"
    done = pointsman(*words[3:], cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
def test_it_can_be_ended_half_way(number: signal.Signals, tmp_path: Path, temporary: Path) -> None:
    with demo(tmp_path) as (process, output):
        eventually(lambda: "Starting" in output.read_text())
        process.send_signal(number)

        assert process.wait(20) == 130
        assert "Traceback" not in output.read_text()
    assert list(temporary.iterdir()) == []


def test_a_port_in_use_is_told_and_another_taken(tmp_path: Path) -> None:
    with ExitStack() as stack:
        with suppress(OSError):  # when somebody else has it, that will do
            stack.enter_context(socket.create_server(("127.0.0.1", 12000)))
        done = pointsman("demo", "--once", cwd=tmp_path)

    assert done.returncode == 0
    told = re.search(r"Port 12000 is in use by another program, so the webhook is on port (\d+)\.", done.stdout)
    assert told
    assert f"http://127.0.0.1:{told[1]}/push" in done.stdout


def test_two_that_start_at_once_do_not_get_in_each_others_way(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    with demo(tmp_path / "a", "--once") as (one, first), demo(tmp_path / "b", "--once") as (two, second):
        assert (one.wait(60), two.wait(60)) == (0, 0), first.read_text() + second.read_text()


def test_a_port_that_was_asked_for_is_not_replaced(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = pointsman("demo", "--once", "--port", str(port), cwd=tmp_path)

    assert done.returncode == 1
    assert done.stderr == f"error: port {port} cannot be opened: Address already in use (choose another with --port)\n"


def test_a_state_folder_that_was_asked_for_is_kept(tmp_path: Path) -> None:
    assert pointsman("demo", "--once", "--state", "kept", cwd=tmp_path).returncode == 0
    assert pointsman("demo", "--once", "--state", "kept", cwd=tmp_path).returncode == 0

    listed = pointsman("get", "workflows", "--no-headers", "--state", "kept", cwd=tmp_path)
    assert len(listed.stdout.splitlines()) == 2


def test_a_state_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = pointsman("demo", "--once", "--state", "file", cwd=tmp_path)

    assert done.returncode == 1
    assert done.stderr.startswith("error: the state folder file cannot be ")
    assert "Traceback" not in done.stderr
