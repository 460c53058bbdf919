"""The bus hangs, and then it is dead: every delivery is answered 202 within a second, and all of it arrives
after its return, although the process that kept it is killed as well."""

from __future__ import annotations

import asyncio
import itertools
import signal
import time
from dataclasses import dataclass

from tests.chaos.bench import Run, bench
from tests.chaos.generator import names
from tests.chaos.report import Report, percentile
from tests.chaos.system import signal_to

PATIENCE = 1.0
"""Seconds in which each answer must be there."""

HANGING = 15.0
"""Seconds after which a bus that hangs is dead: ``up`` would end it soon, and start another."""


@dataclass(frozen=True)
class Size:
    seconds: float
    rate: float = 100.0


TIERS = {"short": Size(30.0), "nightly": Size(1800.0)}


async def run(size: Size, run: Run) -> Report:
    report = run.report()
    seconds = run.seconds or size.seconds
    async with bench(run) as b:
        over = asyncio.Event()
        ids = itertools.takewhile(lambda _: not over.is_set(), names("push", 10**9))
        sending = asyncio.create_task(b.generator.stream(ids, run.rate or size.rate, run.rng))
        await asyncio.sleep(2.0)
        bus, parent, left = b.up.child("bus"), b.up.pid, time.time_ns()
        signal_to(bus, signal.SIGSTOP)
        hanging = min(seconds / 2, HANGING)
        await asyncio.sleep(hanging)
        signal_to(parent, signal.SIGSTOP)  # which would start it again
        signal_to(bus, signal.SIGKILL)
        await asyncio.sleep(seconds - hanging)
        returned = time.time_ns()
        away = [r for r in b.told() if r["what"] == "answered" and left + 10**9 < r["t"] < returned]
        signal_to(b.up.child("source"), signal.SIGKILL)  # another must adopt what this one kept
        signal_to(parent, signal.SIGCONT)
        await asyncio.sleep(3.0)
        over.set()
        await sending
        slowest = [r["seconds"] for r in b.told() if r["what"] == "answered" and r["t"] < returned]
        report.figures |= {
            "answers_while_away": len(away),
            "p99_ms": round(1e3 * percentile([r["seconds"] for r in away], 0.99)),
            "slowest_ms": round(1e3 * max(slowest)),
        }
        report.expect(
            len(away) > 0.8 * (seconds - 1.0) * (run.rate or size.rate),
            f"only {len(away)} answers while the bus was away",
        )
        report.expect(
            all(r["status"] == 202 for r in away), f"{sum(r['status'] != 202 for r in away)} answers were no 202"
        )
        report.expect(max(slowest) <= PATIENCE, f"the slowest answer took {max(slowest):.2f} s")
        await b.check(report, seconds=max(60.0, seconds / 3))
    return report
