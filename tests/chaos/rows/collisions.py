"""The name of a Workflow is taken by that of another event: that is a dead letter with the server's words, never a success."""

from __future__ import annotations

from dataclasses import dataclass

from tests.chaos import checker
from tests.chaos.bench import Run, bench
from tests.chaos.generator import names
from tests.chaos.report import Report
from tests.chaos.system import until


@dataclass(frozen=True)
class Size:
    events: int


TIERS = {"short": Size(20), "nightly": Size(1_000)}


async def run(size: Size, run: Run) -> Report:
    report = run.report()
    async with bench(run) as b:
        b.target.be(faults=["taken"])
        await b.generator.stream(names("push", size.events, odd=0), run.rate or 50.0, run.rng)
        await until(lambda: len(b.up.outcomes()) >= size.events, 30, "every event has an outcome")
        letters = b.up.get("deadletters")
        report.expect(await b.up.stop() == 0, "up did not end well")
        findings = checker.check(b.told(), b.taken(), b.up.events(), b.up.outcomes())
    report.figures |= findings.figures() | {"words": sorted({letter["detail"] for letter in letters})[:1]}
    report.expect(len(findings.dead) == size.events, f"{len(findings.dead)} of {size.events} became dead letters")
    report.expect(len(letters) == size.events, f"{len(letters)} dead letters are shown")
    report.expect(all("already exists" in letter["detail"] for letter in letters), "the server's words are lost")
    return report
