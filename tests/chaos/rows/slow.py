"""Thousands of connections that never finish their headers or their body, and hundreds of huge bodies with a wrong signature, all at once: honest
deliveries are answered in time, and memory stays bounded.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from dataclasses import dataclass

from tests.chaos.bench import Bench, Run, bench
from tests.chaos.generator import names
from tests.chaos.manifests import Manifest, pushes
from tests.chaos.report import Report, percentile
from tests.chaos.system import resident
from tests.support.up import ROOT

MEMORY = 512 << 20
LARGEST_BODY = 6_000_000
"""Bytes that the event takes: about as many as the bus allows."""


@dataclass(frozen=True)
class Size:
    connections: int = 2_000
    uploads: int = 500
    seconds: float = 15.0
    rate: float = 50.0


TIERS = {"short": Size(), "nightly": Size(seconds=60.0)}


def manifests(port: int) -> list[Manifest]:
    return pushes(port, maxPayloadSize=LARGEST_BODY)


async def run(size: Size, run: Run) -> Report:
    report = run.report()
    async with bench(run, make=manifests) as b:
        await _honest(b, size, "warm", asyncio.sleep(2.0))
        slow, slowest = await _honest(b, size, "slow", _attack(report, b, "slow", size.connections, size.seconds))
        upload, latest = await _honest(b, size, "uploads", _attack(report, b, "uploads", size.uploads, 120.0))
        memory = resident(b.up.child("source"))
        report.figures |= {
            "p99_ms_beside_slow_connections": round(1e3 * slow),
            "p99_ms_beside_uploads": round(1e3 * upload),
            "slowest_ms": round(1e3 * max(slowest, latest)),
            "memory_mb": memory >> 20,
        }
        report.expect(slow <= 0.25, f"p99 {slow:.3f} s beside {size.connections} slow connections")
        report.expect(upload <= 0.5, f"p99 {upload:.3f} s beside {size.uploads} uploads")
        report.expect(memory <= MEMORY, f"the sources had {memory >> 20} MB")
        findings = await b.check(report)
        report.expect(
            findings.by_status.keys() <= {200, 202}, f"honest deliveries were answered with {findings.by_status}"
        )
    return report


async def _honest(b: Bench, size: Size, prefix: str, attack: object) -> tuple[float, float]:
    """Honest deliveries as long as the attack lasts: the 99th percentile and the worst of their answers, in seconds."""
    over = asyncio.Event()
    ids = itertools.takewhile(lambda _: not over.is_set(), names(prefix, 10**9, odd=0))
    sending = asyncio.create_task(b.generator.stream(ids, size.rate, b.run.rng))
    await attack  # type: ignore[misc]
    over.set()
    await sending
    seconds = [r["seconds"] for r in b.told() if r["what"] == "answered" and r["id"].startswith(f"{prefix}-")]
    return percentile(seconds, 0.99), max(seconds)


async def _attack(report: Report, b: Bench, kind: str, count: int, seconds: float) -> None:
    command = [sys.executable, "-P", "-m", "tests.chaos.attacker", kind, str(b.port), str(count), str(seconds)]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE
    )
    try:
        output, _ = await process.communicate()
        report.figures[kind] = json.loads(output)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
