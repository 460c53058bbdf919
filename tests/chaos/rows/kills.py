"""Random SIGKILL, SIGSTOP and SIGTERM of source, bus, sensor, target and ``up`` itself, while events come in all the time."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from tests.chaos import checker, journal
from tests.chaos.bench import Bench, Run, bench
from tests.chaos.faults import PARTS, Striker, met
from tests.chaos.generator import names
from tests.chaos.journal import Record
from tests.chaos.report import Report


@dataclass(frozen=True)
class Size:
    kills: int
    rate: float = 200.0
    longest_stop: float = 6.0
    parts: tuple[str, ...] = PARTS
    delay: float = 0.05
    """Seconds that the target takes for a create, so that most strikes meet some under way; a real API server takes its own time."""


TIERS = {"short": Size(8), "nightly": Size(200, longest_stop=20.0)}


async def run(size: Size, run: Run) -> Report:
    return await strike(size, run, bench(run))


async def strike(size: Size, run: Run, opened: AbstractAsyncContextManager[Bench]) -> Report:
    """Events come in all the time, and parts of what is ``opened`` are struck until enough strikes have met some under way."""
    report = run.report()
    kills, rate = run.kills or size.kills, run.rate or size.rate
    strikes_file = run.folder / "strikes.jsonl"
    async with opened as b, Striker(b, strikes_file, longest_stop=size.longest_stop, parts=size.parts) as striker:
        if not run.kube:
            b.target.be(delay=size.delay)
        enough = asyncio.Event()
        ids = itertools.takewhile(lambda _: not enough.is_set(), names("push", 10**9))
        sending = asyncio.create_task(b.generator.stream(ids, rate, run.rng))
        began = asyncio.get_running_loop().time()
        counted: list[Record] = []
        while len(counted) < kills or asyncio.get_running_loop().time() - began < (run.seconds or 0):
            for _ in range(max(1, kills - len(counted))):
                await striker.strike()
            counted = met(journal.read(striker.path), b.told(), b.taken())
        enough.set()
        await sending
        # Every sender sends once more what got no answer, as a person at the Git server would.
        told = b.told()
        await b.generator.send_all(sorted({r["id"] for r in told} - checker.accepted(told).keys()))
        strikes = journal.read(striker.path)
        report.figures["kills"] = len(strikes)
        report.figures["kills_with_events_in_flight"] = len(counted)
        report.figures["of"] = dict(Counter(f"{s['kind']} {s['part']}" for s in counted))
        await b.check(report, seconds=120)
    return report
