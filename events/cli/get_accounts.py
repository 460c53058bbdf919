"""``pointsman get deadletters|accounting|sensors``: what could not be submitted, whether all adds up, and what is held."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from eventbus import jetstream, marks, rounds, subjects, tally
from eventbus.rounds import KeptRound, RoundState
from eventbus.tally import Account
from events.cli.get_options import not_found, options
from events.cli.printing import age, objects, rfc3339, table
from events.cli.state import StateFolder
from events.cli.wire import read_addresses
from events.errors import EvaluationError, PointsmanError, SpecError
from events.expressions.document import Document
from events.models.event import Event
from eventsource.metrics import read_accounts
from sensor import kept
from sensor.bindings.records import ALL

__all__ = ["accounting", "deadletters", "sensors"]

SHORT = 12
"""Characters of an id that a table shows; any beginning that only one letter has is understood."""


@click.command("deadletters", short_help="Submissions that were refused for good, or given up")
@options
def deadletters(name: str | None, output: str | None, namespace: str, state: Path, no_headers: bool) -> None:
    """Submissions that were refused for good, or given up after 24 hours, oldest first. NAME is an id, or its beginning.

    `-o wide` adds the target's own words, `-o yaml` and `-o json` the events. `pointsman retry` submits them again.
    """
    StateFolder(state).check()
    if name:
        try:
            found = [rounds.find_letter(state, name)]
        except SpecError:
            not_found("dead letter", name)
    else:
        found = rounds.read_rounds(state, states=(RoundState.DEAD, RoundState.AGAIN), namespace=namespace)
    if output in ("yaml", "json"):
        objects([_letter(one) for one in found], output, one=bool(name))
    elif output == "name":
        for one in found:
            click.echo(one.key)
    else:
        wide = output == "wide"
        columns = ["ID", "SENSOR", "TRIGGER", "EVENT", "REASON", "ATTEMPTS", "AGE"] + (
            ["DELIVERY", "DETAIL"] if wide else []
        )
        table(columns, [_letter_row(one, wide=wide) for one in found], headers=not no_headers, what="dead letters")


def _letter_row(one: KeptRound, *, wide: bool) -> list[str]:
    reason = one.reason if one.state is RoundState.DEAD else f"{one.reason}, to be retried"
    row = [one.key[:SHORT], one.sensor, one.trigger or "(all)", one.events, reason, str(one.attempts), age(one.last)]
    return [*row, one.deliveries or "-", one.detail] if wide else row


def _letter(one: KeptRound) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": one.key,
        "sensor": one.sensor,
        "trigger": one.trigger,
        "state": "dead" if one.state is RoundState.DEAD else "to be retried",
        "reason": one.reason,
        "detail": one.detail,
        "target": one.target,
        "attempts": one.attempts,
        "firstAttempt": rfc3339(one.first),
        "lastAttempt": rfc3339(one.last),
    }
    try:
        events, deliveries = kept.read_round(one.matches)
    except EvaluationError as error:
        return {**shown, "events": f"cannot be read: {error}"}
    shown["events"] = [_event(dependency, event, deliveries[dependency]) for dependency, event in events.items()]
    return shown


def _event(dependency: str, event: Event, delivery: str) -> dict[str, Any]:
    try:
        shown: Any = Document(event.shown).value
    except EvaluationError:
        shown = event.shown.decode("utf-8", "replace")
    return {"dependency": dependency, "deliveryId": delivery, **event.context, "data": shown}


@click.command("accounting", short_help="Whether each event of each trigger has come to an end")
@options
@click.option("--deliveries", is_flag=True, help="Those of the EventSources instead: NAME is an EventSource.")
def accounting(
    name: str | None, output: str | None, namespace: str, state: Path, no_headers: bool, deliveries: bool
) -> None:
    """What became of the events of each trigger. NAME is a sensor.

    stored = submitted + filtered + duplicate + dead + pending; a difference that stays is a fault of ours, and an alarm in the log
    and in /metrics. LOST (`-o wide`) counts events of a sensor that the bus handed over and nobody has settled.

    With --deliveries: received = accepted + rejected + under way, since the state folder was made.
    """
    StateFolder(state).check()
    if deliveries:
        _deliveries(name, output, namespace, state, no_headers)
        return
    found = [a for a in tally.read_accounts(state) if _is_meant(a.sensor, name, namespace)]
    if name and not found:
        not_found("sensor with events", name)
    checked = {one.sensor: one.lost for one in tally.read_checkpoints(state)}
    lost = {a.sensor: checked.get(ALL if a.sensor.endswith(ALL) else a.sensor, 0) for a in found}
    if output in ("yaml", "json"):
        objects([{**_figures(a), "lost": lost[a.sensor]} for a in found], output, one=False)
    elif output == "name":
        for account in found:
            click.echo(f"{account.sensor}/{account.trigger}")
    else:
        wide = output == "wide"
        rows = [[str(v) for v in _figures(a).values()] + ([str(lost[a.sensor])] if wide else []) for a in found]
        columns = ["SENSOR", "TRIGGER", "STORED", "SUBMITTED", "FILTERED", "DUPLICATE", "DEAD", "PENDING", "DIFFERENCE"]
        table(columns + (["LOST"] if wide else []), rows, headers=not no_headers, what="accounts")


def _deliveries(name: str | None, output: str | None, namespace: str, state: Path, no_headers: bool) -> None:
    """The deliveries of each event."""
    found = [
        {
            "eventSource": f"{where}/{source}",
            "event": event,
            "received": account.received,
            "accepted": account.accepted,
            "rejected": account.rejected,
            "underWay": account.under_way,
        }
        for (where, source, event), account in read_accounts(StateFolder(state).deliveries).items()
        if _is_meant(f"{where}/{source}", name, namespace)
    ]
    if name and not found:
        not_found("EventSource with deliveries", name)
    if output in ("yaml", "json"):
        objects(found, output, one=False)
    elif output == "name":
        for one in found:
            click.echo(f"{one['eventSource']}/{one['event']}")
    else:
        columns = ["EVENTSOURCE", "EVENT", "RECEIVED", "ACCEPTED", "REJECTED", "UNDER WAY"]
        rows = [[str(value) for value in one.values()] for one in found]
        table(columns, rows, headers=not no_headers, what="deliveries")


def _figures(account: Account) -> dict[str, Any]:
    names = ("sensor", "trigger", "stored", "submitted", "filtered", "duplicate", "dead", "pending", "difference")
    return {name: getattr(account, name) for name in names}


def _is_meant(sensor: str, name: str | None, namespace: str) -> bool:
    its_namespace, _, its_name = sensor.partition("/")
    return (not name or name in (sensor, its_name)) and (not namespace or namespace == its_namespace)


@click.command("sensors", short_help="Sensors that have run here: held or not, what waits, what is dead")
@options
def sensors(name: str | None, output: str | None, namespace: str, state: Path, no_headers: bool) -> None:
    """Sensors that have run with this state folder: whether they are held, and how many rounds wait or are dead letters.

    UNREAD are events on the bus that the sensor has not pulled yet, so that `get events` does not show them; known while it runs.
    """
    StateFolder(state).check()
    holds = marks.read_holds(state)
    kept_rounds = Counter(
        (one.sensor, one.state is RoundState.PARKED) for one in rounds.read_rounds(state, states=RoundState)
    )
    known = {one.sensor for one in tally.read_checkpoints(state)} | set(holds) | {sensor for sensor, _ in kept_rounds}
    known = {sensor for sensor in known if not sensor.endswith(ALL)}  # bindings are no sensors
    unread = asyncio.run(_unread(StateFolder(state), known))
    found = [
        {
            "sensor": sensor,
            "held": sensor in holds,
            **({"since": rfc3339(holds[sensor])} if sensor in holds else {}),
            **({"unread": unread[sensor]} if sensor in unread else {}),
            "waiting": kept_rounds[sensor, True],
            "deadLetters": kept_rounds[sensor, False],
        }
        for sensor in sorted(known)
        if _is_meant(sensor, name, namespace)
    ]
    if name and not found:
        not_found("sensor", name)
    if output in ("yaml", "json"):
        objects(found, output, one=bool(name))
    elif output == "name":
        for one in found:
            click.echo(one["sensor"])
    else:
        rows = [
            [
                str(one["sensor"]),
                f"since {age(holds[str(one['sensor'])])}" if one["held"] else "no",
                str(one.get("unread", "-")),
                str(one["waiting"]),
                str(one["deadLetters"]),
            ]
            for one in found
        ]
        table(["SENSOR", "HELD", "UNREAD", "WAITING", "DEAD LETTERS"], rows, headers=not no_headers, what="sensors")


async def _unread(state: StateFolder, sensors: Iterable[str]) -> dict[str, int]:
    """How many events wait on the bus for each of these sensors; of one that the bus does not know, or while it is away, nothing."""
    found: dict[str, int] = {}
    for (namespace, _), address in read_addresses(state.running() or {"buses": []}).items():
        with contextlib.suppress(PointsmanError):
            async with jetstream.connect(address, name="pointsman get") as bus:
                for sensor in sensors:
                    its_namespace, _, name = sensor.partition("/")
                    unread = await bus.unread(subjects.durable(namespace, name)) if its_namespace == namespace else None
                    if unread is not None:
                        found[sensor] = found.get(sensor, 0) + unread
    return found
