"""The target creates the Workflow, and then its answer is cut, comes too late, or says 500: the same create must be repeated, once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tests.chaos.bench import Run, bench
from tests.chaos.generator import names
from tests.chaos.report import Report

FAULTS = ["cut", "hang", "error"]


@dataclass(frozen=True)
class Size:
    answers: int


TIERS = {"short": Size(50), "nightly": Size(1_000)}


async def run(size: Size, run: Run) -> Report:
    report = run.report()
    async with bench(run) as b:
        b.target.be(faults=FAULTS, seed=run.seed)
        await b.generator.stream(names("push", size.answers, odd=0), run.rate or 50.0, run.rng)
        await b.check(report, seconds=120)
        taken = b.taken()
        faults = Counter(r["fault"] for r in taken if r["what"] == "created")
        report.figures["ambiguous_answers"] = dict(faults)
        report.figures["repeated_creates"] = sum(1 for r in taken if r["what"] == "conflict")
        report.expect(
            sum(faults.values()) == size.answers and not faults[""], f"not every answer was ambiguous: {faults}"
        )
        report.expect(report.figures["repeated_creates"] >= size.answers, "not every create was repeated")
    return report
