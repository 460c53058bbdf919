"""``pointsman rbac``: the Roles that Sensors need, and nothing else. The controller never grants them."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import click

from events import manifests
from events.cli.printing import as_json, documents
from events.manifests import Located, Manifest
from events.models.base import Finding
from sensor.rights import Right, rights_of
from sensor.validation import decode_sensor

__all__ = ["command", "roles"]

Json = dict[str, Any]

API = "rbac.authorization.k8s.io"


@click.command("rbac", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("paths", nargs=-1, required=True, metavar="FILE|DIR|-...")
@click.option("-n", "--namespace", default="default", show_default=True, help="For objects that name none.")
@click.option("-R", "--recursive", is_flag=True, help="Read folders below the given ones, too.")
@click.option("-o", "--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
def command(paths: tuple[str, ...], namespace: str, recursive: bool, output: str) -> None:
    """Print the Roles that the triggers of the Sensors need (pointsman rbac sensors/ | kubectl apply -f -).

    Each is bound to the account that the Sensor names (spec.template.serviceAccountName). What cannot be known from the manifests
    is told on stderr.

    Exit codes: 0 all is known, 1 something is wrong or unknown.
    """
    bundle = manifests.load(paths, namespace=namespace, recursive=recursive)
    found: list[Json] = []
    told = list(bundle.errors)
    for manifest in bundle.of("Sensor"):
        objects, notes = roles(manifest)
        found += objects
        told += [Located.of(manifest, note) for note in notes]
    for located in told:
        click.echo(str(located), err=True)
    if output == "json":
        click.echo(as_json({"apiVersion": "v1", "kind": "List", "items": found}))
    else:
        click.echo(documents(found), nl=False)
    sys.exit(1 if any(located.finding.severity != "note" for located in told) else 0)


def roles(manifest: Manifest) -> tuple[list[Json], list[Finding]]:
    """The Roles and bindings of a Sensor, by namespace, and what is to be said of it."""
    sensor, wrong = decode_sensor(manifest.body)
    if sensor is None:
        return [], wrong
    needed = rights_of(sensor, manifest.namespace)
    by_namespace: dict[str, list[Right]] = defaultdict(list)
    for right in sorted(needed.rights):
        by_namespace[right.namespace].append(right)
    found = []
    for namespace, rights in by_namespace.items():
        home = namespace == manifest.namespace
        name = f"{manifest.name}-sensor" if home else f"{manifest.namespace}:{manifest.name}-sensor"
        found += list(_pair(name, namespace, rights, needed.account, manifest.namespace))
    return found, needed.notes


def _pair(name: str, namespace: str, rights: Iterable[Right], account: str, home: str) -> Iterator[Json]:
    kind = "Role" if namespace else "ClusterRole"
    metadata: Json = {"name": name} | ({"namespace": namespace} if namespace else {})
    yield {"apiVersion": f"{API}/v1", "kind": kind, "metadata": metadata, "rules": _rules(rights)}
    yield {
        "apiVersion": f"{API}/v1",
        "kind": f"{kind}Binding",
        "metadata": metadata,
        "roleRef": {"apiGroup": API, "kind": kind, "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": home}],
    }


def _rules(rights: Iterable[Right]) -> list[Json]:
    """A rule for the resources of a group with the same verbs."""
    verbs: dict[tuple[str, str], list[str]] = defaultdict(list)
    for right in rights:
        verbs[right.group, right.resource].append(right.verb)
    resources: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (group, resource), allowed in verbs.items():
        resources[group, tuple(sorted(allowed))].append(resource)
    return [
        {"apiGroups": [group], "resources": names, "verbs": list(allowed)}
        for (group, allowed), names in resources.items()
    ]
