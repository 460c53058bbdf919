"""``pointsman get``: what came and what became of it, from a state folder, while ``up`` runs or afterwards."""

from __future__ import annotations

import asyncio
import base64
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import orjson
import yaml

from eventbus import jetstream, ledger
from events.cli.state import StateFolder
from events.cli.wire import read_addresses
from events.errors import EvaluationError, PointsmanError
from events.kube.local import read_workflows
from events.models.event import Event

__all__ = ["as_yaml", "command"]

_OUTPUTS = click.Choice(["wide", "yaml", "json", "name"])


@click.group("get", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Show events and Workflows of a state folder, also while `up` runs."""


def _options(function: Callable[..., None]) -> Callable[..., None]:
    decorators = [
        click.argument("name", required=False),
        click.option("-o", "--output", type=_OUTPUTS, help="Output form; a table without it."),
        click.option("-n", "--namespace", default="", help="Only of this namespace."),
        click.option("--state", type=click.Path(path_type=Path), default=Path(".pointsman"), show_default=True, help="State folder."),
        click.option("--no-headers", is_flag=True, help="No line with the names of the columns."),
    ]  # fmt: skip
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


@command.command("workflows")
@_options
def workflows(name: str | None, output: str | None, namespace: str, state: Path, no_headers: bool) -> None:
    """Workflows of the local store, oldest first."""
    _must_exist(state)
    found = list(read_workflows(state, namespace=namespace, name=name or ""))
    if name and not found:
        _not_found("workflow", name)
    if output in ("yaml", "json"):
        _print_objects(found, output, one=bool(name))
        return
    if output == "name":
        for w in found:
            click.echo(f"workflow.argoproj.io/{w['metadata']['name']}")
        return
    rows = [_workflow_row(w, wide=output == "wide") for w in found]
    columns = ["NAMESPACE", "NAME", "TEMPLATE", "AGE", "STARTED BY"]
    _table(columns + (["PARAMETERS"] if output == "wide" else []), rows, headers=not no_headers, what="workflows")


def _workflow_row(workflow: dict[str, Any], *, wide: bool) -> list[str]:
    metadata, spec = workflow["metadata"], workflow.get("spec") or {}
    annotations = metadata.get("annotations") or {}
    created = datetime.fromisoformat(metadata["creationTimestamp"])
    row = [
        metadata["namespace"],
        metadata["name"],
        (spec.get("workflowTemplateRef") or {}).get("name", "-"),
        _age(created.timestamp()),
        annotations.get("pointsman/trigger", "-"),
    ]
    if wide:
        parameters = (spec.get("arguments") or {}).get("parameters") or []
        row.append(",".join(f"{p.get('name')}={p.get('value', '')}" for p in parameters) or "-")
    return row


@command.command("events")
@_options
def events(name: str | None, output: str | None, namespace: str, state: Path, no_headers: bool) -> None:
    """Events that came, oldest first, with what each trigger did with them. NAME is an event id.

    `-o yaml` and `-o json` add the event itself while `up` runs.
    """
    _must_exist(state)
    found = list(ledger.read_events(state, event_id=name or "", namespace=namespace))
    if name and not found:
        _not_found("event", name)
    outcomes: dict[str, list[dict[str, Any]]] = {}
    for row in ledger.read_outcomes(state, name or ""):
        outcomes.setdefault(row["event"], []).append(row)
    if output in ("yaml", "json"):
        _print_objects([_event_object(e, outcomes.get(e["id"], []), state) for e in found], output, one=bool(name))
        return
    if output == "name":
        for e in found:
            click.echo(e["id"])
        return
    rows = [_event_row(e, outcomes.get(e["id"], []), wide=output == "wide") for e in found]
    columns = ["NAMESPACE", "ID", "SOURCE", "EVENT", "TYPE", "AGE", "OUTCOME"]
    _table(columns + (["DELIVERY", "DETAIL"] if output == "wide" else []), rows, headers=not no_headers, what="events")


def _event_row(event: dict[str, Any], outcomes: list[dict[str, Any]], *, wide: bool) -> list[str]:
    counted = Counter(o["outcome"] for o in outcomes)
    summary = ",".join(f"{word}×{n}" if n > 1 else word for word, n in sorted(counted.items()))
    row = [
        event["namespace"],
        event["id"],
        event["source"],
        event["name"],
        event["type"],
        _age(event["recorded"]),
        summary or "no sensor",
    ]
    if wide:
        details = [f"{o['sensor']}/{o['trigger']}: {o['target'] or o['detail']}" for o in outcomes]
        row += [event["delivery"] or "-", "; ".join(details) or "-"]
    return row


def _event_object(event: dict[str, Any], outcomes: list[dict[str, Any]], state: Path) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": event["id"],
        "namespace": event["namespace"],
        "eventBus": event["bus"],
        "source": event["source"],
        "subject": event["name"],
        "type": event["type"],
        "time": event["time"],
        "deliveryId": event["delivery"],
        "outcomes": [
            {k: o[k] for k in ("sensor", "trigger", "dependency", "outcome", "target", "detail") if o[k]}
            for o in outcomes
        ],
    }
    stored = _stored(event, state)
    if stored is not None:
        shown["data"] = _data(stored)
    return shown


def _stored(event: dict[str, Any], state: Path) -> Event | None:
    """The event from the bus, while ``up`` runs."""
    running = StateFolder(state).running()
    if running is None:
        return None
    address = read_addresses(running).get((event["namespace"], event["bus"]))
    if address is None:
        return None

    async def read() -> bytes | None:
        async with jetstream.connect(address, name="pointsman get") as bus:
            return await bus.read(event["sequence"])

    try:
        text = asyncio.run(read())
        return Event.from_json(text) if text is not None else None
    except (PointsmanError, EvaluationError):
        return None


def _data(event: Event) -> Any:
    try:
        return orjson.loads(event.data or b"null")
    except orjson.JSONDecodeError:
        return base64.b64encode(event.data or b"").decode()


# -- printing --------------------------------------------------------------------------------------------------------


def _must_exist(state: Path) -> None:
    if not (state / "version").exists():
        raise click.UsageError(f"{state} is no state folder; `pointsman up` makes one, --state names another")


def _not_found(kind: str, name: str) -> None:
    click.echo(f'Error: {kind} "{name}" not found', err=True)
    sys.exit(1)


def as_yaml(value: Any) -> str:
    """A value as YAML, keys in their order, long texts unbroken."""
    return yaml.dump(
        value, sort_keys=False, allow_unicode=True, width=10_000, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    )


def _print_objects(objects: Sequence[dict[str, Any]], output: str, *, one: bool) -> None:
    value: Any = objects[0] if one else {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    if output == "yaml":
        click.echo(as_yaml(value), nl=False)
    else:
        click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, headers: bool, what: str) -> None:
    rows = list(rows)
    if not rows:
        click.echo(f"No {what} found.", err=True)
        return
    lines = [list(columns), *rows] if headers else rows
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        click.echo("   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _age(moment: float) -> str:
    """As kubectl: 12s, 5m, 3h, 2d."""
    seconds = max(0, int(time.time() - moment))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
