"""docs/metrics.md names each metric of the code, with its kind and labels, and no other."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("events", "eventsource", "eventbus", "sensor")
Row = tuple[str, str]
"""Name and kind."""


def exposed() -> Iterator[tuple[Row, tuple[str, ...] | None]]:
    """Each metric that the code makes, with its labels where they can be told without running it."""
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and (name := metric_name(node)):
                function = ast.unparse(node.func)
                kind = function.removesuffix("MetricFamily").lower()
                if kind == "counter":
                    name += "_total"
                yield (name, kind), labels(node, path) if function != "gauge" else None


def metric_name(call: ast.Call) -> str:
    if call.args and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str):
        found = re.fullmatch("(argo_events|pointsman)_[a-z_]+", call.args[0].value)
        return found[0] if found else ""
    return ""


def labels(call: ast.Call, path: Path) -> tuple[str, ...] | None:
    given = [k.value for k in call.keywords if k.arg in ("labels", "labelnames")] + list(call.args[2:3])
    if not given:
        return ()
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    try:
        return tuple(eval(ast.unparse(given[0]), vars(module)))
    except NameError:  # a local name
        return None


def documented() -> dict[Row, tuple[str, ...]]:
    rows = {}
    for line in (ROOT / "docs" / "metrics.md").read_text().splitlines():
        found = re.match(r"\| `([a-z_]+)` \| (counter|gauge|summary|histogram) \| ([a-z_, ]*)\|", line)
        if found is not None:
            row = found[1], found[2]
            assert row not in rows, f"{row} twice"
            rows[row] = tuple(re.findall("[a-z_]+", found[3]))
    return rows


def test_each_metric_is_in_the_document_and_the_document_names_no_other() -> None:
    rows = documented()
    found = dict(exposed())
    assert sorted(found) == sorted(rows)
    assert {row: known for row, known in found.items() if known is not None and known != rows[row]} == {}


def test_the_search_finds_what_there_is() -> None:
    assert len(dict(exposed())) > 50
