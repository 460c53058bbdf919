"""Each benchmark runs, at a size at which its figures say nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.up import ROOT

FOLDER = ROOT / "benchmarks"
SIZES = {
    "pipeline": [
        "--events",
        "100",
        "--warm-up",
        "5",
        "--rounds",
        "1",
        "--rate",
        "150",
        "--connections",
        "4",
        "-o",
        "json",
    ],
    "filters": ["--rounds", "1", "--json"],
    "hostile": ["--language", "conditions", "--json"],
    "bindings": ["--seconds", "0.01", "--posts", "10", "--connections", "2"],
    "controller": ["--sources", "1", "--sensors", "1", "--rest", "1"],
}
"""Program → arguments that make it short."""

NEEDS_KUBE = {"controller"}


def run(name: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(FOLDER / f"{name}.py"), *SIZES[name]],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip


def told(done: subprocess.CompletedProcess[str]) -> Any:
    """What it says as JSON. Exit code 1 says that a promise does not hold, which nobody can tell at this size."""
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return json.loads(done.stdout)


def test_each_program_has_a_size() -> None:
    programs = {file.stem for file in FOLDER.glob("*.py") if re.search(r"^def main\(", file.read_text(), re.MULTILINE)}
    assert programs == SIZES.keys()


def test_the_pipeline_is_measured() -> None:
    report = told(run("pipeline"))
    assert (report["sync"], report["rate"]) == ("always", 150.0)
    assert set(report["medians"]) == {"floor", "http", "store"}
    for figures in report["medians"].values():
        assert 0 < figures["events_in"] < 160  # as many as were wanted
        assert figures["answer_p99"] > 0


def test_filters_are_measured() -> None:
    assert {row["name"] for row in told(run("filters"))["rows"]} >= {"json.loads", "sensor with 100 log triggers"}


def test_hostile_programs_are_measured() -> None:
    assert told(run("hostile"))["cases"]


def test_bindings_are_measured() -> None:
    done = run("bindings")
    assert done.returncode == 0, done.stderr
    assert "through the endpoint" in done.stdout


@pytest.mark.kube
def test_the_controller_is_measured(tmp_path: Path) -> None:
    if "KUBEBUILDER_ASSETS" not in os.environ:
        pytest.skip("KUBEBUILDER_ASSETS is not set")
    done = run("controller")
    assert done.returncode == 0, done.stderr
