"""Crash points: which ones there are, and when one fires."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from events import crashpoints

ROOT = Path(crashpoints.__file__).parents[1]


def run(wanted: str, passages: str, once: Path | None = None) -> tuple[int, str]:
    """Pass points in a process of its own; its status, and the points that it came to."""
    code = f"""
import sys
from events.crashpoints import crash_at
for name, subject in {passages}:
    crash_at(name, subject)
    print(name, end=" ", flush=True)
"""
    environment = {"PYTHONPATH": str(ROOT), crashpoints.VARIABLE: wanted, crashpoints.ONCE: str(once or "")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


TWICE = "[('ack.before', 'a'), ('ack.after', b'b'), ('ack.before', 'c')]"


@pytest.mark.parametrize(
    ("wanted", "status", "passed"),
    [
        ("", 0, "ack.before ack.after ack.before "),
        ("ack.before", 137, ""),
        ("ack.before:2", 137, "ack.before ack.after "),
        ("ack.before:3", 0, "ack.before ack.after ack.before "),
        ("ack.before=c", 137, "ack.before ack.after "),
        ("ack.before:9,ack.after=b", 137, "ack.before "),
        ("settle.before", 0, "ack.before ack.after ack.before "),
    ],
)
def test_the_named_passage_ends_the_process(wanted: str, status: int, passed: str) -> None:
    assert run(wanted, TWICE) == (status, passed)


def test_a_point_that_fired_once_does_not_fire_again(tmp_path: Path) -> None:
    assert run("ack.after", TWICE, tmp_path) == (137, "ack.before ")
    assert run("ack.after", TWICE, tmp_path) == (0, "ack.before ack.after ack.before ")


def test_an_unknown_point_is_refused() -> None:
    status, words = run("no.such", TWICE)
    assert status == 1
    assert "'no.such' names no crash point" in words


def test_without_the_variable_there_is_nothing_to_do() -> None:
    assert crashpoints.armed("") is crashpoints._off


def test_every_point_has_its_place_and_every_place_a_point() -> None:
    files = [f for top in ("events", "eventbus", "eventsource", "sensor") for f in (ROOT / top).rglob("*.py")]
    calls = [call for f in files for call in re.findall(r"crash_at\(([^)]*)", f.read_text())]
    placed = {name for call in calls for name in re.findall(r'"([a-z_]+\.[a-z_]+)"', call)}
    assert placed == set(crashpoints.NAMES)
    assert len(placed) >= 40
