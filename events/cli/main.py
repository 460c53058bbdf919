"""The command ``pointsman``. A command is the object ``command`` of its own file, imported only when it is called."""

from __future__ import annotations

import importlib
import os
import sys

import click

from events.errors import PointsmanError, Refused, Unavailable
from events.registry import did_you_mean
from events.version import __version__

__all__ = ["main"]

COMMANDS = {
    "up": "Run everything in these manifests, here, on an embedded bus",
    "demo": "See the whole product work: a signed push arrives, a Workflow is submitted",
    "send": "Send a signed sample delivery of a Git server",
    "get": "Show events, Workflows, dead letters and accounts of a state folder",
    "retry": "Submit dead letters again",
    "hold": "Let a sensor pull no more events: they wait on the bus",
    "release": "Let a sensor that is held go on",
    "explain": "Show what a delivery or an event would do, and why, without doing it",
    "eventsource": "Serve the webhooks of one EventSource, in a pod that the controller makes",
    "sensor": "Run one Sensor, in a pod that the controller makes",
    "server": "Take posted events for the WorkflowEventBindings of a cluster, as Argo Server does",
    "lint": "Check manifests offline",
    "hooks": "Plan, make, show and delete hooks at the Git servers",
    "controller": "Run what the EventBuses, EventSources and Sensors of a cluster ask for",
    "crds": "Print the CustomResourceDefinitions for a cluster",
    "install": "Print the manifests of an installation",
    "rbac": "Print the rights that Sensors need",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"events.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            hint = did_you_mean(args[0], list(COMMANDS))
            raise click.UsageError(f"{error.message.rstrip('.')}{f', {hint}' if hint else '.'}", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, "-V", "--version", prog_name="pointsman")
def cli() -> None:
    """Git servers say what happened; Pointsman starts the right Argo Workflow, once, and can tell why."""


def main() -> None:
    """Entry point. Exit codes: 0 well, 1 something failed, 2 what was asked for is wrong."""
    _only_our_packages()
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.Abort:
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2 if isinstance(error, click.UsageError) else error.exit_code)
    except PointsmanError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1 if isinstance(error, (Unavailable, Refused)) else 2)
    except BrokenPipeError:  # `pointsman get … | head`
        _write_no_more()
        sys.exit(1)
    except OSError as error:  # a full disk behind stdout, say
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"error: {where}{error.strerror or error}", err=True)
        _write_no_more()
        sys.exit(1)


def _write_no_more() -> None:
    """What is left in the buffer of stdout goes nowhere: Python writes it at the end, and would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _only_our_packages() -> None:
    """``events`` is also the name of a popular package; installed over ours it would break us in odd ways."""
    from importlib.metadata import packages_distributions

    owners = set(packages_distributions().get("events", [])) - {"pointsman"}
    if owners:
        click.echo(
            f"error: package 'events' in this environment belongs to {', '.join(sorted(owners))} as well; "
            "install pointsman in an environment of its own",
            err=True,
        )
        sys.exit(2)


if __name__ == "__main__":
    main()
