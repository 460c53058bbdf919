"""``pointsman get``: what came and what became of it, from a state folder, while ``up`` runs or afterwards."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import click
import orjson

from eventbus import jetstream, ledger
from events.cli.get_accounts import accounting, deadletters, sensors
from events.cli.get_options import not_found, options, whole_id
from events.cli.get_workflows import workflows
from events.cli.printing import age, moment_of, objects, table
from events.cli.state import StateFolder
from events.cli.stored import where_stored
from events.cli.wire import read_addresses
from events.errors import EvaluationError, PointsmanError
from events.models.event import Event
from sensor.bindings.records import LEDGER_BUS

__all__ = ["command"]


class _Kinds(click.Group):
    """Takes the singular and short names, as kubectl does."""

    _ALIASES: ClassVar = {
        "event": "events",
        "ev": "events",
        "workflow": "workflows",
        "wf": "workflows",
        "deadletter": "deadletters",
        "dl": "deadletters",
        "sensor": "sensors",
        "accounts": "accounting",
    }

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, self._ALIASES.get(cmd_name, cmd_name))


@click.group("get", cls=_Kinds, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Show events, Workflows, dead letters and accounts of a state folder, also while `up` runs; Workflows also of a cluster."""


for _command in (workflows, deadletters, accounting, sensors):
    command.add_command(_command)


@command.command("events", short_help="Events that came, and what each trigger did with them")
@options
@click.option("--limit", type=click.IntRange(1), help="Only the last N events.", metavar="N")
def events(
    name: str | None, output: str | None, namespace: str, state: Path, no_headers: bool, limit: int | None
) -> None:
    """Events that came, oldest first, with what each trigger did with them. NAME is an event id, or its beginning.

    `-o yaml` and `-o json` add the event itself while `up` runs.
    """
    StateFolder(state).check()
    name = whole_id(state, name) if name else None
    found = list(ledger.read_events(state, event_id=name or "", namespace=namespace, limit=limit or -1))
    if name and not found:
        not_found("event", name)
    outcomes: dict[str, list[dict[str, Any]]] = {}
    for row in ledger.read_outcomes(state, name or ""):
        outcomes.setdefault(row["event"], []).append(row)
    if output in ("yaml", "json"):
        stored = asyncio.run(_read_stored(found, StateFolder(state)))
        shown = [_event_object(e, outcomes.get(e["id"], []), stored.get(e["id"])) for e in found]
        objects(shown, output, one=bool(name))
        return
    if output == "name":
        for e in found:
            click.echo(e["id"])
        return
    rows = [_event_row(e, outcomes.get(e["id"], []), wide=output == "wide") for e in found]
    columns = ["NAMESPACE", "ID", "SOURCE", "EVENT", "TYPE", "AGE", "OUTCOME"]
    table(columns + (["DELIVERY", "DETAIL"] if output == "wide" else []), rows, headers=not no_headers, what="events")


def _event_row(event: dict[str, Any], outcomes: list[dict[str, Any]], *, wide: bool) -> list[str]:
    counted = Counter(o["outcome"] for o in outcomes)
    summary = ",".join(f"{word}×{n}" if n > 1 else word for word, n in sorted(counted.items()))
    row = [
        event["namespace"],
        event["id"],
        event["source"],
        event["name"],
        event["type"],
        age(_came(event)),
        summary or _nobody(event),
    ]
    if wide:
        details = [f"{o['sensor']}/{o['trigger']}: {o['target'] or o['detail']}" for o in outcomes]
        row += [event["delivery"], "; ".join(details)]
    return row


def _came(event: dict[str, Any]) -> float:
    """When an event came, by its own time; when it was recorded, which may be long after, where that cannot be read."""
    came = moment_of(event["time"])
    return event["recorded"] if came is None else came


def _nobody(event: dict[str, Any]) -> str:
    """Why nothing was done with an event."""
    return f"no binding in namespace {event['namespace']}" if event["bus"] == LEDGER_BUS else "no sensor"


def _event_object(event: dict[str, Any], outcomes: list[dict[str, Any]], stored: Event | None) -> dict[str, Any]:
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
    if stored is not None:
        shown["data"] = _data(stored)
    return shown


def _data(event: Event) -> Any:
    try:
        return orjson.loads(event.shown or b"null")
    except orjson.JSONDecodeError:
        return base64.b64encode(event.shown).decode()


async def _read_stored(found: list[dict[str, Any]], state: StateFolder) -> dict[str, Event]:
    """Events by id, from the bus; none when ``up`` does not run."""
    stored: dict[str, Event] = {}
    addresses = read_addresses(state.running() or {"buses": []})
    for name, address in addresses.items():
        wanted = [e for e in found if where_stored(e)[0] == name]
        if not wanted:
            continue
        try:
            async with jetstream.connect(address, name="pointsman get", stream=where_stored(wanted[0])[1]) as bus:
                for event in wanted:
                    text = await bus.read(event["sequence"])
                    if text is not None:
                        stored[event["id"]] = Event.from_json(text)
        except (PointsmanError, EvaluationError):
            continue
    return stored
