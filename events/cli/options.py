"""The options of ``up``, and what they make of the manifests."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

from eventbus.spool import DEFAULT_LIMIT
from events import manifests
from events.cli.endpoint import EndpointOptions
from events.cli.plan import Plan, Signature, make_plan
from events.cli.quantities import DAY
from events.cli.up_hooks import want_hooks
from events.errors import SpecError
from events.manifests import Located
from events.models.base import Finding

__all__ = ["UpOptions", "plan_of", "secret_values", "show_findings", "signature"]


@dataclass(frozen=True)
class UpOptions:
    """The options of ``up``. ``retention`` in seconds; ``spool`` and ``bus_size`` (of each EventBus; None: by the disk) in bytes."""

    paths: tuple[str, ...]
    state: Path = Path(".pointsman")
    host: str = "127.0.0.1"
    namespace: str = "default"
    recursive: bool = False
    nats: str | None = None
    nats_ca: Path | None = None
    kube: bool = False
    context: str | None = None
    secrets: Mapping[str, bytes | Path] = field(default_factory=dict)
    """By ``[namespace/]name/key``: the value, or the file that it stands in."""
    watch: bool = False
    register_hooks: bool = False
    admin_port: int | None = None
    retention: float = 7 * DAY
    sync: str = "always"
    spool: int = DEFAULT_LIMIT
    bus_size: int | None = None
    log_level: str = "info"
    log_style: str = "auto"
    bindings_port: int | None = None
    endpoint: EndpointOptions = field(default_factory=EndpointOptions)


def plan_of(options: UpOptions) -> Plan:
    """Read and compile the manifests."""
    seen = signature(options)
    bundle = manifests.load(options.paths, namespace=options.namespace, recursive=options.recursive)
    plan = make_plan(
        bundle,
        host=options.host,
        secrets=secret_values(options.secrets),
        environment=os.environ,
        has_cluster=options.kube,
        meets_buses=options.nats is None,
    )
    plan.signature = seen
    if not options.register_hooks and want_hooks(plan.sources):
        text = "hooks are not made at the Git servers: these manifests ask for some"
        finding = Finding("warning", "", text, "start with --register-hooks, or see `pointsman hooks plan`")
        plan.findings.append(Located(finding, None))
    return plan


def signature(options: UpOptions) -> Signature:
    """Files with the time of their last change and their size: differs when anything was edited.

    Only files that are read: the folder may also hold a log, or the state folder, which change with all that ``up`` does.
    """
    files = {value for value in options.secrets.values() if isinstance(value, Path)}
    for given in map(Path, options.paths):
        files.update(manifests.in_folder(given, recursive=options.recursive) if given.is_dir() else [given])
    found = []
    for file in files:
        with contextlib.suppress(OSError):
            status = file.stat()
            found.append((str(file), status.st_mtime_ns, status.st_size))
    return tuple(sorted(found))


def secret_values(secrets: Mapping[str, bytes | Path]) -> dict[str, bytes]:
    """The values, those in files as they are now. Raises SpecError for a file that cannot be read."""
    return {name: _content(value) if isinstance(value, Path) else value for name, value in secrets.items()}


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SpecError(f"{file} cannot be read: {error.strerror}", path="--secret") from None


def show_findings(plan: Plan, *, known: Collection[str] | None = None) -> None:
    """Errors and warnings to stderr, as a compiler prints them; with ``known`` not the warnings that were shown before, nor notes."""
    for located in plan.findings:
        if known is None or located.finding.severity == "error" or str(located) not in known:
            click.echo(str(located), err=True)
    for note in plan.notes if known is None else ():
        click.echo(f"note: {note}", err=True)
