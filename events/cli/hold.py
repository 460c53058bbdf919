"""``pointsman hold|release sensor NAME``: events wait on the bus until a person wants them to go on."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from eventbus import ledgercopy, marks, tally
from events.cli.get_options import state_option
from events.cli.ordering import hold_sensors
from events.cli.printing import plain
from events.cli.state import StateFolder
from events.errors import SpecError

__all__ = ["command", "release"]

_WAIT = 15.0


@click.group("hold", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Let a sensor pull no more events: they wait on the bus, also through restarts, and nothing is lost."""


@click.group("release", context_settings={"help_option_names": ["-h", "--help"]})
def release() -> None:
    """Let a sensor that is held go on with the events that have waited."""


def _sensor(held: bool) -> click.Command:
    @click.command("sensor")
    @click.argument("names", nargs=-1, required=True, metavar="NAME...")
    @click.option(
        "-n",
        "--namespace",
        default="default",
        envvar="POD_NAMESPACE",
        show_default=True,
        help="Namespace of the sensors.",
    )
    @state_option
    def run(names: tuple[str, ...], namespace: str, state: Path) -> None:
        folder = StateFolder(state)
        folder.check()
        sensors = [_whole_name(name, namespace) for name in names]
        place = hold_sensors(folder, sensors, held=held)
        known = {one.sensor for one in tally.read_checkpoints(state)} | marks.read_obeyed(state).keys()
        runs = bool(place) or folder.is_running()
        for sensor in sensors:
            if sensor not in known:  # an order may come before the first start; but it may also be a misspelt name
                click.echo(f"{sensor} is {'held' if held else 'not held'} once it runs here.")
                click.echo(f"warning: no sensor {sensor} has run with this state folder", err=True)
            elif not runs:
                click.echo(f"{_told(sensor, held)} when `pointsman up` starts with this state folder.")
        if runs and not _tell(state, [one for one in sensors if one in known], held, place):
            sys.exit(1)

    run.help = f"""{"Hold" if held else "Release"} sensors by name, and wait until those that run obey: within a second, as a rule.

    {"What a sensor is at work on is finished; it begins with no other event once it is held." if held else "The events that have waited come first."}
    """
    return run


def _tell(state: Path, sensors: Sequence[str], held: bool, place: int) -> bool:
    """Say of each sensor when its process has confirmed that it obeys; whether all have. ``place`` of an order that went over the bus."""
    waiting = list(dict.fromkeys(sensors))
    deadline = time.monotonic() + _WAIT
    while waiting:
        obeyed = marks.read_obeyed(state) if not place or ledgercopy.orders_done(state) >= place else {}
        for sensor in [one for one in waiting if obeyed.get(one) is held]:
            click.echo(f"{_told(sensor, held)}.")
            waiting.remove(sensor)
        if time.monotonic() > deadline:
            break
        if waiting:
            time.sleep(0.1)
    for sensor in waiting:
        order = "hold it" if held else "let it go on"
        click.echo(f"{sensor}: the order to {order} is written; the sensor has not confirmed it yet", err=True)
    return not waiting


def _told(sensor: str, held: bool) -> str:
    return f"{sensor} {'is held' if held else 'goes on'}"


def _whole_name(name: str, namespace: str) -> str:
    """With its namespace. Raises SpecError for what can be no sensor's name."""
    whole = name if "/" in name else f"{namespace}/{name}"
    if whole.count("/") > 1 or not all(whole.split("/")):
        raise SpecError(f"'{plain(name)}' is no name of a sensor", hint="write NAME or NAMESPACE/NAME")
    return whole


command.add_command(_sensor(held=True))
release.add_command(_sensor(held=False))
