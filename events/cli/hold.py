"""``pointsman hold|release sensor NAME``: events wait on the bus until a person wants them to go on."""

from __future__ import annotations

from pathlib import Path

import click

from eventbus import tally
from events.cli.get_options import state_option
from events.cli.ordering import hold_sensors
from events.cli.state import StateFolder

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
        sensors = [name if "/" in name else f"{namespace}/{name}" for name in names]
        in_pod = hold_sensors(folder, sensors, held=held)
        known = {one.sensor for one in tally.read_checkpoints(state)}
        when = "now" if in_pod or folder.is_running() else "when `pointsman up` starts with this state folder"
        for sensor in sensors:
            click.echo(f"{sensor} {'is held' if held else 'goes on'} {when}.")
            if sensor not in known:
                click.echo(f"warning: no sensor {sensor} has run with this state folder", err=True)

    run.help = f"{'Hold' if held else 'Release'} sensors by name; one that runs obeys within a second."
    return run


command.add_command(_sensor(held=True))
release.add_command(_sensor(held=False))
