"""``pointsman hooks``: what would be done at the forges, doing it, how the hooks are, and deleting them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click

from events import logs, manifests
from events.cli.hooks_work import Row, Work, from_manifests, from_pod
from events.cli.options import secret_values
from events.cli.printing import as_json, table
from events.cli.up import given_secrets
from events.errors import SpecError

__all__ = ["command"]

_SIGNS = {"create": "+", "update": "~", "delete": "-", "keep": "="}
_BAD = ("failing", "refused", "contested", "missing", "differs", "surplus", "disabled")


@click.group("hooks", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Plan, make, show and delete the hooks that EventSources ask for at GitHub, GitLab and Bitbucket.

    Of each event with credentials and a webhook.url. A hook is ours when its URL is; no other is ever touched.
    """


def _options(function: Callable[..., None]) -> Callable[..., None]:
    decorators = [
        click.option("-n", "--namespace", default="default", show_default=True, help="For objects that name none."),
        click.option("-R", "--recursive", is_flag=True, help="Read folders below the given ones, too."),
        click.option(
            "--secret", "secrets", multiple=True, callback=given_secrets, metavar="[NAMESPACE/]NAME/KEY=VALUE|@FILE",
            help="A Secret's value. Also from the environment, as for `up`.",
        ),
        click.option(
            "--state", type=click.Path(path_type=Path), default=Path(".pointsman"), show_default=True,
            help="State folder, where fingerprints of secrets are kept.",
        ),
        click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True),
    ]  # fmt: skip
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


_paths = click.argument("paths", nargs=-1, required=True, metavar="FILE|DIR|-...")


@command.command("plan")
@_paths
@_options
@click.option("--exit-code", is_flag=True, help="Exit with 2 when something would be changed.")
def plan(paths: tuple[str, ...], exit_code: bool, output: str, **options: Any) -> None:
    """Show what would be created, changed and deleted. Nothing is changed.

    Exit codes: 0 done, 1 a forge could not be asked or two EventSources want a hook in two ways, 2 what was asked for is wrong; with --exit-code 2 also for changes.
    """
    rows = _run(paths, options, lambda work: work.plan())
    _show(rows, output)
    if output == "text":
        counts = {action: sum(row.state == action for row in rows) for action in _SIGNS}
        contested = sum(row.state == "contested" for row in rows)
        unknown = sum(row.state not in _SIGNS for row in rows) - contested
        click.echo(
            f"Plan: {counts['create']} to create, {counts['update']} to update, {counts['delete']} to delete, "
            f"{counts['keep']} as they should be{f'; {contested} contested' if contested else ''}"
            f"{f'; of {unknown} nothing is known' if unknown else ''}."
        )
    changes = any(row.state in ("create", "update", "delete") for row in rows)
    sys.exit(1 if _bad(rows) else 2 if changes and exit_code else 0)


@command.command("apply")
@_paths
@_options
def apply(paths: tuple[str, ...], output: str, **options: Any) -> None:
    """Create and change hooks, and delete what there is twice.

    Exit codes: 0 all hooks are as they should be, 1 not all, 2 what was asked for is wrong.
    """
    rows = _run(paths, options, lambda work: work.apply())
    _show(rows, output)
    sys.exit(1 if _bad(rows) else 0)


@command.command("status", short_help="Show the hooks: whether they are there, right, and get through.")
@_paths
@_options
def status(paths: tuple[str, ...], output: str, **options: Any) -> None:
    """Show the hooks: whether they are there and as they should be, the last delivery, and which fail or are disabled.

    Exit codes: 0 all is well, 1 it is not, 2 what was asked for is wrong.
    """
    rows = _run(paths, options, lambda work: work.status())
    _show(rows, output, last=True)
    sys.exit(1 if _bad(rows) else 0)


@command.command("delete")
@click.argument("paths", nargs=-1, metavar="[FILE|DIR|-...]")
@_options
@click.option("--on-finish", is_flag=True, help="Only of events with deleteHookOnFinish.")
@click.option("--keep-url", "kept", multiple=True, metavar="URL", help="Not the hooks with this URL.")
def delete(paths: tuple[str, ...], on_finish: bool, kept: tuple[str, ...], output: str, **options: Any) -> None:
    """Delete the hooks of these EventSources. Without manifests that of the pod (POINTSMAN_OBJECT), as its controller asks.

    Exit codes: 0 none is left, 1 not all could be deleted, 2 what was asked for is wrong.
    """
    rows = _run(paths, options, lambda work: work.delete(on_finish=on_finish, kept=kept))
    _show(rows, output)
    sys.exit(1 if _bad(rows) else 0)


def _run(paths: tuple[str, ...], options: dict[str, Any], do: Callable[[Work], Awaitable[list[Row]]]) -> list[Row]:
    logs.configure("warning", style="auto")
    if paths:
        bundle = manifests.load(paths, namespace=options["namespace"], recursive=options["recursive"])
        work = from_manifests(bundle, secret_values(options["secrets"]), os.environ, options["state"])
    else:
        work = from_pod(os.environ)
    for finding in work.findings:
        click.echo(finding, err=True)
    if work.errors:
        raise SpecError("nothing was done", hint="mend the manifests")

    async def run() -> list[Row]:
        async with work:
            return await do(work)

    return asyncio.run(run())


def _bad(rows: list[Row]) -> bool:
    return any(row.state in _BAD for row in rows)


def _show(rows: list[Row], output: str, *, last: bool = False) -> None:
    if output == "json":
        click.echo(as_json([row.to_json() for row in rows]))
        return
    columns = ["STATE", "EVENTSOURCE", "EVENT", "TARGET", "URL", *(["LAST DELIVERY"] if last else []), "MESSAGE"]
    lines = [
        [
            f"{_SIGNS.get(row.state, '')} {row.state}".strip(), row.source, row.event, row.target, row.url,
            *([row.last] if last else []), row.message,
        ]
        for row in rows
    ]  # fmt: skip
    table(columns, lines, headers=True, what="events with hooks")
