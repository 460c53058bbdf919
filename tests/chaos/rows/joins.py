"""Joins of two, three and four events, while everything is being killed: each complete set starts one Workflow, of exactly its events."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from tests.chaos import journal
from tests.chaos.bench import Bench, Run, bench
from tests.chaos.checker import DELIVERY
from tests.chaos.faults import PARTS, Striker
from tests.chaos.manifests import BUS, KEY, Manifest, sensor, source, workflow
from tests.chaos.report import Report, bound

WIDTHS = (2, 3, 4)
PATIENCE = 60.0
"""Seconds for a set to start its Workflow."""


@dataclass(frozen=True)
class Size:
    rounds: int
    parts: tuple[str, ...] = PARTS


TIERS = {"short": Size(40), "nightly": Size(200)}


def events(width: int) -> list[str]:
    """The events of the join of so many."""
    return [f"e{width}{letter}" for letter in "abcd"[:width]]


def manifests(port: int) -> list[Manifest]:
    everything = [event for width in WIDTHS for event in events(width)]
    sensors = [
        sensor(f"join-{width}", events(width), [workflow("joined", events(width)[0], " && ".join(events(width)))])
        for width in WIDTHS
    ]
    return [BUS, KEY, source(port, everything), *sensors]


async def run(size: Size, run: Run) -> Report:
    report = run.report()
    async with (
        bench(run, make=manifests, path="") as b,
        Striker(b, run.folder / "strikes.jsonl", longest_stop=2.0, pause=0.7, parts=size.parts) as striker,
    ):
        striking = asyncio.create_task(_strike(striker, b))
        share = -(-size.rounds // len(WIDTHS))
        seeds = [random.Random(f"{run.seed} {width}") for width in WIDTHS]
        lanes = [_lane(b, width, share, rng) for width, rng in zip(WIDTHS, seeds, strict=True)]
        late = [name for lane in await asyncio.gather(*lanes) for name in lane]
        striking.cancel()
        await asyncio.gather(striking, return_exceptions=True)
        if not b.up.pid or not b.up.is_ready:
            b.up.kill()
            await b.up.started()
        await asyncio.sleep(5.0)
        report.expect(await b.up.stop() == 0, "up did not end well")
        _judge(report, b, share, late, len(journal.read(striker.path)))
    return report


async def _strike(striker: Striker, b: Bench) -> None:
    """Again when something has come of it, or after a while: what is struck before it has begun would never get anywhere."""
    while True:
        await striker.strike()
        before = len(b.taken())
        for _ in range(60):
            if len(b.taken()) > before:
                break
            await asyncio.sleep(0.1)


async def _lane(b: Bench, width: int, rounds: int, rng: random.Random) -> list[str]:
    """One set after the other; each event is sent until it is accepted. The sets that started nothing in time."""
    late = []
    for number in range(rounds):
        name = f"{width}-{number}"
        letters = events(width)
        rng.shuffle(letters)
        for event in letters:
            await _deliver(b, f"{name}-{event}", event)
            await asyncio.sleep(rng.uniform(0.0, 0.6))
        if not await _started(b, f"{name}-{letters[0]}"):
            late.append(name)
    return late


async def _deliver(b: Bench, delivery: str, event: str) -> None:
    for _ in range(100):
        if 200 <= await b.generator.send(delivery, path=f"/{event}") < 300:
            return
        await asyncio.sleep(0.2)
    raise AssertionError(f"{delivery} is never accepted")


async def _started(b: Bench, delivery: str) -> bool:
    for _ in range(int((10.0 if b.run.plants else PATIENCE) / 0.1)):
        if any(r["what"] == "created" and delivery in _deliveries(r) for r in b.taken()):
            return True
        await asyncio.sleep(0.1)
    return False


def _deliveries(record: journal.Record) -> list[str]:
    return str(record["object"]["metadata"]["annotations"].get(DELIVERY, "")).split(",")


def _judge(report: Report, b: Bench, share: int, late: list[str], strikes: int) -> None:
    wanted = {tuple(sorted(f"{w}-{n}-{e}" for e in events(w))) for w in WIDTHS for n in range(share)}
    made = [tuple(sorted(_deliveries(r))) for r in b.taken() if r["what"] == "created"]
    lost, mixed, twice = wanted - set(made), set(made) - wanted, {m for m in made if made.count(m) > 1}
    report.figures |= {
        "rounds": len(wanted),
        "kills": strikes,
        "workflows": len(made),
        "lost": len(lost),
        "duplicate": len(twice),
        "loss_rate": bound(len(lost), len(wanted)),
    }
    report.expect(strikes >= len(wanted) / 8, f"only {strikes} kills")
    report.expect(not lost, f"{len(lost)} sets started nothing: {sorted(lost)[:3]}; late: {late[:3]}")
    report.expect(not mixed, f"{len(mixed)} Workflows are of no set: {sorted(mixed)[:3]}")
    report.expect(not twice, f"{len(twice)} sets started two Workflows: {sorted(twice)[:3]}")
