"""The disk of the bus is full, then that of the spool as well: 202, then 503; and both recover without a hand when there is space again.

Each has a small tmpfs of its own, so this needs the right to mount.
"""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.bench import Bench, Run, bench
from tests.chaos.generator import names
from tests.chaos.report import Report

PATIENCE = 60.0
"""Seconds until deliveries are accepted again when there is space."""


@dataclass(frozen=True)
class Size:
    rounds: int


TIERS = {"short": Size(1), "nightly": Size(10)}


async def run(size: Size, run: Run) -> Report:
    report = run.report()
    state = run.folder / "up" / "state"
    try:
        with ExitStack() as stack:
            for name, megabytes in (("bus", 64), ("spool", 16)):
                stack.enter_context(small_disk(state / name, megabytes))
            async with bench(run, "--spool-size", "8Mi", start=False) as b:
                await b.up.started()
                for number in range(size.rounds):
                    await _round(report, b, state, f"round{number}")
                report.figures["rounds"] = size.rounds
                await b.check(report, seconds=60)
    except PermissionError:
        report.skipped = "a tmpfs cannot be mounted here"
    return report


async def _round(report: Report, b: Bench, state: Path, name: str) -> None:
    async def send(part: str, count: int) -> Counter[int]:
        before = len(b.told())
        await b.generator.stream(names(f"{name}-{part}", count, odd=0), 50.0, b.run.rng)
        return Counter(r["status"] for r in b.told()[before:] if r["what"] == "answered")

    await send("before", 20)
    fill(state / "bus")
    statuses = await send("bus-full", 150)
    report.figures["bus_full"] = dict(statuses)
    report.expect(statuses.keys() <= {200, 202}, f"with a full bus: {statuses}")
    report.expect(statuses[202] > 0, "the disk of the bus was not full")
    fill(state / "spool")
    statuses = await send("both-full", 150)
    report.figures["both_full"] = dict(statuses)
    report.expect(statuses.keys() <= {200, 202, 503}, f"with both full: {statuses}")
    report.expect(statuses[503] > 75, f"with both full only {statuses[503]} answers were 503")
    report.expect(not await asyncio.to_thread(b.up.says_ready), "/readyz says 200 while deliveries are refused")
    for disk in ("bus", "spool"):
        (state / disk / "ballast").unlink()
    began = time.monotonic()
    while await b.generator.send(f"{name}-after-{time.monotonic()}") not in (200, 202):
        assert time.monotonic() - began < PATIENCE, "nothing is accepted though there is space"
        await asyncio.sleep(0.2)
    report.figures["accepted_again_after_seconds"] = round(time.monotonic() - began, 1)
    while await b.generator.send(f"{name}-stored-{time.monotonic()}") != 200:
        assert time.monotonic() - began < PATIENCE, "the bus stores nothing though there is space"
        await asyncio.sleep(0.2)
    report.figures["stored_again_after_seconds"] = round(time.monotonic() - began, 1)
    report.expect(await asyncio.to_thread(b.up.says_ready), "/readyz says 503 though deliveries are stored again")


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A file system of so many MB at this folder. Raises PermissionError when that is not allowed here."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "pointsman-chaos", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        raise PermissionError
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Leave no byte."""
    with (folder / "ballast").open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
