"""What ``pointsman install`` prints: the files in manifests/, with what was asked for put in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from events.cli.definitions import DEFINITIONS, definition
from events.cli.install import PARTS, command
from events.controller import access
from events.version import __version__

MANIFESTS = Path(__file__).parents[3] / "manifests"

Json = dict[str, Any]


def printed(*arguments: str, crds: bool = False) -> list[Json]:
    done = CliRunner().invoke(command, [*arguments, *([] if crds else ["--no-crds"])])
    assert done.exit_code == 0, done.output
    return list(yaml.load_all(done.output, Loader=yaml.CSafeLoader))  # ten times as fast


def of(kind: str, objects: list[Json]) -> list[Json]:
    return [obj for obj in objects if obj["kind"] == kind]


def granted(rules: list[Json]) -> set[tuple[str, str, str]]:
    """(group, resource, verb) of each."""
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def needed(table: tuple[access.Access, ...]) -> set[tuple[str, str, str]]:
    return {(row.group, row.resource, verb) for row in table for verb in row.verbs}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl to build the manifests with")
def test_the_files_are_what_the_folders_say(tmp_path: Path) -> None:
    subprocess.run([MANIFESTS / "generate", tmp_path], check=True, env=os.environ | {"PYTHON": sys.executable})

    stale = [file.name for file in tmp_path.iterdir() if file.read_text() != (MANIFESTS / file.name).read_text()]
    assert stale == [], "run manifests/generate"


@pytest.mark.parametrize("flags", [(), ("--namespaced",)])
def test_the_definitions_in_the_files_are_those_of_the_models(flags: tuple[str, ...]) -> None:
    assert of("CustomResourceDefinition", printed(*flags, crds=True)) == [definition(wanted) for wanted in DEFINITIONS]
    assert of("CustomResourceDefinition", printed(*flags)) == []


@pytest.mark.parametrize(
    ("flags", "kind"), [((), "ClusterRole"), (("--namespaced",), "Role"), (("--namespaces", "a"), "ClusterRole")]
)
def test_the_controller_may_do_what_it_does_and_nothing_else(flags: tuple[str, ...], kind: str) -> None:
    rules = {obj["metadata"]["name"]: obj["rules"] for obj in of(kind, printed(*flags))}
    election = {obj["metadata"]["name"]: obj["rules"] for obj in of("Role", printed(*flags))}

    assert granted(rules["pointsman-controller"]) == needed(access.ACCESS)
    assert granted(election["pointsman-controller-election"]) == needed(access.LEASE_ACCESS)


@pytest.mark.parametrize("flags", [(), ("--namespaced",), *(("--part", part) for part in PARTS)])
def test_nobody_gets_everything_or_a_list_of_secrets(flags: tuple[str, ...]) -> None:
    objects = printed(*flags)
    rights = set().union(*(granted(obj["rules"]) for obj in objects if "rules" in obj and "Role" in obj["kind"]), set())

    assert not any("*" in right for right in rights)
    assert not {("", "secrets", "list"), ("", "secrets", "watch")} & rights


def test_everything_goes_into_the_namespace_that_is_named() -> None:
    for flags in ((), ("--namespaced",), ("--part", "guards"), ("--part", "monitors")):
        objects = printed(*flags, "-n", "ours")

        assert {obj["metadata"].get("namespace", "ours") for obj in objects} == {"ours"}
        assert {s["namespace"] for obj in objects for s in obj.get("subjects", [])} <= {"ours"}
        assert [obj["metadata"]["name"] for obj in of("Namespace", objects)] in ([], ["ours"])


def test_the_images_are_of_this_version_or_those_that_are_named() -> None:
    for flags, image, nats in (
        ((), f"pointsman:{__version__}", "nats:"),
        (("--image", "a:1", "--nats-image", "b:2"), "a:1", "b:2"),
    ):
        (deployment,) = of("Deployment", printed(*flags))
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        env = {variable["name"]: variable.get("value") for variable in container["env"]}

        assert (container["image"], env["POINTSMAN_IMAGE"]) == (image, image)
        assert env["POINTSMAN_NATS_IMAGE"].startswith(nats)


def test_named_namespaces_alone_are_opened_to_the_controller() -> None:
    objects = printed("--namespaces", "a,b", "-n", "ours")
    (deployment,) = of("Deployment", objects)
    bindings = [obj for obj in of("RoleBinding", objects) if obj["roleRef"]["kind"] == "ClusterRole"]

    assert deployment["spec"]["template"]["spec"]["containers"][0]["args"] == ["controller", "--namespaces", "a,b"]
    assert of("ClusterRoleBinding", objects) == []
    assert [obj["metadata"]["namespace"] for obj in bindings] == ["a", "b"]
    assert {s["namespace"] for obj in bindings for s in obj["subjects"]} == {"ours"}


def test_the_controller_may_look_for_labels_of_namespaces_only_where_it_does() -> None:
    objects = printed("--namespace-selector", "events=ours")
    (deployment,) = of("Deployment", objects)
    (role,) = [obj for obj in of("ClusterRole", objects) if obj["metadata"]["name"] == "pointsman-controller"]

    assert deployment["spec"]["template"]["spec"]["containers"][0]["args"][1:] == [
        "--namespace-selector",
        "events=ours",
    ]
    assert granted(role["rules"]) == needed((*access.ACCESS, *access.CLUSTER_ACCESS))


def test_a_namespaced_installation_needs_nothing_of_the_cluster_but_its_definitions() -> None:
    objects = printed("--namespaced")

    assert all("namespace" in obj["metadata"] for obj in objects)
    assert {"NetworkPolicy", "PodDisruptionBudget", "Role", "RoleBinding"} < {obj["kind"] for obj in objects}


@pytest.mark.parametrize("flags", [["--namespaced"], ["--namespace-selector", "a=b"]])
def test_ways_to_choose_namespaces_exclude_each_other(flags: list[str]) -> None:
    assert CliRunner().invoke(command, [*flags, "--namespaces", "a"]).exit_code == 2


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--image", "a b"], "'a b' is no image"),
        (["--image", ""], "'' is no image"),
        (["--image", "Registry/Name:tag"], "'Registry/Name:tag' is no image"),
        (["--nats-image", "nats:"], "'nats:' is no image"),
        (["-n", "Ours"], "'Ours' is no name of a namespace"),
        (["--namespaces", "a,B"], "'B' is no name of a namespace"),
        (["--namespaces", ""], "'' is no name of a namespace"),  # an unset variable must not open all namespaces
        (["--namespaces", "a,"], "'' is no name of a namespace"),
        (["--namespace-selector", ""], "'' is no selector of labels"),
        (["--namespace-selector", "team=a b"], "'team=a b' is no selector of labels"),
        (["--part", "guards", "--image", "a:1"], "--part prints no controller"),
    ],
)
def test_what_no_cluster_takes_is_refused(flags: list[str], sentence: str) -> None:
    done = CliRunner().invoke(command, flags)
    assert (done.exit_code, done.stdout) == (2, "")
    assert sentence in done.stderr


@pytest.mark.parametrize(
    "selector", ["team=rockets", "a.example/team==a,tier!=test", "env in (a, b), !old", "x notin (a),y", "level>3"]
)
def test_a_selector_may_say_all_that_labels_can(selector: str) -> None:
    (deployment,) = of("Deployment", printed("--namespace-selector", selector))
    assert deployment["spec"]["template"]["spec"]["containers"][0]["args"][-1] == selector


@pytest.mark.parametrize("image", ["localhost:5000/a/b_c--d", "r.example/p@sha256:" + "0" * 64, "p:v1.0_x-2"])
def test_an_image_may_have_a_port_a_path_a_tag_and_a_digest(image: str) -> None:
    (deployment,) = of("Deployment", printed("--image", image))
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == image
