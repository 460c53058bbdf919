"""What all kinds of ``pointsman get`` take, and say when there is nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import click

from events.cli.printing import plain

__all__ = ["not_found", "options", "state_option"]

_OUTPUTS = click.Choice(["wide", "yaml", "json", "name"])

state_option = click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=Path(".pointsman"),
    envvar="POINTSMAN_STATE",
    show_default=True,
    help="State folder.",
)


def options(function: Callable[..., None]) -> Callable[..., None]:
    """NAME, the output form, the namespace and the state folder."""
    decorators = [
        click.argument("name", required=False),
        click.option("-o", "--output", type=_OUTPUTS, help="Output form; a table without it."),
        click.option("-n", "--namespace", default="", help="Only of this namespace."),
        state_option,
        click.option("--no-headers", is_flag=True, help="No line with the names of the columns."),
    ]
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


def not_found(kind: str, name: str, where: str = "in this state folder") -> NoReturn:
    """There is nothing of this name: told on stderr, with status 1."""
    click.echo(f"error: there is no {kind} '{plain(name)}' {where}", err=True)
    sys.exit(1)
