"""``pointsman get workflows``: what was started, from the local store, a cluster, or Argo Server with its archive."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from events.cli.get_options import not_found, options
from events.cli.printing import age, moment_of, objects, plain, table
from events.cli.state import StateFolder
from events.errors import Refused, SpecError
from events.kube import Object
from events.kube.argo_server import ArgoServer, open_argo_server
from events.kube.local import read_workflows
from events.kube.workflows import TemplateQuery, facts

__all__ = ["workflows"]

API = "argoproj.io/v1alpha1"
_COLUMNS = ["NAMESPACE", "NAME", "TEMPLATE", "PHASE", "AGE", "STARTED BY"]
_WIDE = ["PARAMETERS", "CREATOR", "EVENT", "DELIVERY"]
_PAGE = 500

_FIELDS = ("metadata", "spec.arguments", "spec.workflowTemplateRef", "status.phase")
"""What a table shows; the rest of a Workflow may be large."""

_EXAMPLES = """\b
Examples:
  pointsman get workflows --template ci -o wide
  pointsman get workflows --template clusterworkflowtemplate/ci -A --kube
  ARGO_TOKEN="Bearer …" pointsman get workflows --template ci -n builds --argo-server https://argo.example.com:2746
"""


@dataclass(frozen=True)
class _Asked:
    """Which Workflows. ``namespace`` is empty for all; ``whole``: all of each is shown."""

    name: str
    namespace: str
    template: TemplateQuery | None
    whole: bool

    @property
    def selectors(self) -> list[str]:
        return [""] if self.template is None else self.template.selectors

    def only(self, found: Iterable[Object | None]) -> list[Object]:
        """Those of the template, when one is asked for."""
        return [one for one in found if one is not None and (self.template is None or self.template.holds(one))]


def _read_template(ctx: click.Context, param: click.Parameter, text: str | None) -> TemplateQuery | None:
    return None if text is None else TemplateQuery.of(text)


@click.command(
    "workflows",
    short_help="Workflows of the local store, a cluster or Argo Server",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EXAMPLES,
)
@click.option(
    "--template", metavar="[KIND/]NAME", callback=_read_template,
    help="Only of this WorkflowTemplate or ClusterWorkflowTemplate.",
)  # fmt: skip
@options
@click.option("-A", "--all-namespaces", is_flag=True, help="Of all namespaces.")
@click.option("--kube", is_flag=True, help="From the cluster of the kubeconfig instead of the local store.")
@click.option("--context", metavar="NAME", help="Context of the kubeconfig (with --kube).")
@click.option(
    "--argo-server", "url", metavar="URL", help="From Argo Server and its archive; the token is in ARGO_TOKEN."
)
@click.option(
    "--token-file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The token for Argo Server, in a file.",
)  # fmt: skip
@click.option("--insecure-skip-verify", is_flag=True, help="Take any certificate of Argo Server.")
def workflows(
    name: str | None,
    template: TemplateQuery | None,
    output: str | None,
    namespace: str,
    all_namespaces: bool,
    state: Path,
    kube: bool,
    context: str | None,
    url: str | None,
    token_file: Path | None,
    insecure_skip_verify: bool,
    no_headers: bool,
) -> None:
    """Workflows, oldest first, with who or what started each.

    Without --kube or --argo-server those of the local store. In a cluster they are those of namespace `default`, unless -n or -A
    says otherwise. Argo Server also knows Workflows that were deleted in the cluster, from its archive.
    """
    if kube and url:
        raise click.UsageError("give either --kube or --argo-server")
    if context and not kube:
        raise click.UsageError("--context goes with --kube")
    if not url and (token_file or insecure_skip_verify):
        raise click.UsageError("--token-file and --insecure-skip-verify go with --argo-server")
    if all_namespaces and (namespace or name):
        raise click.UsageError("-A goes neither with a name nor with -n")
    remote = "default" if (kube or url) and not all_namespaces else ""
    asked = _Asked(name or "", namespace or remote, template, output in ("yaml", "json"))
    if url:
        where = "behind this Argo Server"
        found = asyncio.run(_of_argo_server(url, asked, _authorization(token_file), verify=not insecure_skip_verify))
    elif kube:
        where = "in this cluster"
        found = asyncio.run(_of_cluster(context, asked))
    else:
        where = "in this state folder"
        found = _of_store(state, asked)
    if name and not found:
        not_found("workflow", name, where)
    _show(found, output, one=bool(name), headers=not no_headers)


# -- where they come from --------------------------------------------------------------------------------------------


def _of_store(state: Path, asked: _Asked) -> list[Object]:
    StateFolder(state).check()
    named = asked.template.name if asked.template is not None else ""
    found = read_workflows(state, namespace=asked.namespace, name=asked.name, template=named)
    return asked.only(found)


async def _of_cluster(context: str | None, asked: _Asked) -> list[Object]:
    from events.kube.client import open_cluster  # needs a large library

    async with open_cluster(context) as cluster:
        if asked.name:
            one = await cluster.get(API, "Workflow", asked.namespace, asked.name)
            return asked.only([one])
        lists = [
            await cluster.find(API, "Workflow", asked.namespace, labels=labels, page=_PAGE)
            for labels in asked.selectors
        ]
    return _merged(lists)


async def _of_argo_server(url: str, asked: _Asked, authorization: str, *, verify: bool) -> list[Object]:
    if authorization and url.startswith("http://"):
        click.echo("note: the token goes over plain HTTP, for everybody on the way to read", err=True)
    async with open_argo_server(url, authorization, verify=verify) as server:
        if asked.name:
            one = await server.workflow(asked.namespace, asked.name)
            return asked.only([one])
        fields = () if asked.whole else _FIELDS
        lists = [await server.workflows(asked.namespace, labels, fields) for labels in asked.selectors]
        return _merged([*lists, *await _archived(server, asked)])


async def _archived(server: ArgoServer, asked: _Asked) -> list[list[Object]]:
    """What the archive has; that it cannot be asked is told, since what lives is there all the same."""
    try:
        return [await server.archived(asked.namespace, labels) for labels in asked.selectors]
    except Refused as error:
        click.echo(f"note: without the archive: {plain(str(error))}", err=True)
        return []


def _authorization(token_file: Path | None) -> str:
    """The header value: ``argo auth token`` gives it whole, others give the token alone."""
    if token_file is not None:
        try:
            token = token_file.read_text(errors="replace").strip()
        except OSError as error:
            raise SpecError(f"{token_file} cannot be read: {error.strerror}") from None
    else:
        token = os.environ.get("ARGO_TOKEN", "").strip()
    return token if not token or token.startswith(("Bearer ", "Basic ")) else f"Bearer {token}"


def _merged(lists: Iterable[list[Object]]) -> list[Object]:
    """Each Workflow once, oldest first. What comes first counts: what lives is newer than what is in the archive."""
    found: dict[str, Object] = {}
    for workflows in lists:
        for workflow in workflows:
            metadata = workflow.get("metadata") or {}
            found.setdefault(
                str(metadata.get("uid") or f"{metadata.get('namespace')}/{metadata.get('name')}"), workflow
            )
    return sorted(found.values(), key=lambda w: ((f := facts(w)).created, f.namespace, f.name))


# -- how they are shown ----------------------------------------------------------------------------------------------


def _show(found: list[Object], output: str | None, *, one: bool, headers: bool) -> None:
    if output in ("yaml", "json"):
        objects(found, output, one=one)
    elif output == "name":
        for workflow in found:
            click.echo(f"workflow.argoproj.io/{facts(workflow).name}")
    else:
        wide = output == "wide"
        rows = [_row(workflow, wide=wide) for workflow in found]
        table(_COLUMNS + (_WIDE if wide else []), rows, headers=headers, what="workflows")


def _row(workflow: dict[str, Any], *, wide: bool) -> list[str]:
    w = facts(workflow)
    template = f"{w.template} (cluster)" if w.cluster_scope else w.template
    row = [w.namespace, w.name, template, w.phase, _age(w.created), w.started_by]
    if wide:
        row += [",".join(f"{name}={value}" for name, value in w.parameters), w.creator, w.event, w.delivery]
    return row


def _age(created: str) -> str:
    began = moment_of(created)
    return "" if began is None else age(began)
