"""``pointsman lint``: check manifests offline, as the reference's controller checks them and further."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import orjson

from events import manifests
from events.cli.findings import judge
from events.manifests import STDIN, Bundle, Located
from events.models.base import Finding
from sensor.scripts import ScriptWorker

__all__ = ["command"]


@click.command("lint", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("paths", nargs=-1, required=True, metavar="FILE|DIR|-...")
@click.option("-n", "--namespace", default="default", show_default=True, help="For objects that name none.")
@click.option("-R", "--recursive", is_flag=True, help="Read folders below the given ones, too.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
def command(paths: tuple[str, ...], namespace: str, recursive: bool, output: str, strict: bool) -> None:
    """Check manifests offline; - reads them from stdin (kustomize build | pointsman lint -).

    Each line says where (file:line:column), which object and field, and what is wrong. An error is what the controller of Argo
    Events refuses, or what cannot work; a warning is what may not do what it reads like; a note is what `up` wants besides.

    Exit codes: 0 no errors, 1 errors, 2 a path that cannot be read.
    """
    bundle = manifests.load(paths, namespace=namespace, recursive=recursive)
    bundle.findings += _without_objects(bundle, paths)
    with ScriptWorker() as scripts:
        checked = judge(bundle, scripts)
    findings = checked.findings
    errors, warnings = (sum(f.finding.severity == s for f in findings) for s in ("error", "warning"))
    if output == "json":
        click.echo(orjson.dumps(_report(bundle, findings, errors, warnings), option=orjson.OPT_INDENT_2))
    else:
        for located in findings:
            click.echo(_safe(str(located)))
        for note in checked.notes:
            click.echo(_safe(f"note: {note}"))
        click.echo(_summary(bundle, errors, warnings))
    if not all(path == "-" or os.access(path, os.R_OK) for path in paths):
        sys.exit(2)
    sys.exit(1 if errors or (strict and warnings) else 0)


def _without_objects(bundle: Bundle, paths: tuple[str, ...]) -> Iterator[Located]:
    """An error for each path that was read and holds no object: what was to be checked is not there.

    A file may be empty beside others in a folder.
    """
    for path in map(Path, paths):
        files = [file for file in bundle.files if file == path or path in file.parents]
        if files and all(file in bundle.hollow for file in files):
            where = "folder" if path.is_dir() else "file"
            finding = Finding("error", "", f"there is no Kubernetes object in this {where}")
            yield Located(finding, None, "<stdin>" if path == STDIN else str(path))


def _report(bundle: Bundle, findings: list[Located], errors: int, warnings: int) -> dict[str, Any]:
    return {
        "findings": [_entry(located) for located in findings],
        "files": len(bundle.files),
        "objects": len(bundle.manifests),
        "errors": errors,
        "warnings": warnings,
    }


def _entry(located: Located) -> dict[str, Any]:
    manifest, finding = located.manifest, located.finding
    return {
        "file": _safe(located.file),
        "line": located.line,
        "column": located.column,
        "severity": finding.severity,
        "kind": manifest.kind if manifest else "",
        "namespace": _safe(manifest.namespace) if manifest else "",
        "name": _safe(manifest.name) if manifest else "",
        "path": _safe(finding.path),
        "message": _safe(finding.message),
        "hint": _safe(finding.hint),
    }


def _safe(text: str) -> str:
    """Without lone surrogates, which a file name or an escaped text may hold and no terminal takes."""
    return text.encode("utf-8", "replace").decode()


def _summary(bundle: Bundle, errors: int, warnings: int) -> str:
    what = f"{_count(len(bundle.manifests), 'object')} in {_count(len(bundle.files), 'file')}"
    if not errors and not warnings:
        return f"{what}: no errors, no warnings"
    return f"{what}: {_count(errors, 'error')}, {_count(warnings, 'warning')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
