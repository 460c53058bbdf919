"""The sensors are away while events come in: nothing is dropped, all of it starts its Workflow once they are back."""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import dataclass

from tests.chaos.bench import Bench, Run, bench
from tests.chaos.generator import names
from tests.chaos.report import Report
from tests.chaos.system import signal_to


@dataclass(frozen=True)
class Size:
    events: int


TIERS = {"short": Size(20_000), "nightly": Size(1_000_000)}


async def run(size: Size, run: Run) -> Report:
    report = run.report()
    async with bench(run) as b:
        away = asyncio.create_task(_keep_away(b))
        began = time.monotonic()
        await b.generator.send_all(names("push", size.events, odd=100), connections=64)
        report.figures["events_a_second_in"] = round(size.events / (time.monotonic() - began))
        await asyncio.sleep(1.0)
        report.expect(len(b.taken()) < size.events / 10, "the sensors were not away")
        away.cancel()
        signal_to(b.up.child("sensor"), signal.SIGKILL)
        began = time.monotonic()
        await b.settled(60 + size.events / 100, quiet=0)
        report.figures["events_a_second_out"] = round(size.events / (time.monotonic() - began))
        await b.check(report, seconds=10)
    return report


async def _keep_away(b: Bench) -> None:
    """Stop the sensors; again when ``up``, which notices that they hang, has started them anew."""
    stopped = 0
    while True:
        pid = b.up.child("sensor")
        if pid != stopped and pid:
            signal_to(pid, signal.SIGSTOP)
            stopped = pid
        await asyncio.sleep(0.2)
