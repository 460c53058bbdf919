"""The processes end at each of the product's named crash points, in the middle of traffic; every point is proven to have been passed.

All points are armed at once, each for a passage drawn from the seed, and each fires once (``events.crashpoints``). While events come in,
errands lead the product past the rarer ones: a target that is away, a dead letter and its retry, edited manifests, a hold, a restart.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import signal
from dataclasses import dataclass
from pathlib import Path

from events import crashpoints
from tests.chaos import checker
from tests.chaos.bench import Bench, Run, bench
from tests.chaos.generator import FIRES, names
from tests.chaos.manifests import BUS, KEY, Manifest, http, log, sensor, source, workflow, write
from tests.chaos.report import Report, bound
from tests.chaos.system import SHORT_WAITS, signal_to, until
from tests.support.up import ROOT

LANES = range(3)
"""Pairs of events that are joined."""
AT_START = ("up.bus", "up.sensors", "up.sources", "up.running", "bind.", "forget.")
"""Points that each start passes; they have an ``up`` of their own, or every crash after them would begin with theirs."""
LEAST = 40
"""So many points must be hit."""
LATEST = 4
"""A point fires at one of its first so many passages in a process."""
LOOK = 15.0
"""Seconds without another point after which somebody looks, and retries what counts as poison: a set may wait for it."""
SELDOM = (
    "up.",
    "bind.",
    "drain.",
    "hold.",
    "forget.",
    "dlq.",
    "retry.",
    "park.",
    "tell.",
    "refused.",
    "deadletter.",
    "forward.",
    "publish.again",
)
"""Points that a process passes seldom: they fire at the first passage."""


ELSEWHERE = {"publish.again": "what publishes without a spool, as posted events do, comes here when the bus is lost"}
"""Points that no delivery passes."""


@dataclass(frozen=True)
class Size:
    seeds: int
    rate: float = 25.0
    patience: float = 90.0
    """Seconds in which at least one more point must be hit."""


TIERS = {"short": Size(1), "nightly": Size(25)}


async def run(size: Size, run: Run) -> Report:
    report = run.report()
    hits: set[str] = set()
    for number in range(size.seeds):
        part = Run(run.row, run.folder / str(number), run.seed + number, run.plants)
        found = part.report()
        async with asyncio.TaskGroup() as tasks:
            starts = tasks.create_task(_starts(part))
            rest = tasks.create_task(_round(size, part, found))
        hits |= starts.result() | rest.result()
        found.figures["crashes"] = len(starts.result()) + len(rest.result())
        report.take_in(found)
    report.figures["loss_rate"] = bound(report.figures["lost"], report.figures["accepted"])
    report.figures |= {"seeds": size.seeds, "points": len(placed()), "hit": len(hits)}
    report.expect(len(hits) >= LEAST, f"only {len(hits)} points were hit")
    report.expect(hits >= placed(), f"never hit: {', '.join(sorted(placed() - hits))}")
    return report


def placed() -> set[str]:
    """The points that stand in the product's source."""
    files = [f for package in ("events", "eventbus", "eventsource", "sensor") for f in (ROOT / package).rglob("*.py")]
    calls = [c for f in files for c in re.findall(r"crash_at\(([^)]*)", f.read_text())]
    found = {name for call in calls for name in re.findall(r'"([a-z_.]+)"', call)}
    return found & set(crashpoints.NAMES) - ELSEWHERE.keys()


def manifests(port: int, hook: str, interval: int = 0) -> list[Manifest]:
    """A bit of everything. Another ``interval`` is an edit that changes nothing that matters here."""
    refused = http("refused", "refuse", f"{hook}/refuse")
    refused |= {"atLeastOnce": True, "dlqTrigger": {**log("told"), "atLeastOnce": True}}
    note = {"template": {"name": "note", "log": {"intervalSeconds": interval}}}
    sides = [f"{side}{lane}" for lane in LANES for side in ("left", "right")]
    pairs = [
        sensor(f"pair{n}", [f"left{n}", f"right{n}"], [workflow("joined", f"left{n}", f"left{n} && right{n}")])
        for n in LANES
    ]
    return [
        BUS,
        KEY,
        source(port, ["push", "refuse", *sides]),
        sensor("ci", ["push"], [workflow("start", "push"), http("tell", "push", f"{hook}/tell"), note]),
        sensor("no", ["refuse"], [refused]),
        *pairs,
    ]


async def _starts(run: Run) -> set[str]:
    """One ``up`` that crashes at each point of its start until it has crashed at all of them, and then stays."""
    run = Run(run.row, run.folder / "starts", run.seed, run.plants)
    once = _once(run)
    async with bench(run, environment={crashpoints.ONCE: str(once)}, start=False, path="") as b:
        write(b.up.manifests, manifests(b.port, f"{b.target.url}/hook"))
        points = {name: 1 for name in sorted(placed()) if name.startswith(AT_START)}
        arm(b, points)

        def all_hit() -> bool:
            if not b.up.pid:
                b.up.start()
            return hit(once) >= points.keys()

        await until(all_hit, 120, "each point of the start is hit")
        del b.up.environment[crashpoints.VARIABLE]
        await b.up.stop()
        await b.up.started()
        assert await b.generator.send("push-0", path="/push") == 200
        await until(lambda: b.taken(), 60, "what is accepted starts its Workflow")
    return hit(once)


def _once(run: Run) -> Path:
    """Where each point that is hit leaves a file."""
    once = run.folder / "once"
    once.mkdir(parents=True)
    return once


async def _round(size: Size, run: Run, report: Report) -> set[str]:
    """One ``up`` that crashes at one point after the other until it has crashed at all of them; then everything must be there."""
    once = _once(run)
    wanted = {name for name in placed() if not name.startswith(AT_START)}
    counts = {name: 1 if name.startswith(SELDOM) else run.rng.randint(1, LATEST) for name in sorted(wanted)}
    environment = {crashpoints.ONCE: str(once)}
    patches = [*SHORT_WAITS, "ack_wait=2"]
    async with bench(run, "--watch", environment=environment, patches=patches, start=False, path="") as b:
        b.path = "/push"
        write(b.up.manifests, manifests(b.port, f"{b.target.url}/hook"))
        over = asyncio.Event()
        ids = itertools.takewhile(lambda _: not over.is_set(), names("push", 10**9))
        loop = asyncio.get_running_loop()
        arm(b, counts)
        work = [_keep_up(b, over), b.generator.stream(ids, size.rate, run.rng, path="/push")]
        tasks = [asyncio.create_task(each) for each in (*work, *(_pairs(b, over, lane) for lane in LANES))]
        known, since = hit(once), loop.time()
        looked = since
        try:
            while not over.is_set():
                for task in tasks:
                    assert not task.done(), f"a helper of the row ended: {task.exception()!r}"
                if hit(once) > known:
                    known, since = hit(once), loop.time()
                if known >= wanted or loop.time() - since > size.patience:
                    over.set()
                elif loop.time() - max(since, looked) > LOOK:
                    looked = loop.time()
                    await asyncio.to_thread(b.up.say, "retry", "--all", "--no-wait")
                elif _plain() <= known:
                    await _errands(b, once)
                await asyncio.sleep(0.2)
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await _come_to_rest(b)
        findings = await b.check(report)
        report.expect(findings.accepted > 100, "hardly anything was accepted")
        _check_others(report, b)
    return hit(once)


def arm(b: Bench, points: dict[str, int]) -> None:
    """From the next start of ``up`` on: each of these, at its so-many-th passage."""
    b.up.environment[crashpoints.VARIABLE] = ",".join(f"{name}:{count}" for name, count in points.items())


def hit(once: Path) -> set[str]:
    """The points at which a process has ended."""
    return {file.name for file in once.iterdir()}


def _plain() -> set[str]:
    """What traffic alone passes."""
    special = tuple(prefix for _, prefixes in ERRANDS for prefix in prefixes)
    return {name for name in placed() if not name.startswith((*AT_START, *special))}


async def _come_to_rest(b: Bench) -> None:
    """No more crashes. What got no answer is sent again, and what counts as poison (three ends in a row) is retried, as people do."""
    del b.up.environment[crashpoints.VARIABLE]
    b.target.be("well")
    await b.up.stop()
    await b.up.started()
    told = b.told()
    unanswered = {r["id"] for r in told if r["path"] == "/push"} - checker.accepted(told).keys()
    await b.generator.send_all(sorted(unanswered), path="/push")
    await asyncio.to_thread(b.up.say, "release", "sensor", "ci")
    await asyncio.sleep(3.0)
    await asyncio.to_thread(b.up.say, "retry", "--all")


async def _keep_up(b: Bench, over: asyncio.Event) -> None:
    """Start ``up`` again whenever it has ended, as an init system does."""
    while not over.is_set():
        if not b.up.pid:
            assert "in the manifests" not in b.up.log, b.up.log[-2000:]
            b.up.start()
        await asyncio.sleep(0.1)
    if not b.up.pid:
        b.up.start()
    await until(lambda: b.up.is_ready or not b.up.pid, 60, "up is ready or has ended")


async def _pairs(b: Bench, over: asyncio.Event, lane: int) -> None:
    """One set of two after the other."""
    for number in itertools.count():
        for side in (f"left{lane}", f"right{lane}"):
            while not 200 <= await b.generator.send(f"{side}-{number}", path=f"/{side}") < 300 and not over.is_set():
                await asyncio.sleep(0.2)
        # As long as it takes: the next event of a side would take the place of one that waits.
        while (f"right{lane}-{number}", "joined") not in checker.created(b.taken()):
            if over.is_set():
                return
            await asyncio.sleep(0.1)


async def _errands(b: Bench, once: Path) -> None:
    """What leads past the points that are not hit yet, one after the other."""
    for errand, points in ERRANDS:
        wanted = {name for name in placed() if name.startswith(points)}
        if not wanted <= hit(once):
            await until(lambda: b.up.pid and b.up.is_ready, 60, "up is ready")
            await errand(b)


async def _hang_the_bus(b: Bench) -> None:
    pid = b.up.child("bus")
    if pid and signal_to(pid, signal.SIGSTOP):
        await asyncio.sleep(1.5)
        signal_to(pid, signal.SIGCONT)
        await asyncio.sleep(1.0)


async def _be_away(b: Bench) -> None:
    b.target.be("away")
    await asyncio.sleep(1.5)
    b.target.be("well")
    await asyncio.sleep(1.5)


async def _be_slow(b: Bench) -> None:
    b.target.be("well", delay=0.8)
    await asyncio.sleep(2.0)
    b.target.be("well")


async def _refuse(b: Bench) -> None:
    await b.generator.send(f"refuse-{b.run.rng.random()}", FIRES, path="/refuse")
    await asyncio.sleep(1.5)
    await asyncio.to_thread(b.up.say, "retry", "--all", "--no-wait")
    await asyncio.sleep(1.5)


async def _hold(b: Bench) -> None:
    await asyncio.to_thread(b.up.say, "hold", "sensor", "ci")
    await asyncio.sleep(1.5)
    await asyncio.to_thread(b.up.say, "release", "sensor", "ci")


async def _edit(b: Bench) -> None:
    write(b.up.manifests, manifests(b.port, f"{b.target.url}/hook", b.run.rng.randint(1, 10**6)))
    await asyncio.sleep(4.0)


async def _restart(b: Bench) -> None:
    pid = b.up.pid
    if pid and signal_to(pid, signal.SIGTERM):
        await until(lambda: b.up.pid != pid, 30, "up ends")


ERRANDS = (
    (_refuse, ("refused.", "deadletter.", "dlq.", "retry.")),
    (_be_away, ("submit.unavailable", "park.")),
    (_be_slow, ("tell.",)),
    (_hang_the_bus, ("spool.", "forward.")),
    (_hold, ("hold.",)),
    (_edit, ("up.chang",)),
    (_restart, ("drain.", "up.stopping")),
)
"""What is done while a point of these is not hit."""


def _check_others(report: Report, b: Bench) -> None:
    """Joined Workflows are made once each, of one set; each accepted push was posted, always under the same key."""
    accepted = checker.accepted(b.told())
    made = [
        r
        for (d, t), records in checker.created(b.taken()).items()
        if t == "joined" and d[:4] == "left"
        for r in records
    ]
    sets = [r["object"]["metadata"]["annotations"][checker.DELIVERY].split(",") for r in made]
    report.figures["joined"] = len(sets)
    report.expect(len({s[0] for s in sets}) == len(sets), "a joined Workflow was made twice")
    mixed = [s for s in sets if s[0].removeprefix("left") != s[1].removeprefix("right")]
    report.expect(not mixed, f"Workflows of mixed sets: {mixed}")
    whole = {d[4:] for d in accepted if d.startswith("left") and f"right{d[4:]}" in accepted}
    unmade = whole - {s[0][4:] for s in sets}
    report.expect(not unmade, f"sets that started nothing: {sorted(unmade)}")
    keys: dict[str, set[str]] = {}
    for record in b.taken():
        if record["what"] == "posted" and record["path"] == "/hook/tell":
            keys.setdefault(record["body"].partition("/acme/")[2].partition(".git")[0], set()).add(record["key"])
    unposted = [d for d, ref in accepted.items() if ref == FIRES and d[:4] == "push" and d not in keys]
    report.expect(not unposted, f"{len(unposted)} were not posted: {unposted[:5]}")
    report.expect(
        all(len(k) == 1 and "" not in k for k in keys.values()), "a repeated post has another Idempotency-Key"
    )
