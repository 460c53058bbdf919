"""``pointsman install``: the manifests of an installation, with the namespace and images that are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click
import yaml

from events import bundled
from events.cli.printing import documents
from events.controller.access import CLUSTER_ACCESS

__all__ = ["PARTS", "command", "installation", "optional_part"]

Json = dict[str, Any]

NAMESPACE = "pointsman"
"""In the files."""

INSTALLATION = "manifests/install.yaml"
NAMESPACED = "manifests/namespace-install.yaml"

CONTROLLER = "pointsman-controller"

_DEFINITION = "\nkind: CustomResourceDefinition\n"

PARTS = {
    "guards": (
        "manifests/guards.yaml",
        "who may speak with whom in a namespace, and how many pods may be evicted at once",
    ),
    "monitors": ("manifests/optional/monitors.yaml", "for the Prometheus operator"),
    "workflow-policy": ("manifests/optional/workflow-policy.yaml", "what Workflows of Sensors may be"),
}
"""What is no part of every installation: the file, and what it is for."""

_PARTS_HELP = "; ".join(f"{name}: {meaning}" for name, (_, meaning) in PARTS.items())


@click.command("install", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--namespaced", is_flag=True, help="For the namespace that the controller is in, and no other.")
@click.option("-n", "--namespace", default=NAMESPACE, show_default=True, help="The namespace of the controller.")
@click.option("--namespaces", metavar="NAME,...", default="", help="Look after these namespaces alone.")
@click.option(
    "--namespace-selector", metavar="LABELS", default="", help="Look after namespaces with these labels alone."
)
@click.option("--image", help="The image of the controller, of EventSources and Sensors.")
@click.option("--nats-image", help="The image of EventBuses.")
@click.option("--no-crds", is_flag=True, help="Without the CustomResourceDefinitions.")
@click.option(
    "--part", "parts", type=click.Choice(list(PARTS)), multiple=True, help=f"Print this instead. {_PARTS_HELP}."
)
def command(
    namespaced: bool,
    namespace: str,
    namespaces: str,
    namespace_selector: str,
    image: str | None,
    nats_image: str | None,
    no_crds: bool,
    parts: Sequence[str],
) -> None:
    """Print the manifests of an installation (pointsman install | kubectl apply --server-side -f -)."""
    if parts:
        found = [obj for part in parts for obj in optional_part(part, namespace)]
    else:
        wanted = [name for name in namespaces.split(",") if name]
        if sum((namespaced, bool(wanted), bool(namespace_selector))) > 1:
            raise click.UsageError("--namespaced, --namespaces and --namespace-selector exclude each other")
        found = installation(
            namespace, namespaced=namespaced, namespaces=wanted, selector=namespace_selector, crds=not no_crds
        )
        found = [_with_images(obj, image, nats_image) for obj in found]
    click.echo(documents(found), nl=False)


def installation(
    namespace: str,
    *,
    namespaced: bool = False,
    namespaces: Sequence[str] = (),
    selector: str = "",
    crds: bool = True,
) -> list[Json]:
    """The objects of an installation whose controller is in this namespace.

    It looks after its own namespace, after ``namespaces``, after those that the ``selector`` chooses by their labels, or after all.
    """
    found = _read(NAMESPACED if namespaced else INSTALLATION, namespace, crds=crds)
    if namespaces:
        return [one for obj in found for one in _confined(obj, namespaces)]
    return [_selecting(obj, selector) for obj in found] if selector else found


def _confined(obj: Json, namespaces: Sequence[str]) -> Iterator[Json]:
    """The rights of the controller in these namespaces alone."""
    if obj["kind"] == "ClusterRoleBinding":
        for name in namespaces:
            yield {**obj, "kind": "RoleBinding", "metadata": {**obj["metadata"], "namespace": name}}
    else:
        yield _with_arguments(obj, "--namespaces", ",".join(namespaces))


def _selecting(obj: Json, selector: str) -> Json:
    """With the right to see which namespaces have which labels."""
    if obj["kind"] == "ClusterRole" and obj["metadata"]["name"] == CONTROLLER:
        rules = [
            {"apiGroups": [row.group], "resources": [row.resource], "verbs": list(row.verbs)} for row in CLUSTER_ACCESS
        ]
        return {**obj, "rules": [*obj["rules"], *rules]}
    return _with_arguments(obj, "--namespace-selector", selector)


def _with_arguments(obj: Json, *arguments: str) -> Json:
    if obj["kind"] == "Deployment":
        (container,) = obj["spec"]["template"]["spec"]["containers"]
        container["args"] += arguments
    return obj


def optional_part(part: str, namespace: str) -> list[Json]:
    """The objects of a part, in this namespace."""
    return _read(PARTS[part][0], namespace)


def _read(name: str, namespace: str, *, crds: bool = True) -> list[Json]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    texts = bundled.find(name).read_text().split("\n---\n")
    if not crds:  # they are long
        texts = [text for text in texts if _DEFINITION not in text]
    found = [obj for text in texts if (obj := yaml.load(text, Loader=loader))]  # noqa: S506 it is a safe one
    return [_in_namespace(obj, namespace) for obj in found]


def _in_namespace(obj: Json, namespace: str) -> Json:
    """The object with each mention of the files' namespace replaced."""
    metadata = obj["metadata"]
    if obj["kind"] == "Namespace":
        return {**obj, "metadata": {**metadata, "name": namespace}}
    if "namespace" in metadata:
        obj = {**obj, "metadata": {**metadata, "namespace": namespace}}
    if "subjects" in obj:
        obj = {**obj, "subjects": [{**subject, "namespace": namespace} for subject in obj["subjects"]]}
    return obj


def _with_images(obj: Json, image: str | None, nats_image: str | None) -> Json:
    if obj["kind"] != "Deployment":
        return obj
    (container,) = obj["spec"]["template"]["spec"]["containers"]
    chosen = {"POINTSMAN_IMAGE": image, "POINTSMAN_NATS_IMAGE": nats_image}
    container["image"] = image or container["image"]
    container["env"] = [
        {**variable, "value": chosen.get(variable["name"]) or variable["value"]} if "value" in variable else variable
        for variable in container["env"]
    ]
    return obj
