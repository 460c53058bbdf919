"""What does a sensor take for an event? ``python benchmarks/filters.py``; see README.md in this folder.

Each row is timed alone, in microseconds for one event, on a push of 8 KB and a pull request of 25 KB. Where a row reads the event's
data, ``new`` counts parsing it too and ``again`` is a further look at the same event. The last rows drive a sensor with 1 and with
100 log triggers, from the message's bytes to the written log line, with a bus and a ledger in memory.

Exit code 1 when a promise does not hold: a data filter and an expression cost less than parsing the push once with ``json``, and a
sensor with 100 triggers on one dependency and filter takes at most 3 times as long as one with a single trigger.
"""

from __future__ import annotations

import gc
import io
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click
import orjson
import uvloop
from payload import pull_request, push
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from eventbus.ledger import Ledger, open_ledger
from events import logs
from events.errors import Unavailable
from events.expressions import expr, gotemplate
from events.models.base import parse
from events.models.event import Event
from events.models.sensor import Dependency, Sensor
from sensor.dependencies import CompiledDependency
from sensor.plan import CompiledSensor
from sensor.runner import SensorRunner
from sensor.scripts import ScriptWorker
from sensor.target import Tools

EVENTS = 200
TRIGGERS = 100

LOOKS: dict[str, dict[str, Any]] = {
    "data filter": {
        "filters": {"data": [{"path": "body.repository.full_name", "type": "string", "value": ["^acme/"]}]}
    },
    "exprs (govaluate)": {
        "filters": {
            "exprs": [
                {
                    "expr": 'name == "acme/rocket" && size > 1000',
                    "fields": [
                        {"name": "name", "path": "body.repository.full_name"},
                        {"name": "size", "path": "body.repository.size"},
                    ],
                }
            ]
        }
    },
    "CEL filter": {"filters": {"cel": 'body.repository.full_name == "acme/rocket" && body.repository.size > 1000'}},
    "Lua filter (worker)": {"filters": {"script": 'return event.body.repository.full_name == "acme/rocket"'}},
    "jq transform (worker)": {"transform": {"jq": ".body |= {repository, sender}"}},
}
"""What a dependency asks, by row; every event passes."""

CHECKED = ("data filter", "exprs (govaluate)")
"""Rows that must cost less than ``json.loads`` on the push."""


@dataclass
class Row:
    """Microseconds for one event, by payload; ``again`` where a further look at the same event is cheaper."""

    name: str
    new: dict[str, float] = field(default_factory=dict)
    again: dict[str, float] = field(default_factory=dict)


def event(body: bytes, number: int = 0) -> Event:
    """The event that the webhook of a forge makes of a request."""
    data = b'{"body":' + body + b',"headers":{"Content-Type":["application/json"],"X-Github-Event":["push"]}}'
    return Event(f"{number:032x}", "github", "github", "push", "2026-01-01T00:00:00Z", data)


def microseconds(rounds: int, make: Callable[[], Sequence[Any]], run: Callable[[Any], object]) -> float:
    """The best of some rounds: ``run`` on each of what ``make`` makes, which is not counted."""
    best = float("inf")
    for _ in range(rounds):
        items = list(make())
        gc.collect()
        began = time.perf_counter()
        while items:  # what was parsed is let go, as in a sensor
            run(items.pop())
        best = min(best, (time.perf_counter() - began) / EVENTS)
    return best * 1e6


def reader(looks: dict[str, Any], scripts: ScriptWorker) -> Callable[[Event], object]:
    """A dependency that asks this, and must not say no."""
    spec = {"name": "push", "eventSourceName": "github", "eventName": "push", **looks}
    dependency = CompiledDependency(parse(Dependency, spec, "dependency"), scripts)

    def decide(one: Event) -> None:
        verdict = dependency.decide(one).verdict
        if not verdict.passed:
            raise click.ClickException(f"{looks}: {verdict}")

    return decide


def rows_of_languages(payloads: dict[str, bytes], rounds: int) -> list[Row]:
    """One clause, template or program on one event."""
    template = gotemplate.compile("{{ .Input.body.repository.full_name | upper | trunc 8 }}")
    selector = expr.prepare('payload.repository.full_name == "acme/rocket" && payload.repository.size > 1000')
    parses: dict[str, Callable[[bytes], object]] = {"json.loads": json.loads, "orjson.loads": orjson.loads}
    with ScriptWorker() as scripts:
        looks = {name: reader(each, scripts) for name, each in LOOKS.items()}
        looks["3 dependencies × 3 clauses"] = _several(scripts)
        looks["expr-lang selector"] = lambda e: selector({"payload": e.document.value["body"]})
        looks["template"] = lambda e: template.render({"Input": e.document.value})
        rows = {name: Row(name) for name in (*parses, *looks)}
        for size, body in payloads.items():
            for name, load in parses.items():
                rows[name].new[size] = microseconds(rounds, lambda body=body: [body] * EVENTS, load)
            for name, look in looks.items():

                def fresh(body: bytes = body) -> list[Event]:
                    return [event(body, number) for number in range(EVENTS)]

                rows[name].new[size] = microseconds(rounds, fresh, look)
                if "worker" not in name:
                    seen = event(body)
                    look(seen)
                    rows[name].again[size] = microseconds(rounds, lambda seen=seen: [seen] * EVENTS, look)
    return list(rows.values())


def _several(scripts: ScriptWorker) -> Callable[[Event], object]:
    clauses = [
        {"path": path, "type": "string", "value": ["."]} for path in ("body.repository.full_name", "body.sender.login")
    ]
    clauses.append({"path": "body.repository.size", "type": "number", "comparator": ">", "value": ["1000"]})
    readers = [reader({"filters": {"data": clauses}}, scripts) for _ in range(3)]
    return lambda e: [read(e) for read in readers]


class Memory:
    """A bus that delivers these messages once, and no more."""

    def __init__(self, messages: Sequence[bytes]) -> None:
        self._messages = messages

    async def subscribe(self, durable: str, subjects: Sequence[str], *, paused: bool, sole: bool) -> Memory:
        return self

    async def batches(self) -> AsyncIterator[Sequence[MemoryMessage]]:
        for start in range(0, len(self._messages), 50):
            yield [MemoryMessage(data, start + i) for i, data in enumerate(self._messages[start : start + 50])]

    async def progress(self, after: int) -> Any:
        """The audit asks; there is nothing to compare with."""
        raise Unavailable("a bus in memory keeps nothing")


class Forgetful:
    """The real ledger, but what the sensor does of each event is only counted: the disk is not what is measured."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.entries = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def known(self, sensor: str, event_ids: set[str]) -> dict[tuple[str, str, str], str]:
        return {}

    async def record(self, events: Sequence[object], entries: Sequence[object], **kept: object) -> None:
        self.entries += len(entries)


class MemoryMessage:
    """A message of that bus."""

    subject = "default.github.push"
    delivery_id = "delivery"
    timestamp = 0
    deliveries = 1

    def __init__(self, data: bytes, sequence: int) -> None:
        self.data = data
        self.sequence = sequence

    async def ack(self) -> None:
        """Nothing to do."""

    async def in_progress(self) -> None:
        """Nothing to do."""


def sensor(triggers: int) -> CompiledSensor:
    """A sensor with so many log triggers on one dependency with one filter."""
    spec = {
        "dependencies": [{"name": "push", "eventSourceName": "github", "eventName": "push", **LOOKS["data filter"]}],
        "triggers": [{"template": {"name": f"trigger-{n}", "log": {}}} for n in range(triggers)],
    }
    manifest = parse(Sensor, {"metadata": {"name": f"ci-{triggers}"}, "spec": spec}, "sensor")
    return CompiledSensor(manifest, "default", ScriptWorker())


async def run_sensor(compiled: CompiledSensor, messages: Sequence[bytes]) -> float:
    """Seconds until the sensor has settled all of them."""
    with tempfile.TemporaryDirectory(prefix="pointsman-benchmark-") as folder:
        async with open_ledger(Path(folder)) as real:
            memory: Any = Memory(messages)
            ledger: Any = Forgetful(real)
            runner = SensorRunner(compiled, memory, ledger, Tools())
            await runner.start()
            began = time.perf_counter()
            await runner.run()
            seconds = time.perf_counter() - began
    if ledger.entries != len(messages) * len(compiled.triggers):
        raise click.ClickException(f"{ledger.entries} entries were recorded")
    return seconds


def rows_of_sensors(payloads: dict[str, bytes], rounds: int) -> list[Row]:
    """The same events through a sensor with one trigger and one with many; they take turns."""
    with open(os.devnull, "w") as nowhere:
        logs.configure(style="json", stream=nowhere)
        rows = {n: Row(f"sensor with {n} log trigger{'s' * (n > 1)}") for n in (1, TRIGGERS)}
        sensors = {n: sensor(n) for n in rows}
        for size, body in payloads.items():
            messages = [event(body, number).to_json() for number in range(EVENTS)]
            seconds: dict[int, list[float]] = {n: [] for n in rows}
            for _ in range(rounds):
                for n, compiled in sensors.items():
                    gc.collect()
                    seconds[n].append(uvloop.run(run_sensor(compiled, messages)))
            for n, row in rows.items():
                row.new[size] = min(seconds[n]) / EVENTS * 1e6
        logs.configure("critical", stream=io.StringIO())
    return list(rows.values())


def promises(rows: Sequence[Row]) -> list[tuple[str, float, float]]:
    """What must hold: a sentence, the figure, and what it may be at most."""
    by_name = {row.name: row for row in rows}
    budget = by_name["json.loads"].new["push"]
    kept = [(f"{name} / json.loads, push", by_name[name].new["push"] / budget, 1.0) for name in CHECKED]
    one, many = by_name["sensor with 1 log trigger"], by_name[f"sensor with {TRIGGERS} log triggers"]
    ratio = statistics.mean(many.new[size] / one.new[size] for size in one.new)
    return [*kept, (f"{TRIGGERS} triggers / 1 trigger", ratio, 3.0)]


def show(rows: Sequence[Row], sizes: dict[str, int]) -> None:
    """The figures as a table."""
    table = Table(title=f"µs for one event, Python {platform.python_version()}, {os.cpu_count()} CPUs")
    table.add_column("row")
    for name, size in sizes.items():
        table.add_column(f"{name} ({size / 1000:.0f} KB)\nnew", justify="right")
        table.add_column("\nagain", justify="right")
    for row in rows:
        cells = [f"{each[size]:,.1f}" if size in each else "" for size in sizes for each in (row.new, row.again)]
        table.add_row(row.name, *cells)
    Console(width=110).print(table)


@click.command(context_settings={"show_default": True})
@click.option("--rounds", type=click.IntRange(1), default=7, help="Rounds of each row; the best one counts.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(rounds: int, as_json: bool) -> None:
    """Measure filters, programs and templates on one event, and a sensor with many triggers."""
    logs.configure("critical", stream=io.StringIO())
    payloads = {"push": push(), "pull request": pull_request()}
    sizes = {name: len(body) for name, body in payloads.items()}
    rows = [*rows_of_languages(payloads, rounds), *rows_of_sensors(payloads, rounds)]
    kept = promises(rows)
    if as_json:
        told = [{"promise": words, "figure": figure, "at most": most} for words, figure, most in kept]
        report = {"bytes": sizes, "rows": [asdict(row) for row in rows], "promises": told}
        click.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    else:
        show(rows, sizes)
        for words, figure, most in kept:
            click.echo(f"{'holds ' if figure <= most else 'BROKEN'} {words}: {figure:.2f} (at most {most:g})")
    if any(figure > most for _, figure, most in kept):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
