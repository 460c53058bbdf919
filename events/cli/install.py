"""``pointsman install``: the manifests of an installation, with the namespace and images that are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click
import yaml

from events import bundled
from events.cli.printing import documents, plain
from events.controller.access import CLUSTER_ACCESS
from events.kube.rules import is_image, is_namespace, is_selector

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


def _checked(
    ask: Callable[[str], bool], what: str
) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """Refuses a value that a cluster would not take: the pods would never start, long after it was printed."""

    def read(ctx: click.Context, param: click.Parameter, text: str | None) -> str | None:
        if text is not None and not ask(text):
            raise click.BadParameter(f"'{plain(text)}' is no {what}")
        return text

    return read


def _read_namespaces(ctx: click.Context, param: click.Parameter, text: str | None) -> list[str]:
    """An empty name is refused, too: a variable of a script may be unset, and no names at all would mean all namespaces."""
    names = [] if text is None else [name.strip() for name in text.split(",")]
    for name in names:
        if not is_namespace(name):
            raise click.BadParameter(f"'{plain(name)}' is no name of a namespace")
    return names


_image = _checked(is_image, "image, such as registry.example/name:tag")


@click.command("install", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--namespaced", is_flag=True, help="For the namespace that the controller is in, and no other.")
@click.option(
    "-n",
    "--namespace",
    default=NAMESPACE,
    show_default=True,
    callback=_checked(is_namespace, "name of a namespace"),
    help="The namespace of the controller.",
)
@click.option("--namespaces", metavar="NAME,...", callback=_read_namespaces, help="Look after these namespaces alone.")
@click.option(
    "--namespace-selector",
    metavar="LABELS",
    callback=_checked(is_selector, "selector of labels, such as team=rockets"),
    help="Look after namespaces with these labels alone.",
)
@click.option("--image", callback=_image, help="The image of the controller, of EventSources and Sensors.")
@click.option("--nats-image", callback=_image, help="The image of EventBuses.")
@click.option("--no-crds", is_flag=True, help="Without the CustomResourceDefinitions.")
@click.option(
    "--part", "parts", type=click.Choice(list(PARTS)), multiple=True, help=f"Print this instead. {_PARTS_HELP}."
)
def command(
    namespaced: bool,
    namespace: str,
    namespaces: list[str],
    namespace_selector: str | None,
    image: str | None,
    nats_image: str | None,
    no_crds: bool,
    parts: Sequence[str],
) -> None:
    """Print the manifests of an installation (pointsman install | kubectl apply --server-side -f -)."""
    if parts:
        if namespaced or namespaces or namespace_selector or image or nats_image:
            raise click.UsageError("--part prints no controller: of the other options it takes -n alone")
        found = [obj for part in parts for obj in optional_part(part, namespace)]
    else:
        if sum((namespaced, bool(namespaces), bool(namespace_selector))) > 1:
            raise click.UsageError("--namespaced, --namespaces and --namespace-selector exclude each other")
        found = installation(
            namespace, namespaced=namespaced, namespaces=namespaces, selector=namespace_selector or "", crds=not no_crds
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
