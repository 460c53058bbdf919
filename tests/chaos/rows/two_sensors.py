"""Two sensor processes serve one consumer; one is stopped for 20 s with events in its hands, which the other gets meanwhile. When it
goes on, it submits and acknowledges what is no longer its own: still one Workflow for each event.

The two have ledgers of their own, so only the name of the Workflow protects.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import time
from dataclasses import dataclass
from urllib.parse import quote

from tests.chaos import checker, manifests
from tests.chaos.bench import Bench, Run, bench
from tests.chaos.generator import names
from tests.chaos.report import Report
from tests.chaos.system import SHORT_WAITS, Up, signal_to


@dataclass(frozen=True)
class Size:
    rounds: int
    stopped: float = 20.0
    rate: float = 100.0


TIERS = {"short": Size(5), "nightly": Size(100)}


async def run(size: Size, run: Run) -> Report:
    report = run.report()
    async with bench(run) as b:
        b.target.be(delay=0.3)  # so that both always have something in their hands
        second = _second(b)
        try:
            await second.started()
            enough = asyncio.Event()
            ids = itertools.takewhile(lambda _: not enough.is_set(), names("push", 10**9))
            sending = asyncio.create_task(b.generator.stream(ids, run.rate or size.rate, run.rng))
            met = 0
            for number in range(size.rounds):
                await asyncio.sleep(run.rng.uniform(1.0, 2.0))
                pid = (b.up, second)[number % 2].child("sensor")
                moment = time.time_ns()
                signal_to(pid, signal.SIGSTOP)
                await asyncio.sleep(size.stopped)
                signal_to(pid, signal.SIGCONT)
                met += checker.in_flight(b.told(), b.taken(), moment, of_source=False) > 0
            enough.set()
            await sending
            await b.settled(60)
            report.figures |= {"rounds": size.rounds, "stopped_with_events_in_flight": met}
            report.expect(met == size.rounds, f"only {met} of {size.rounds} stops met events in flight")
            report.expect(await second.stop() == 0, "the second up did not end well")
            await _check(report, b, second)
        finally:
            second.kill()
    return report


def _second(b: Bench) -> Up:
    """Another ``up`` with the same sensor, on the bus of the first."""
    address = json.loads((b.up.state / "up.json").read_text())["buses"][0][2]
    url = address["url"].replace("nats://", f"nats://{quote(address['user'])}:{quote(address['password'])}@")
    second = Up(
        b.run.folder / "second", "--nats", url, "--log-format", "json", "--log-level", "warning",
        kubeconfig=b.target.kubeconfig, patches=[*SHORT_WAITS, *b.run.plants],
    )  # fmt: skip
    manifests.write(second.manifests, [m for m in manifests.pushes(0) if m["kind"] != "EventSource"])
    return second


async def _check(report: Report, b: Bench, second: Up) -> None:
    status = await b.up.stop()
    report.expect(status == 0, f"up ended with {status}")
    both = (b.up, second)
    findings = checker.check(
        b.told(), b.taken(), [e for up in both for e in up.events()], [o for up in both for o in up.outcomes()]
    )
    report.figures |= findings.figures()
    report.failures += findings.failures()
    shares = [sum(1 for o in up.outcomes() if o["outcome"] == "submitted") for up in both]
    report.figures["submitted_by_each"] = shares
    report.expect(min(shares) > 0, f"one of the two did nothing: {shares}")
