"""Counters survive kill -9 and are added up once."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from eventbus.counts import Counts, read_counts
from tests.support.up import ROOT

CHILD = """
import os, sys, signal
from pathlib import Path
from eventbus.counts import Counts
counts = Counts(Path(sys.argv[1]), lambda found: None)
for _ in range(int(sys.argv[2])):
    counts.cell(("a", "b")).add()
print("counted", flush=True)
signal.pause()
"""


def count(folder: Path, number: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", CHILD, str(folder), str(number)]
    child = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"counted\n"
    return child


def kill(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGKILL)
    child.communicate()


def test_what_killed_processes_counted_is_there_and_counts_once(tmp_path: Path) -> None:
    for number in (3, 4):
        kill(count(tmp_path, number))
    for _ in range(2):
        assert Counts(tmp_path, lambda found: None).before() == {("a", "b"): 7}
    assert read_counts(tmp_path) == {("a", "b"): 7}


def test_a_process_that_runs_is_read_and_not_taken_in(tmp_path: Path) -> None:
    child = count(tmp_path, 5)
    try:
        assert Counts(tmp_path, lambda found: None).before() == {}
        assert read_counts(tmp_path) == {("a", "b"): 5}
    finally:
        kill(child)
    assert Counts(tmp_path, lambda found: None).before() == {("a", "b"): 5}


def test_a_total_that_was_written_before_its_file_went_counts_once(tmp_path: Path) -> None:
    kill(count(tmp_path, 5))
    [left] = tmp_path.glob("*.counts")
    content = left.read_bytes()
    assert Counts(tmp_path, lambda found: None).before() == {("a", "b"): 5}
    left.write_bytes(content)  # as if the process had ended between the two
    assert Counts(tmp_path, lambda found: None).before() == {("a", "b"): 5}
    assert not left.exists()


def test_what_an_ended_process_was_at_is_brought_in_order(tmp_path: Path) -> None:
    def mend(found: Counter[tuple[str, ...]]) -> None:
        found["mended",] = found["a", "b"]

    kill(count(tmp_path, 2))
    assert Counts(tmp_path, mend).before() == {("a", "b"): 2, ("mended",): 2}


def test_names_that_do_not_fit_are_counted_in_memory(tmp_path: Path) -> None:
    counts = Counts(tmp_path, lambda found: None)
    counts.cell(("x" * 2000,)).add()
    counts.cell(("y",)).add()
    assert read_counts(tmp_path) == {("y",): 1}


def test_a_full_disk_costs_figures_and_not_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that maps a file on a full disk must not be written to: SIGBUS."""
    counts = Counts(tmp_path, lambda found: None)
    counts.cell(("before",)).add()

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    used = range(200)
    for number in used:
        counts.cell((f"{number}",)).add()
    assert (tmp_path / counts._name).stat().st_blocks * 512 < 1 << 20
    kept = read_counts(tmp_path)
    assert kept["before",] == 1
    assert 10 < len(kept) < len(used), "those for which there was room before"
    monkeypatch.undo()
    counts.cell(("after",)).add()
    assert read_counts(tmp_path)["after",] == 1
