"""``pointsman rbac`` prints Roles that can be applied as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from events.cli.rbac import command

SENSOR = """
apiVersion: argoproj.io/v1alpha1
kind: Sensor
metadata: {name: ci, namespace: team}
spec:
  template: {serviceAccountName: ci-sensor}
  dependencies: [{name: d, eventSourceName: e, eventName: e}]
  triggers:
    - template:
        name: workflow
        argoWorkflow: {operation: submit, source: {resource: {kind: Workflow, metadata: {generateName: x-}}}}
    - template:
        name: elsewhere
        k8s: {source: {resource: {apiVersion: v1, kind: ConfigMap, metadata: {namespace: other}}}}
    - template:
        name: secret
        k8s: {source: {resource: {apiVersion: v1, kind: Secret, metadata: {namespace: other}}}}
    - template:
        name: namespace
        k8s: {operation: delete, source: {resource: {apiVersion: v1, kind: Namespace, metadata: {name: x}}}}
"""


def run(tmp_path: Path, text: str, *arguments: str) -> Result:
    (tmp_path / "sensor.yaml").write_text(text)
    return CliRunner().invoke(command, [str(tmp_path), *arguments])


def test_there_is_a_role_and_its_binding_for_each_namespace(tmp_path: Path) -> None:
    done = run(tmp_path, SENSOR)
    objects: list[dict[str, Any]] = list(yaml.safe_load_all(done.stdout))
    roles = {(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]): o for o in objects}

    assert done.exit_code == 0
    assert {key: role.get("rules") for key, role in roles.items() if role["kind"].endswith("Role")} == {
        ("ClusterRole", None, "team:ci-sensor"): [
            {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["delete", "get"]}
        ],
        ("Role", "other", "team:ci-sensor"): [
            {"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": ["create", "get"]}
        ],
        ("Role", "team", "ci-sensor"): [
            {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["create", "get"]}
        ],
    }
    for (kind, namespace, name), binding in roles.items():
        if kind.endswith("Binding"):
            role = kind.removesuffix("Binding")
            assert (role, namespace, name) in roles
            assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": name}
            assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "ci-sensor", "namespace": "team"}]
    assert len(objects) == 6


def test_the_default_account_is_advised_against(tmp_path: Path) -> None:
    done = run(tmp_path, SENSOR.replace("serviceAccountName: ci-sensor", ""))

    assert done.exit_code == 0
    assert "note: Sensor team/ci: spec.template.serviceAccountName" in done.stderr


def test_what_is_unknown_is_told_beside_what_is_known(tmp_path: Path) -> None:
    done = run(tmp_path, SENSOR.replace("kind: ConfigMap", "kind: Unheard"), "-o", "json")

    assert done.exit_code == 1
    assert "'unheards' is a guess" in done.stderr
    assert len(json.loads(done.stdout)["items"]) == 6


@pytest.mark.parametrize("text", ["kind: Sensor", "a: [", SENSOR.replace("name: workflow", "name: 5")])
def test_what_cannot_be_read_is_an_error(tmp_path: Path, text: str) -> None:
    done = run(tmp_path, text)

    assert (done.exit_code, "error" in done.stderr) == (1, True)
