"""How long does the worst take? ``python benchmarks/hostile.py``; see README.md in this folder.

Runs every case of ``tests/support/hostile.py``: programs and data of 64 KiB made to be slow, for each language. Prints the slowest in
milliseconds, and exits with 1 when one takes more than 200.

What runs in this process is measured in processor time. Programs for the process of the scripts are measured by the clock, for the
limit may end that process; the start of the next one is not counted.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from events import logs
from events.errors import EvaluationError, ExpressionError
from sensor.scripts import ScriptWorker
from tests.support.hostile import IN_WORKER, Case, cases

LIMIT = 200.0
TRIES = 3


def milliseconds(case: Case, scripts: ScriptWorker) -> tuple[float, str]:
    """How long a case takes, and how it ends. One that is too slow is tried again: another program may have been in the way."""
    best, outcome = float("inf"), ""
    clock: Callable[[], float] = time.thread_time
    for _ in range(TRIES):
        forget()
        if case.language in IN_WORKER:
            scripts.start()
            clock = time.perf_counter
        began = clock()
        try:
            case.run(scripts)
            outcome = "answered"
        except (ExpressionError, EvaluationError) as error:
            outcome = f"refused: {error}"
        best = min(best, (clock() - began) * 1e3)
        if best <= LIMIT / 2:
            break
    return best, outcome


def forget() -> None:
    """Empty the caches of compiled programs."""
    from events.expressions import gjson, gotemplate, govaluate, regex

    for cached in (gjson.compile, gotemplate._compile, govaluate.compile, regex.pattern, regex.compile, regex.size_of):
        getattr(cached, "cache_clear", lambda: None)()


@click.command(context_settings={"show_default": True})
@click.option("--language", "-l", help="Only cases of this language.")
@click.option("--slowest", default=20, help="How many to print.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(language: str | None, slowest: int, as_json: bool) -> None:
    """Measure all hostile cases and print the slowest."""
    logs.configure("critical", stream=io.StringIO())
    found: list[tuple[float, Case, str]] = []
    with ScriptWorker() as scripts:
        for case in cases():
            if language in (None, case.language):
                took, outcome = milliseconds(case, scripts)
                found.append((took, case, outcome))
    found.sort(key=lambda each: -each[0])
    over = [each for each in found if each[0] > LIMIT]
    if as_json:
        told = [{"language": c.language, "case": c.name, "ms": ms, "outcome": o[:200]} for ms, c, o in found]
        click.echo(orjson.dumps({"limit": LIMIT, "over": len(over), "cases": told}, option=orjson.OPT_INDENT_2))
    else:
        table = Table("ms", "language", "case", "outcome", title=f"the slowest of {len(found)}")
        for ms, case, outcome in found[:slowest]:
            table.add_row(f"{ms:.0f}", case.language, case.name[:60], outcome[:60])
        Console(width=160).print(table, markup=False)
        click.echo(f"{len(over)} of {len(found)} take more than {LIMIT:g} ms")
    if over:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
