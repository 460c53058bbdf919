"""What most rows stand on: ``up``, a target and a generator, together; and the question whether everything has arrived."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos import checker, journal, manifests
from tests.chaos.checker import Findings
from tests.chaos.generator import Generator
from tests.chaos.journal import Record
from tests.chaos.manifests import Manifest
from tests.chaos.report import Report, bound
from tests.chaos.system import SHORT_WAITS, RealTarget, Target, Up, until
from tests.support.up import free_port


@dataclass
class Run:
    """One run of a row: where it may write, its seed and all randomness, and faults that are planted into the product."""

    row: str
    folder: Path
    seed: int
    plants: tuple[str, ...] = ()
    rate: float | None = None
    seconds: float | None = None
    kills: int | None = None
    kube: bool = False
    """Whether the target is a real kube-apiserver (KUBEBUILDER_ASSETS)."""
    rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.folder.mkdir(parents=True, exist_ok=True)

    def report(self) -> Report:
        return Report(self.row, self.seed)


@dataclass
class Bench:
    """See the module."""

    run: Run
    up: Up
    target: Target | RealTarget
    generator: Generator
    port: int
    triggers: tuple[str, ...] = ("start",)
    path: str = ""
    """What the check looks at: triggers, and deliveries to this path below the generator's URL."""

    def __post_init__(self) -> None:
        self._told = journal.Tail(self.generator.path)

    def told(self) -> list[Record]:
        """What the generator was told."""
        return self._told.records()

    def taken(self) -> list[Record]:
        """What the target has."""
        return self.target.records()

    def missing(self) -> list[str]:
        return checker.missing(self._checked(), self.taken(), self.triggers)

    def _checked(self) -> list[Record]:
        return [r for r in self.told() if r["path"] == self.path]

    async def settled(self, seconds: float, quiet: float = 5.0) -> float:
        """Wait until nothing is missing, and then for duplicates that come late; the seconds until nothing was missing.

        At the deadline it just returns: the checker tells what is lost.
        """
        if self.run.plants:  # a fault is to be found, and what is lost does not come
            seconds = min(seconds, 15.0)
        began = time.monotonic()
        try:
            await until(lambda: not self.missing(), seconds, "everything has arrived", every=0.5)
        except AssertionError:
            return seconds
        took = time.monotonic() - began
        await asyncio.sleep(quiet)
        return took

    async def check(self, report: Report, *, seconds: float = 60, quiet: float = 5.0) -> Findings:
        """Settle, end the product in order, and put what the checker finds into the report."""
        settled = await self.settled(seconds, quiet)
        report.figures["settled_after_seconds"] = round(settled, 1)
        status = await self.up.stop()
        report.expect(status == 0, f"up ended with {status}: {self.up.log[-300:]}")
        findings = checker.check(
            self._checked(), self.taken(), self.up.events(), self.up.outcomes(), triggers=self.triggers
        )
        report.figures |= findings.figures()
        report.figures["loss_rate"] = bound(len(findings.lost), findings.accepted)
        report.failures += findings.failures() + checker.imbalances(self.up.accounts(), self.triggers)
        report.expect(findings.submitted > 0, "nothing was submitted at all")
        return findings


@asynccontextmanager
async def bench(
    run: Run,
    *options: str,
    make: Callable[[int], Sequence[Manifest]] = manifests.pushes,
    patches: Sequence[str] = SHORT_WAITS,
    environment: dict[str, str] | None = None,
    path: str = "/push",
    start: bool = True,
) -> AsyncIterator[Bench]:
    """Everything runs (unless ``start`` is false: all but ``up``); ``make(port)`` gives the manifests; ``{port}`` in an option is that port."""
    port = free_port()
    target = RealTarget(run.folder / "target") if run.kube else Target(run.folder / "target")
    up = Up(
        run.folder / "up", "--log-format", "json", "--log-level", "warning", *(option.format(port=port) for option in options),
        kubeconfig=target.kubeconfig, patches=[*patches, *run.plants], environment=environment,
    )  # fmt: skip
    manifests.write(up.manifests, make(port))
    try:
        target.start()
        if start:
            await up.started()
        async with Generator(f"http://127.0.0.1:{port}{path}", run.folder / "generator.jsonl") as generator:
            yield Bench(run, up, target, generator, port)
    finally:
        up.kill()
        target.kill()
