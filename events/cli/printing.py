"""What `get` and `demo` print: tables as kubectl has them, YAML and JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click
import yaml

__all__ = ["age", "as_json", "as_yaml", "documents", "moment_of", "objects", "plain", "rfc3339", "table"]


_WIDEST = 40
"""Characters that a column is wide, at most."""


def as_yaml(value: Any) -> str:
    """A value as YAML, keys in their order, long texts unbroken."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    with _deep_recursion():
        return yaml.dump(value, sort_keys=False, allow_unicode=True, width=10_000, Dumper=dumper)


def documents(found: Iterable[Any]) -> str:
    """Each object as a YAML document of its own, written out in full where Python shares a part."""
    return "".join(f"---\n{as_yaml(json.loads(json.dumps(each)))}" for each in found)


def as_json(value: Any) -> str:
    """A value as JSON for people to read."""
    with _deep_recursion():  # orjson writes 254 levels and reads 1024
        return json.dumps(value, indent=2, ensure_ascii=False)


@contextmanager
def _deep_recursion() -> Iterator[None]:
    """Room for values as deep as the parser reads them."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 10_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def objects(found: Sequence[dict[str, Any]], output: str, *, one: bool) -> None:
    """Print objects as ``yaml`` or ``json``: one of them, or a List."""
    value: Any = found[0] if one else {"apiVersion": "v1", "kind": "List", "items": list(found)}
    if output == "yaml":
        click.echo(as_yaml(value), nl=False)
    else:
        click.echo(as_json(value))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, headers: bool, what: str) -> None:
    """Print rows in columns of equal width, an empty cell as ``-``; without rows say so on stderr."""
    lines = [[plain(cell) or "-" for cell in row] for row in rows]
    if not lines:
        click.echo(f"No {what} found.", err=True)
        return
    if headers:
        lines.insert(0, list(columns))
    # A long cell sticks out of its column rather than pushing the others apart.
    widths = [max((w for line in lines if (w := len(line[i])) <= _WIDEST), default=0) for i in range(len(columns))]
    for line in lines:
        click.echo("   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def plain(text: str) -> str:
    """A text without line ends and control characters: what a sender wrote must not steer the terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def rfc3339(moment: float) -> str:
    """A moment (seconds since 1970) in UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def moment_of(text: str) -> float | None:
    """The moment (seconds since 1970) of a text in RFC 3339; None when it is none, or leaves its zone open."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if read.tzinfo is None else read.timestamp()


def age(moment: float) -> str:
    """As kubectl: 12s, 5m, 3h, 2d."""
    seconds = max(0, int(time.time() - moment))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
