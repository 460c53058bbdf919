"""``pointsman retry``: dead letters are submitted again, with the same events and so under the same names."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from eventbus import ledger, marks, rounds
from eventbus.rounds import KeptRound, RoundState
from events.cli.get_options import state_option
from events.cli.ordering import retry_dead_letters
from events.cli.state import StateFolder

__all__ = ["command"]

_WAIT = 15.0


@click.command("retry", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="All dead letters.")
@click.option("--trigger", default="", help="With --all: only those of this trigger.")
@click.option("--sensor", default="", help="With --all: only those of this sensor (NAME or NAMESPACE/NAME).")
@click.option(
    "--wait/--no-wait", default=True, show_default=True, help="Wait for what becomes of them, while `up` runs."
)
@state_option
def command(ids: tuple[str, ...], every: bool, trigger: str, sensor: str, wait: bool, state: Path) -> None:
    """Submit dead letters again. ID is that of `pointsman get deadletters`, or its beginning.

    The order is written into the state folder: an `up` that runs carries it out within a second, otherwise the next one does when it
    starts. In a pod of a sensor it goes over the bus to the pod that works. A Workflow that the same event has made already is recognised by its name, so at most one comes of it.
    """
    folder = StateFolder(state)
    folder.check()
    if ids and every:
        raise click.UsageError("name dead letters or give --all, not both")
    if not (ids or every) or not all(ids):  # an empty one would be the beginning of each
        raise click.UsageError("name dead letters, or give --all")
    if ids and (trigger or sensor):
        raise click.UsageError("--trigger and --sensor go with --all")
    if ids:
        found = [rounds.find_letter(state, one) for one in ids]
    else:
        everything = rounds.read_rounds(state, states=(RoundState.DEAD,))
        found = [one for one in everything if _is_meant(one, trigger, sensor)]
    if not found:
        click.echo("No dead letters to retry.", err=True)
        return
    in_pod = retry_dead_letters(folder, [one.key for one in found])
    holds = marks.read_holds(state)
    for one in found:
        if one.sensor in holds:
            click.echo(f"{one.key}: {one.sensor} is held: tried after pointsman release sensor {one.sensor}")
    found = [one for one in found if one.sensor not in holds]
    if not found:
        return
    count = f"{len(found)} dead letter{'s' if len(found) > 1 else ''}"
    if not in_pod and not folder.is_running():
        click.echo(f"{count} will be retried when `pointsman up` starts with this state folder.")
        return
    if not wait:
        click.echo(f"{count} will be retried now.")
        return
    if not _tell(state, found):
        sys.exit(1)


def _is_meant(one: KeptRound, trigger: str, sensor: str) -> bool:
    return (not trigger or one.trigger == trigger) and (
        not sensor or sensor in (one.sensor, one.sensor.partition("/")[2])
    )


def _tell(state: Path, found: list[KeptRound]) -> bool:
    """Say what becomes of each as it happens; whether all were tried, and submitted (or dropped by a filter)."""
    open_ones = {one.key: one for one in found}
    failed = False
    deadline = time.monotonic() + _WAIT
    while open_ones and time.monotonic() < deadline:
        now = {one.key: one for one in rounds.read_rounds(state, states=RoundState)}
        for key, one in list(open_ones.items()):
            new = now.get(key)
            if new is None:
                click.echo(f"{key}: {_outcome(state, one)}")
            elif new.state is RoundState.PARKED:
                click.echo(f"{key}: waits for its target: {new.detail}")
            elif new.state is RoundState.DEAD:
                failed = True
                click.echo(f"{key}: still dead: {new.detail}")
            else:
                continue
            del open_ones[key]
        time.sleep(0.1)
    for key in open_ones:
        click.echo(f"{key}: the order is written, and not carried out yet; see pointsman get deadletters", err=True)
    return not failed and not open_ones


def _outcome(state: Path, one: KeptRound) -> str:
    rows = [
        row
        for event_id in one.events.split(",")
        for row in ledger.read_outcomes(state, event_id)
        if row["sensor"] == one.sensor and (not one.trigger or row["trigger"] == one.trigger)
    ]
    return (
        "; ".join(dict.fromkeys(f"{row['outcome']} {row['target'] or row['detail']}".strip() for row in rows)) or "done"
    )
