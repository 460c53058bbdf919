"""How fast is the way from a push to a submission? ``python benchmarks/pipeline.py``; see README.md in this folder.

Three pipelines take turns, each started afresh: ``floor`` (two bare processes), ``http`` (Pointsman to the same HTTP sink) and
``store`` (Pointsman to the local store of Workflows).
"""

from __future__ import annotations

import asyncio
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import click
import orjson
import uvloop
from contenders import Contender, Sync, floor, pointsman
from load import Answers, Order, ordered, sent_at
from rich.console import Console
from rich.table import Table
from sink import Sink, open_sink
from store import Store

PIPELINES = ("floor", "http", "store")
_HERE = Path(__file__).parent
_TICKS = os.sysconf("SC_CLK_TCK")
_STALLED_SECONDS = 30.0
PROMISED_RATE, PROMISED_P99 = 200.0, 150.0
"""Up to so many deliveries a second, 99 of 100 are answered within so many milliseconds."""


@dataclass
class Figures:
    """One round of one pipeline. Times in milliseconds, memory in MiB; CPU per event and process."""

    events_in: float
    events_out: float
    answer_p50: float
    answer_p99: float
    delivery_p50: float
    delivery_p99: float
    cpu: dict[str, float]
    rss: dict[str, float]


Arrivals = Callable[[], Sequence[tuple[int, str]]]
"""What reached the target: moments (nanoseconds since 1970) and delivery ids."""


@dataclass(frozen=True)
class Load:
    """Of a round. ``rate`` in events a second, 0: as many as there can be."""

    events: int
    warm_up: int
    connections: int
    clients: int
    rate: float


async def one_round(pipeline: str, sync: Sync, load: Load) -> Figures:
    """Start a pipeline, warm it up, measure it, stop it."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pointsman-benchmark-")))
        sink = await stack.enter_async_context(open_sink())
        if pipeline == "floor":
            running = await stack.enter_async_context(floor(folder, sync, sink.port))
        else:
            target = "http" if pipeline == "http" else "store"
            running = await stack.enter_async_context(pointsman(folder, sync, sink.port, target))
        arrived: Sink | Store = sink
        if pipeline == "store":
            arrived = await stack.enter_async_context(Store(running.folder).watched())
        await _send(running.port, load.warm_up, load, "warm")
        await _all(arrived, load.warm_up)
        before = _cpu(running)
        own = time.process_time()
        answers = await _send(running.port, load.events, load, "push")
        await _all(arrived, load.warm_up + load.events)
        own = time.process_time() - own
        used = {role: seconds - before[role] for role, seconds in _cpu(running).items()}
        used |= {"load": sum(a.cpu for a in answers), "sink": own}
        return _figures(load.events, answers, arrived.deliveries(), used, _rss(running))


def _figures(
    events: int,
    answers: Sequence[Answers],
    arrivals: Sequence[tuple[int, str]],
    used: dict[str, float],
    rss: dict[str, float],
) -> Figures:
    refused = sum(a.refused for a in answers)
    measured = [(moment, delivery) for moment, delivery in arrivals if delivery.startswith("push")]
    if refused or len(measured) != events or len({delivery for _, delivery in measured}) != events:
        raise click.ClickException(f"{events} sent, {refused} refused, {len(measured)} arrived: no figures")
    began, ended = min(a.began for a in answers), max(a.ended for a in answers)
    answered = [second * 1e3 for a in answers for second in a.seconds]
    delivered = [(moment - sent_at(delivery)) / 1e6 for moment, delivery in measured]
    return Figures(
        events_in=events / (ended - began) * 1e9,
        events_out=events / (max(moment for moment, _ in measured) - began) * 1e9,
        answer_p50=_percentile(answered, 50),
        answer_p99=_percentile(answered, 99),
        delivery_p50=_percentile(delivered, 50),
        delivery_p99=_percentile(delivered, 99),
        cpu={role: seconds * 1e3 / events for role, seconds in used.items()},
        rss=rss,
    )


async def _send(port: int, events: int, load: Load, name: str) -> list[Answers]:
    """Have ``events`` sent by so many processes."""
    clients = load.clients
    shares = [(events + i) // clients for i in range(clients)]
    connections, rate = max(1, load.connections // clients), load.rate / clients
    orders = [Order(port, n, connections, f"{name}{i}", rate=rate) for i, n in enumerate(shares)]
    return await asyncio.gather(*map(ordered, orders))


async def _all(arrived: Sink | Store, number: int) -> None:
    """Wait until so many have arrived; give up when nothing moves any more."""
    seen, since = -1, time.monotonic()
    while (count := arrived.count) < number:
        if count != seen:
            seen, since = count, time.monotonic()
        if time.monotonic() - since > _STALLED_SECONDS:
            raise click.ClickException(f"{count} of {number} events arrived, then nothing for {_STALLED_SECONDS:g} s")
        await asyncio.sleep(0.01)


def _cpu(running: Contender) -> dict[str, float]:
    """CPU seconds by role, in user and in kernel mode."""
    seconds = {}
    for role, pid in running.processes.items():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        seconds[role] = (int(fields[11]) + int(fields[12])) / _TICKS
    return seconds


def _rss(running: Contender) -> dict[str, float]:
    """Highest resident memory by role."""
    sizes = {}
    for role, pid in running.processes.items():
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        sizes[role] = int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
    return sizes


def _percentile(values: Sequence[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def median(rounds: Sequence[Figures]) -> Figures:
    """The median of each figure."""

    def of(values: Sequence[Any]) -> Any:
        if isinstance(values[0], dict):
            return {role: statistics.median(v[role] for v in values) for role in values[0]}
        return statistics.median(values)

    columns = [asdict(one) for one in rounds]
    return Figures(**{name: of([c[name] for c in columns]) for name in columns[0]})


def ratios(rounds: dict[str, list[Figures]]) -> list[float]:
    """Events per second out to the HTTP sink, as a part of the floor's, by round."""
    return [a.events_out / b.events_out for a, b in zip(rounds.get("http", []), rounds.get("floor", []), strict=False)]


def show(medians: dict[str, Figures], by_round: Sequence[float], sync: str) -> None:
    """The figures as a table."""
    table = Table(title=f"medians, sync {sync}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    for name in ("pipeline", "in /s", "out /s", "answer p50/p99 ms", "delivery p50/p99 ms", "CPU ms/event", "RSS MiB"):
        table.add_column(name, justify="left" if name in ("pipeline", "CPU ms/event", "RSS MiB") else "right")
    for name, f in medians.items():
        table.add_row(
            name,
            f"{f.events_in:,.0f}",
            f"{f.events_out:,.0f}",
            f"{f.answer_p50:.1f} / {f.answer_p99:.1f}",
            f"{f.delivery_p50:.0f} / {f.delivery_p99:.0f}",
            "\n".join(f"{role} {value:.3f}" for role, value in f.cpu.items()),
            "\n".join(f"{role} {value:.0f}" for role, value in f.rss.items()),
            end_section=True,
        )
    Console(width=140).print(table)
    if by_round:
        each = ", ".join(f"{ratio:.2f}" for ratio in by_round)
        click.echo(f"http / floor, events out: {statistics.median(by_round):.2f} (rounds: {each})")


async def measure(pipelines: Sequence[str], rounds: int, sync: Sync, load: Load) -> dict[str, list[Figures]]:
    """All rounds; the pipelines take turns, so that what disturbs the machine disturbs all of them."""
    found: dict[str, list[Figures]] = {name: [] for name in pipelines}
    for number in range(rounds):
        for name in pipelines:
            figures = await one_round(name, sync, load)
            found[name].append(figures)
            said = f"{figures.events_in:7,.0f}/s in {figures.events_out:7,.0f}/s out, answers p99 {figures.answer_p99:.0f} ms"
            click.echo(f"round {number + 1} {name:6} {said} (load {os.getloadavg()[0]:.1f})", err=True)
    return found


@click.command(context_settings={"show_default": True})
@click.option("--sync", type=click.Choice(get_args(Sync)), default="always", help="When the bus writes to the disk.")
@click.option("--events", type=click.IntRange(100, 1_000_000), default=20_000, help="Events of a round.")
@click.option("--warm-up", type=click.IntRange(1), default=2_000, help="Events before them that are not measured.")
@click.option("--connections", type=click.IntRange(1, 1_000), default=64, help="Kept connections.")
@click.option("--clients", type=click.IntRange(1, 8), default=1, help="Processes that send.")
@click.option("--rate", type=click.FloatRange(0), default=0.0, help="Events a second; 0: as many as there can be.")
@click.option("--rounds", type=click.IntRange(1), default=3)
@click.option("--only", type=click.Choice(PIPELINES), multiple=True, default=PIPELINES)
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table")
def main(
    sync: Sync,
    events: int,
    warm_up: int,
    connections: int,
    clients: int,
    rate: float,
    rounds: int,
    only: tuple[str, ...],
    output: str,
) -> None:
    """Measure the way from a signed 8 KB push to a submission.

    With --rate (up to 200) exit code 1 says that the answers of Pointsman took longer than is promised.
    """
    load = Load(events, warm_up, connections, clients, rate)
    names = [name for name in PIPELINES if name in only]
    found = uvloop.run(measure(names, rounds, sync, load))
    medians, by_round = {name: median(each) for name, each in found.items()}, ratios(found)
    if output == "json":
        told = {
            "sync": sync,
            "rate": rate,
            "cpus": os.cpu_count(),
            "medians": medians,
            "rounds": found,
            "ratios": by_round,
        }
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    else:
        show(medians, by_round, sync)
    slow = [name for name, one in medians.items() if name != "floor" and one.answer_p99 > PROMISED_P99]
    if 0 < rate <= PROMISED_RATE and slow:
        raise click.ClickException(f"answers took longer than {PROMISED_P99:g} ms (p99): {', '.join(slow)}")


if __name__ == "__main__":
    main()
