"""``pointsman explain``: what a delivery or an event would do, and why. A dry run through the code that does it in earnest."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

import click

from eventbus import ledger
from events import manifests
from events.cli import live, recorded
from events.cli.endpoint import DEFAULT_PORT, EndpointOptions
from events.cli.explain_objects import as_object
from events.cli.explain_text import lines
from events.cli.explaining import Compiled, Explanation, Known, of_delivery, of_event, of_post
from events.cli.get_options import whole_id
from events.cli.plan import Plan, make_plan
from events.cli.printing import as_json, as_yaml, plain
from events.cli.recorded import Recorded, Target
from events.cli.send import read_headers
from events.cli.state import StateFolder
from events.cli.up import read_secrets
from events.errors import SpecError
from events.models.event import rfc3339
from eventsource.delivery import Delivery, canonical
from eventsource.endpoint.explain import is_post
from eventsource.explain import Route, find
from eventsource.forms import unescape
from sensor.scripts import ScriptWorker

__all__ = ["command"]

NOTHING_FIRES = 3
"""Exit code when all is well, but no trigger would fire."""


def _read_now(ctx: click.Context, param: click.Parameter, text: str | None) -> int | None:
    """Nanoseconds since 1970."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None or moment.year < 1970:
            raise ValueError
        return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1_000
    except (ValueError, OverflowError):
        raise click.BadParameter(f"'{text}' is no time; write it as 2026-01-31T12:00:00Z") from None


def _read_target(ctx: click.Context, param: click.Parameter, text: str | None) -> Target | None:
    return Target.of(text) if text is not None else None


_EXAMPLES = """\b
Examples:
  pointsman send github push --secret open-sesame --to http://localhost:12000/push --print > push.http
  pointsman explain manifests/ --delivery push.http
  pointsman explain manifests/ --delivery payload.json -H 'X-GitHub-Event: push' --to /push --no-verify
  pointsman explain manifests/ --event 5d9c7b03a5c5d62a1f0e8b4d1c6a7e20 --state .pointsman
"""


@click.command("explain", context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES)
@click.argument("paths", nargs=-1, required=True, metavar="FILE|DIR|-...")
@click.option(
    "--delivery", type=click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True, path_type=Path),
    metavar="FILE", help="A recorded delivery (- reads stdin).",
)  # fmt: skip
@click.option(
    "--event",
    "event_id",
    metavar="ID",
    help="An event of the state folder, or the beginning of its id, while `up` runs.",
)
@click.option(
    "--to", "target", metavar="URL", callback=_read_target,
    help="Where the delivery was sent, where the file does not say so: a URL, :PORT/PATH or /PATH.",
)  # fmt: skip
@click.option(
    "-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", callback=read_headers,
    help="Another value of a header of the delivery. Repeatable.",
)  # fmt: skip
@click.option("--no-verify", is_flag=True, help="Do not ask for signature or token; Secrets need not be there.")
@click.option(
    "--now", metavar="TIME", callback=_read_now,
    help="When the delivery comes, such as 2026-01-31T12:00:00Z.  [default: now; for --event: when it came]",
)  # fmt: skip
@click.option(
    "--state", type=click.Path(path_type=Path), metavar="DIR",
    help="State folder: what joins keep now counts, and what is recorded is shown.  [default: none; for --event: .pointsman]",
)  # fmt: skip
@click.option(
    "--secret", "secrets", multiple=True, callback=read_secrets, metavar="[NAMESPACE/]NAME/KEY=VALUE|@FILE",
    help="A Secret's value. Also from the environment: POINTSMAN_SECRET__NAME__KEY, in upper case, with _ for - and the like.",
)  # fmt: skip
@click.option("--token", envvar="POINTSMAN_TOKEN", help="The token of `up --token`, for posts that bring one.")
@click.option("-n", "--namespace", default="default", show_default=True, help="For objects that name none.")
@click.option("-R", "--recursive", is_flag=True, help="Read folders below the given ones, too.")
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True)
def command(
    paths: tuple[str, ...],
    delivery: Path | None,
    event_id: str | None,
    target: Target | None,
    headers: dict[str, str],
    no_verify: bool,
    now: int | None,
    state: Path | None,
    secrets: dict[str, bytes],
    token: str | None,
    namespace: str,
    recursive: bool,
    output: str,
) -> None:
    """Show what a delivery or an event would do with these manifests, and why.

    Nothing is submitted or written: which EventSource takes the delivery and whether it is genuine, what each filter clause
    of each dependency saw and said, what a join still waits for, the parameters, and what would be submitted.

    The file of --delivery is a request in HTTP/1.1 (`send --print` shows one), or a JSON object with headers and body, and
    method and path where they are known, or a bare body, for which --to and --header say the rest.

    Exit codes: 0 at least one trigger would fire, 3 none would, 2 what was asked for is wrong, 1 the bus cannot be asked.
    """
    if (delivery is None) == (event_id is None):
        raise click.UsageError("give either --delivery FILE or --event ID")
    if event_id is not None and (target is not None or headers or no_verify):
        raise click.UsageError("--to, --header and --no-verify go with --delivery")
    if "-" in paths and delivery is not None and str(delivery) == "-":
        raise click.UsageError("manifests and --delivery cannot both come from stdin")
    verify = delivery is not None and not no_verify
    with ScriptWorker() as scripts:
        plan = _plan(paths, namespace, recursive, secrets if verify else _AnySecret())
        compiled = Compiled.of(plan, scripts, os.fsencode(token) if token else None)
        if delivery is not None:
            found = _explain_delivery(compiled, _read(delivery), target, headers, verify, now, state)
        else:
            assert event_id is not None
            found = _explain_event(compiled, event_id, now, StateFolder(state or Path(".pointsman")))
    for text in _printed(found, output):
        click.echo(text)
    sys.exit(0 if found.fires else NOTHING_FIRES)


class _AnySecret(Mapping[str, bytes]):
    """Each Secret has some value: where nobody verifies, none is needed."""

    def __getitem__(self, name: str) -> bytes:
        return b"not asked"

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _plan(paths: tuple[str, ...], namespace: str, recursive: bool, secrets: Mapping[str, bytes]) -> Plan:
    """The manifests as ``up`` reads them; prints their errors and raises SpecError when there are any."""
    bundle = manifests.load(paths, namespace=namespace, recursive=recursive)
    plan = make_plan(bundle, host="localhost", secrets=secrets, environment=os.environ, has_cluster=True)
    for error in plan.errors:
        click.echo(plain(str(error)), err=True)
    if plan.errors:
        number = len(plan.errors)
        raise SpecError(f"{number} error{'s' if number > 1 else ''} in the manifests; nothing can be explained")
    return plan


def _read(file: Path) -> Recorded:
    name, content = ("stdin", sys.stdin.buffer.read()) if str(file) == "-" else (file, file.read_bytes())
    try:
        return recorded.read(content)
    except SpecError as error:
        raise SpecError(f"{name} is no recorded delivery: {error.message}", hint=error.hint) from None


def _explain_delivery(
    compiled: Compiled,
    request: Recorded,
    target: Target | None,
    headers: dict[str, str],
    verify: bool,
    now: int | None,
    state: Path | None,
) -> Explanation:
    target = target or request.target or _only_namespace(compiled)
    known, notes = (None, ()) if state is None else _known(compiled, StateFolder(state))
    escaped, _, query = target.path.partition("?") if target is not None else ("", "", "")
    method, fields = request.method or "POST", _fields(request, headers)
    moment = time.time_ns() if now is None else now
    if target is not None and _is_post(compiled, target, escaped):
        delivery = Delivery(method, escaped, fields, request.body, query, moment)
        found = of_post(compiled, delivery, max_body=EndpointOptions.max_payload, verify=verify, known=known)
        return replace(found, notes=(*notes, *_elsewhere(compiled, found)))
    try:
        path = unescape(escaped) if target is not None else None
    except ValueError as error:
        raise SpecError(f"the path '{escaped}' cannot be read: {error}") from None
    route = find(compiled.sources, method, path, target.port if target is not None else None)
    delivery = Delivery(method, path or _endpoint(route), fields, request.body, query, moment)
    return replace(of_delivery(compiled, route, delivery, verify=verify, known=known), notes=notes)


def _only_namespace(compiled: Compiled) -> Target | None:
    """The event endpoint, where nothing else is served, and for one namespace."""
    namespaces = {binding.namespace for binding in compiled.bindings}
    if compiled.sources.listeners or len(namespaces) != 1:
        return None
    return Target(f"/api/v1/events/{namespaces.pop()}/", DEFAULT_PORT)


def _is_post(compiled: Compiled, target: Target, path: str) -> bool:
    """Whether it goes to the event endpoint; an EventSource may serve such a path, too, on a port of its own."""
    served = any(
        table.lookup(path) is not None for port, table in compiled.sources.tables.items() if target.port in (None, port)
    )
    return bool(compiled.bindings) and is_post(path) and not served


def _elsewhere(compiled: Compiled, found: Explanation) -> tuple[str, ...]:
    """A word on a namespace without bindings."""
    if not found.events or found.events[0].bindings:
        return ()
    names = sorted({binding.namespace for binding in compiled.bindings})
    return (f"no WorkflowEventBinding in namespace {found.events[0].namespace}; there are some in {', '.join(names)}",)


def _endpoint(route: Route) -> str:
    endpoint: str = route.listener.webhook.context.endpoint
    return endpoint if endpoint.startswith("/") else f"/{endpoint}"


def _fields(request: Recorded, changes: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The headers by canonical names; a bare body is JSON unless something else is said."""
    changed = {canonical(name): value for name, value in changes.items()}
    fields = [(canonical(name), value) for name, value in request.headers if canonical(name) not in changed]
    fields += changed.items()
    if not request.headers and "Content-Type" not in changed:
        fields.append(("Content-Type", "application/json"))
    return tuple(fields)


def _explain_event(compiled: Compiled, event_id: str, now: int | None, state: StateFolder) -> Explanation:
    state.check()
    rows = list(ledger.read_events(state.path, event_id=whole_id(state.path, event_id)))
    if not rows:
        raise SpecError(f"there is no event '{plain(event_id)}' in {state.path}", hint="see `pointsman get events`")
    known, notes = _known(compiled, state)
    buses = live.addresses(state)
    events = []
    moment = time.time_ns() if now is None else now
    for row in rows:
        event = asyncio.run(live.read_event(buses, row))
        if now is not None:
            event = replace(event, time=rfc3339(now))
        bus = (row["namespace"], row["bus"])
        events.append(of_event(compiled, event, bus, row["delivery"], moment, known))
    return Explanation(None, tuple(events), notes)


def _known(compiled: Compiled, state: StateFolder) -> tuple[Known, tuple[str, ...]]:
    """What the state folder knows, and what it cannot tell now."""
    state.check()
    buses = live.addresses(state)
    joins = asyncio.run(live.read_joins(buses, compiled.sensors))
    notes: tuple[str, ...] = ()
    if not buses and any(trigger.joins for sensor in compiled.sensors for trigger in sensor.triggers):
        notes = ("what joins keep lies on the bus, which does not run: they count as empty",)
    return Known(joins, partial(ledger.read_outcomes, state.path)), notes


def _printed(explanation: Explanation, output: str) -> Iterator[str]:
    if output == "json":
        yield as_json(as_object(explanation))
    elif output == "yaml":
        yield as_yaml(as_object(explanation)).rstrip("\n")
    else:
        yield from lines(explanation)
