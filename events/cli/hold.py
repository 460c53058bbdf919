"""``pointsman hold|release sensor NAME``: events wait on the bus until a person wants them to go on."""

from __future__ import annotations

from pathlib import Path

import click

from eventbus import tally
from events.cli.get_options import state_option
from events.cli.ordering import hold_sensors
from events.cli.printing import plain
from events.cli.state import StateFolder
from events.errors import SpecError

__all__ = ["command", "release"]


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
        in_pod = hold_sensors(folder, sensors, held=held)
        known = {one.sensor for one in tally.read_checkpoints(state)}
        when = "now" if in_pod or folder.is_running() else "when `pointsman up` starts with this state folder"
        for sensor in sensors:
            if sensor in known:
                click.echo(f"{sensor} {'is held' if held else 'goes on'} {when}.")
            else:  # an order may come before the first start; but it may also be a misspelt name
                click.echo(f"{sensor} is {'held' if held else 'not held'} once it runs here.")
                click.echo(f"warning: no sensor {sensor} has run with this state folder", err=True)

    run.help = f"{'Hold' if held else 'Release'} sensors by name; one that runs obeys within a second."
    return run


def _whole_name(name: str, namespace: str) -> str:
    """With its namespace. Raises SpecError for what can be no sensor's name."""
    whole = name if "/" in name else f"{namespace}/{name}"
    if whole.count("/") > 1 or not all(whole.split("/")):
        raise SpecError(f"'{plain(name)}' is no name of a sensor", hint="write NAME or NAMESPACE/NAME")
    return whole


command.add_command(_sensor(held=True))
release.add_command(_sensor(held=False))
