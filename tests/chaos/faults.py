"""Kills, drawn from a seed: which part, by which signal, when. Each is written down; which of them count is read from the logs later."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.chaos import checker
from tests.chaos.bench import Bench
from tests.chaos.journal import Journal, Record
from tests.chaos.system import Target, signal_to

MEAN_PAUSE = 2.5
"""Seconds between two strikes on average, exponential: some come while the last one is still being recovered from."""

KINDS = [signal.SIGKILL] * 14 + [signal.SIGSTOP] * 3 + [signal.SIGTERM] * 3
PARTS = ("source", "sensor", "bus", "target", "up")
TARGETS = {
    signal.SIGKILL: PARTS,
    signal.SIGSTOP: ("source", "sensor", "bus", "target"),
    signal.SIGTERM: ("bus", "target", "up"),  # the source and the sensor are told to end by their parent
}


@dataclass(frozen=True)
class Strike:
    part: str
    kind: signal.Signals
    stopped: float


class Striker:
    """``async with Striker(bench, path) as striker: await striker.strike()``."""

    def __init__(
        self,
        bench: Bench,
        path: Path,
        *,
        longest_stop: float = 8.0,
        pause: float = MEAN_PAUSE,
        parts: Sequence[str] = PARTS,
    ) -> None:
        self.path = path
        self._bench = bench
        self._journal = Journal(path)
        self._longest_stop = longest_stop
        self._pause = pause
        self._parts = parts
        self._deck: list[str] = []

    async def __aenter__(self) -> Self:
        await self._journal.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._journal.__aexit__(None, None, None)

    def _draw(self) -> Strike:
        """One part after the other, each time in another order, so that none is spared by chance."""
        rng = self._bench.run.rng
        if not self._deck:
            self._deck = rng.sample(self._parts, len(self._parts))
        part = self._deck.pop()
        kinds = [kind for kind in KINDS if part in TARGETS[kind]] if len(self._parts) > 1 else [signal.SIGKILL]
        return Strike(part, rng.choice(kinds), rng.uniform(1.0, self._longest_stop))

    async def strike(self) -> None:
        """Wait for the next moment, strike, and bring back what nobody else brings back: ``up`` itself, and the target."""
        rng, up, target = self._bench.run.rng, self._bench.up, self._bench.target
        await asyncio.sleep(rng.expovariate(1 / self._pause))
        strike = self._draw()
        pid = (
            {"up": up.pid, "target": target.pid}[strike.part]
            if strike.part in ("up", "target")
            else up.child(strike.part)
        )
        if not pid:
            return  # it is just being started again
        # Written down before it happens: what is under way at this moment is what the signal meets.
        await self._journal.append(what="strike", part=strike.part, kind=strike.kind.name, pid=pid)
        if not signal_to(pid, strike.kind):
            return
        if strike.kind is signal.SIGSTOP:
            await asyncio.sleep(strike.stopped)
            signal_to(pid, signal.SIGCONT)
        elif strike.part == "target":
            assert isinstance(target, Target)
            assert target.process is not None
            await asyncio.to_thread(target.process.wait, 10)
            await asyncio.sleep(rng.uniform(0.0, 1.0))
            await asyncio.to_thread(target.start)
        elif strike.part == "up":
            await bring_back(self._bench)


async def bring_back(bench: Bench) -> None:
    """Start ``up`` again when it has ended, as an init system does: as often as it takes."""
    up = bench.up
    assert up.process is not None
    await asyncio.to_thread(up.process.wait, 25)
    for _ in range(20):
        try:
            await up.started()
        except AssertionError:
            await asyncio.sleep(0.5)
        else:
            return
    raise AssertionError(f"up does not come back\n{up.log[-4000:]}")


def met(strikes: list[Record], told: list[Record], taken: list[Record]) -> list[Record]:
    """The strikes that met events under way: only those count."""
    return [s for s in strikes if checker.in_flight(told, taken, s["t"], of_source=s["part"] == "source")]
