"""What all kinds of ``pointsman get`` take, and say when there is nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import click

from eventbus import ledger
from events.cli.printing import plain
from events.errors import SpecError

__all__ = ["not_found", "options", "state_option", "whole_id"]

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
        click.argument("name", required=False, callback=_not_empty),
        click.option("-o", "--output", type=_OUTPUTS, help="Output form; a table without it."),
        click.option("-n", "--namespace", default="", help="Only of this namespace."),
        state_option,
        click.option("--no-headers", is_flag=True, help="No line with the names of the columns."),
    ]
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


def _not_empty(_: click.Context, __: click.Parameter, name: str | None) -> str | None:
    """An empty name is refused: a variable of a script may be unset, and each name begins so."""
    if name == "":
        raise click.BadParameter("it is empty; leave it out for all")
    return name


def not_found(kind: str, name: str, where: str = "in this state folder") -> NoReturn:
    """There is nothing of this name: told on stderr, with status 1."""
    click.echo(f"error: there is no {kind} '{plain(name)}' {where}", err=True)
    sys.exit(1)


def whole_id(state: Path, beginning: str) -> str:
    """The id of the event whose id begins so; ``beginning`` when there is none. Raises SpecError when several do."""
    found = ledger.find_event_ids(state, beginning)
    if len(found) > 1:
        raise SpecError(
            f"several events begin with '{plain(beginning)}': {', '.join(found)}", hint="write more of the id"
        )
    return found[0] if found else beginning
