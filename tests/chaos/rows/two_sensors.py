"""Several sensor processes serve one consumer; one is stopped for 20 s with events in its hands, which another gets meanwhile. When it
goes on, it submits and acknowledges what is no longer its own: still one Workflow for each event.

They have ledgers of their own, so only the name of the Workflow protects. Rounds overlap, but one process always runs.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import quote

from tests.chaos import checker, manifests
from tests.chaos.bench import Bench, Run, bench
from tests.chaos.generator import names
from tests.chaos.report import Report, bound
from tests.chaos.system import SHORT_WAITS, Up, signal_to


@dataclass(frozen=True)
class Size:
    rounds: int
    stopped: float = 20.0
    rate: float = 100.0


TIERS = {"short": Size(5), "nightly": Size(100)}


async def run(size: Size, run: Run) -> Report:
    report = run.report()
    async with bench(run) as b, AsyncExitStack() as stack:
        b.target.be(delay=0.3)  # so that each always has something in its hands
        ups = [b.up, *(_another(b, name) for name in ("second", "third"))]
        for up in ups[1:]:
            stack.callback(up.kill)
        await asyncio.gather(*(up.started() for up in ups[1:]))
        enough = asyncio.Event()
        ids = itertools.takewhile(lambda _: not enough.is_set(), names("push", 10**9))
        sending = asyncio.create_task(b.generator.stream(ids, run.rate or size.rate, run.rng))
        stops = []
        for number in range(size.rounds):  # at each time one of them is not stopped
            await asyncio.sleep(size.stopped / 2 + run.rng.uniform(0.5, 1.0) if number else 1.0)
            stops.append(asyncio.create_task(_stop(b, ups[number % 3].child("sensor"), size.stopped)))
        met = [await stop for stop in stops]
        enough.set()
        await sending
        await b.settled(60)
        report.figures |= {"rounds": size.rounds, "stopped_with_events_in_flight": sum(met)}
        report.expect(all(met), f"only {sum(met)} of {size.rounds} stops met events in flight")
        for up in reversed(ups):
            report.expect(await up.stop() == 0, "an up did not end well")
        _check(report, b, ups)
    return report


async def _stop(b: Bench, pid: int, seconds: float) -> bool:
    """Stop this process for a while; whether events were under way."""
    moment = time.time_ns()
    signal_to(pid, signal.SIGSTOP)
    await asyncio.sleep(seconds)
    signal_to(pid, signal.SIGCONT)
    return checker.in_flight(b.told(), b.taken(), moment, of_source=False) > 0


def _another(b: Bench, name: str) -> Up:
    """Another ``up`` with the same sensor, on the bus of the first."""
    address = json.loads((b.up.state / "up.json").read_text())["buses"][0][2]
    url = address["url"].replace("nats://", f"nats://{quote(address['user'])}:{quote(address['password'])}@")
    up = Up(
        b.run.folder / name, "--nats", url, "--log-format", "json", "--log-level", "warning",
        kubeconfig=b.target.kubeconfig, patches=[*SHORT_WAITS, *b.run.plants],
    )  # fmt: skip
    manifests.write(up.manifests, [m for m in manifests.pushes(0) if m["kind"] != "EventSource"])
    return up


def _check(report: Report, b: Bench, ups: list[Up]) -> None:
    events, outcomes = [e for up in ups for e in up.events()], [o for up in ups for o in up.outcomes()]
    findings = checker.check(b.told(), b.taken(), events, outcomes)
    report.figures |= findings.figures() | {"loss_rate": bound(len(findings.lost), findings.accepted)}
    report.failures += findings.failures()
    shares = [sum(1 for o in up.outcomes() if o["outcome"] == "submitted") for up in ups]
    report.figures["submitted_by_each"] = shares
    report.expect(min(shares) > 0, f"one of them did nothing: {shares}")
