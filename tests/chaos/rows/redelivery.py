"""Each event is delivered 2 to 10 times, shuffled, across kills and restarts, and after the bus itself has forgotten its id."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass

from tests.chaos.bench import Run, bench
from tests.chaos.faults import bring_back
from tests.chaos.generator import names
from tests.chaos.report import Report
from tests.chaos.system import SHORT_WAITS, signal_to

WINDOW = 2.0
"""Seconds for which the bus knows an id here; each pause is longer."""


@dataclass(frozen=True)
class Size:
    events: int


TIERS = {"short": Size(500), "nightly": Size(10_000)}


async def run(size: Size, run: Run) -> Report:
    report = run.report()
    deliveries = [name for name in names("event", size.events) for _ in range(run.rng.randint(2, 10))]
    run.rng.shuffle(deliveries)
    parts = ("", "bus", "sensor", "up", "restart", "source")
    share = -(-len(deliveries) // len(parts))
    async with bench(run, patches=[*SHORT_WAITS, f"dedupe_window={WINDOW:g}"]) as b:
        for number, part in enumerate(parts):
            if part == "restart":
                report.expect(await b.up.stop() == 0, "up did not end well")
                await b.up.started()
            elif part == "up":
                signal_to(b.up.pid, signal.SIGKILL)
                await bring_back(b)
            elif part:
                signal_to(b.up.child(part), signal.SIGKILL)
            await b.generator.send_all(deliveries[number * share : (number + 1) * share], connections=32)
            await asyncio.sleep(WINDOW * 1.5)
        answered = {r["id"] for r in b.told() if r.get("status") == 200}
        await b.generator.send_all(sorted(set(deliveries) - answered))  # those that met a kill each time
        findings = await b.check(report)
        report.figures["events"] = size.events
        fires = sum(1 for name in set(deliveries) if name.rpartition("-")[2].isdigit())
        report.expect(findings.submitted == fires, f"{findings.submitted} Workflows for {fires} events")
    return report
