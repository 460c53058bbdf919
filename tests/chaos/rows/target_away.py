"""The target refuses everything for a while: the memory of the sensors stays bounded, at most one probe a second, drained after its return."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tests.chaos.bench import Run, bench
from tests.chaos.generator import names
from tests.chaos.report import Report
from tests.chaos.system import resident

MEMORY = 256 << 20
"""Bytes that the sensor process may have."""
NOTICING = 5.0
"""Seconds until attempts have become probes."""


@dataclass(frozen=True)
class Size:
    seconds: float
    rate: float = 100.0


TIERS = {"short": Size(60.0), "nightly": Size(600.0)}


async def run(size: Size, run: Run) -> Report:
    report = run.report()
    seconds, rate = run.seconds or size.seconds, run.rate or size.rate
    # The product's own waits: how often it asks is what is measured.
    async with bench(run, patches=("restart_pause=0.2",)) as b:
        await b.generator.send("before")
        b.target.be("away")
        await b.generator.stream(names("push", int(rate * seconds)), rate, run.rng)
        memory = resident(b.up.child("sensor"))
        began = next(r["t"] for r in b.taken() if r["what"] == "chaos")
        probes = [r["t"] for r in b.taken() if r["what"] == "probed" and r["t"] > began + NOTICING * 1e9]
        b.target.be("well")
        settled = await b.settled(150, quiet=0)
        report.figures |= {
            "probes_a_second": round(len(probes) / (seconds - NOTICING), 2),
            "memory_mb": memory >> 20,
            "drained_after_seconds": round(settled, 1),
        }
        report.expect(len(probes) <= seconds - NOTICING + 1, f"{len(probes)} probes in {seconds - NOTICING:.0f} s")
        report.expect(memory <= MEMORY, f"the sensors had {memory >> 20} MB")
        report.expect(settled <= 120, f"drained only after {settled:.0f} s")
        await asyncio.sleep(1)
        await b.check(report, seconds=30)
    return report
