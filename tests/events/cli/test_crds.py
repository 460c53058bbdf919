"""The CustomResourceDefinitions say what the models say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from events.cli.crds import command
from events.cli.definitions import BINDINGS, DEFINITIONS, Definition, definition
from events.errors import SpecError

ALL = [*DEFINITIONS, BINDINGS]
FOLDER = Path(__file__).parents[3] / "crds"


def schema(wanted: Definition) -> dict[str, Any]:
    return definition(wanted)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]  # type: ignore[no-any-return]


def nodes(node: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, node
    for name, inner in node.get("properties", {}).items():
        yield from nodes(inner, f"{path}.{name}")
    for key, sign in (("items", "[]"), ("additionalProperties", "{}")):
        if key in node:
            yield from nodes(node[key], path + sign)


def test_the_files_are_what_the_models_say() -> None:
    done = CliRunner().invoke(command, ["--check", str(FOLDER)])

    assert (done.exit_code, done.output) == (0, "")


def test_a_stale_file_is_named(tmp_path: Path) -> None:
    CliRunner().invoke(command, ["--write", str(tmp_path)])
    (tmp_path / "argoproj.io_sensors.yaml").write_text("kind: Old\n")

    done = CliRunner().invoke(command, ["--check", str(tmp_path)])

    assert done.exit_code == 1
    assert "argoproj.io_sensors.yaml is not what the models say" in done.output


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpecError, match="file/crds cannot be written: Not a directory"):
        CliRunner().invoke(command, ["--write", str(tmp_path / "file" / "crds")], catch_exceptions=False)


def test_bindings_are_printed_only_when_asked_for() -> None:
    kinds = [
        [doc["spec"]["names"]["kind"] for doc in yaml.safe_load_all(CliRunner().invoke(command, arguments).output)]
        for arguments in ([], ["--with-bindings"])
    ]

    assert kinds == [
        ["EventBus", "EventSource", "Sensor"],
        ["EventBus", "EventSource", "Sensor", "WorkflowEventBinding"],
    ]


@pytest.mark.parametrize("wanted", ALL, ids=lambda wanted: wanted.kind)
def test_every_field_says_what_it_means(wanted: Definition) -> None:
    silent = [
        path
        for path, node in nodes(schema(wanted), wanted.kind)
        if "description" not in node and not path.endswith(("[]", "{}", ".metadata"))
    ]

    assert silent == []


@pytest.mark.parametrize("wanted", ALL, ids=lambda wanted: wanted.kind)
def test_no_object_with_fields_drops_others(wanted: Definition) -> None:
    dropping = [
        path
        for path, node in nodes(schema(wanted), wanted.kind)
        if path != wanted.kind and "properties" in node and "x-kubernetes-preserve-unknown-fields" not in node
    ]

    assert dropping == []


@pytest.mark.parametrize("wanted", ALL, ids=lambda wanted: wanted.kind)
def test_kubectl_apply_can_note_a_definition_in_an_annotation(wanted: Definition) -> None:
    """All annotations of an object together hold 256 KiB."""
    assert len(json.dumps(definition(wanted))) < 200 << 10
