"""``pointsman crds``: the CustomResourceDefinitions, made from the models."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from events.cli.definitions import BINDINGS, DEFINITIONS, definition, file_name
from events.cli.printing import documents
from events.errors import SpecError

__all__ = ["command"]


@click.command("crds", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--with-bindings", is_flag=True, help="WorkflowEventBinding, too: for a cluster without Argo Workflows.")
@click.option("--write", type=click.Path(path_type=Path, file_okay=False), help="Write a file a kind into this folder.")
@click.option(
    "--check", type=click.Path(path_type=Path, file_okay=False, exists=True), help="Compare with such a folder."
)
def command(with_bindings: bool, write: Path | None, check: Path | None) -> None:
    """Print the CustomResourceDefinitions (pointsman crds | kubectl apply --server-side -f -).

    They may replace those of Argo Events: what these took, they take.

    Exit codes of --check: 0 the files are as they would be written, 1 they differ.
    """
    if write is None and check is None:
        wanted = (*DEFINITIONS, BINDINGS) if with_bindings else DEFINITIONS
        click.echo(documents(definition(each) for each in wanted), nl=False)
        return
    texts = {file_name(each): documents([definition(each)]) for each in (*DEFINITIONS, BINDINGS)}
    if write is not None:
        try:
            write.mkdir(parents=True, exist_ok=True)
            for name, text in texts.items():
                (write / name).write_text(text)
        except OSError as error:
            raise SpecError(f"{error.filename} cannot be written: {error.strerror}", path="--write") from None
    if check is not None:
        stale = [name for name, text in texts.items() if _read(check / name) != text]
        for name in stale:
            click.echo(f"{check / name} is not what the models say; run: pointsman crds --write {check}", err=True)
        sys.exit(1 if stale else 0)


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None
