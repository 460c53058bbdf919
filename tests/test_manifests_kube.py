"""The manifests on a real API server: they apply twice, their pods are ``restricted``, and their accounts may do what a list says."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from events.cli import rbac
from events.cli.install import command
from tests.support.kube import ApiServer, api_server, crd, needs_kube

pytestmark = [needs_kube, pytest.mark.kube]

GOLDEN = Path(__file__).parent / "golden/rights.txt"
POLICY_ACCOUNT = "system:serviceaccount:team:ci-sensor"

SENSOR = """
apiVersion: argoproj.io/v1alpha1
kind: Sensor
metadata: {name: ci}
spec:
  template: {serviceAccountName: ci-sensor}
  dependencies: [{name: push, eventSourceName: github, eventName: push}]
  triggers:
  - template:
      name: ci
      argoWorkflow: {operation: submit, source: {resource: {kind: Workflow, metadata: {generateName: ci-}}}}
"""

Json = dict[str, Any]


def printed(*arguments: str) -> str:
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with api_server(tmp_path_factory.mktemp("kube")) as started:
        yield started


@pytest.fixture(scope="module")
def installed(api: ApiServer) -> ApiServer:
    apply(api, printed("-n", "pointsman"))
    api.kubectl("create", "namespace", "team")
    api.kubectl("create", "namespace", "alone")
    apply(api, printed("--namespaced", "-n", "alone"))
    apply(api, printed("--part", "guards", "--part", "workflow-policy", "-n", "team"))
    apply(api, CliRunner().invoke(rbac.command, ["-n", "alone", "-"], input=SENSOR).stdout)
    return api


def apply(api: ApiServer, text: str) -> str:
    return api.kubectl("apply", "--server-side", "-f", "-", stdin=text)


def rights(api: ApiServer, account: str, namespace: str) -> list[str]:
    """What an account may do in a namespace beyond what everybody may, a line a resource."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    as_account = ("--as", f"system:serviceaccount:{account}", "--validate=false")
    text = api.kubectl("create", "-o", "json", "-f", "-", *as_account, stdin=json.dumps(review))
    verbs: dict[str, set[str]] = defaultdict(set)
    for rule in json.loads(text)["status"]["resourceRules"]:
        names = f" named {' '.join(rule['resourceNames'])}" if rule.get("resourceNames") else ""
        for group, resource in itertools.product(rule["apiGroups"], rule["resources"]):
            if group not in ("authorization.k8s.io", "authentication.k8s.io"):
                verbs[f"{resource}.{group}".rstrip(".") + names].update(rule["verbs"])
    return [f"  {resource}: {' '.join(sorted(verbs[resource]))}" for resource in sorted(verbs)]


def test_what_each_account_may_do_is_on_a_list(installed: ApiServer) -> None:
    """To see and judge a change: write the list anew with ``POINTSMAN_GOLDEN=write``."""
    lines = []
    for account in ("pointsman:pointsman-controller", "alone:pointsman-controller", "alone:ci-sensor", "alone:default"):
        for namespace in ("pointsman", "team", "alone"):
            lines += [f"{account} in {namespace}", *rights(installed, account, namespace)]
    if os.environ.get("POINTSMAN_GOLDEN") == "write":
        GOLDEN.write_text("\n".join(lines) + "\n")

    assert lines == GOLDEN.read_text().splitlines()
    assert not any("*" in line for line in lines)
    assert not any(line.startswith("  secrets") and {"list", "watch"} & set(line.split()) for line in lines)


def test_applying_again_changes_nothing(installed: ApiServer) -> None:
    def versions() -> str:
        columns = "custom-columns=NAME:.metadata.name,VERSION:.metadata.resourceVersion"
        kinds = "crd,deployment,role,rolebinding,clusterrole,clusterrolebinding,networkpolicy,pdb,serviceaccount"
        return installed.kubectl("get", kinds, "-A", "-l", "app.kubernetes.io/part-of=pointsman", "-o", columns)

    before = versions()
    apply(installed, printed("-n", "pointsman"))

    assert versions() == before


def test_the_controllers_pods_are_restricted(installed: ApiServer) -> None:
    """The namespace enforces it; the API server warns when a Deployment's pods would be refused."""
    deployment = json.loads(installed.kubectl("get", "deployment", "-n", "pointsman", "-o", "json"))["items"][0]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "x", "namespace": "pointsman"},
        "spec": deployment["spec"]["template"]["spec"],
    }
    assert "created" in installed.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod))

    pod["spec"]["hostNetwork"] = True
    with pytest.raises(AssertionError, match="violates PodSecurity"):
        installed.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod))


# -- The policy for Workflows ----------------------------------------------------------------------------------------

PLAIN = {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "alpine"}}]}
REFERS = {"workflowTemplateRef": {"name": "ci"}, "arguments": {"parameters": [{"name": "a", "value": "b"}]}}


def template(**fields: Any) -> Json:
    return {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "alpine"}, **fields}]}


FORBIDDEN = {
    "hostNetwork": {**PLAIN, "hostNetwork": True},
    "podSpecPatch": {**PLAIN, "podSpecPatch": "{}"},
    "podSpecPatch of a template": template(podSpecPatch="{}"),
    "podSpecPatch of templateDefaults": {**REFERS, "templateDefaults": {"podSpecPatch": "{}"}},
    "podSpecPatch of artifactGC": {**PLAIN, "artifactGC": {"podSpecPatch": "{}"}},
    "hostPath": {**PLAIN, "volumes": [{"name": "v", "hostPath": {"path": "/"}}]},
    "hostPath of a template": template(volumes=[{"name": "v", "hostPath": {"path": "/"}}]),
    "privileged": template(container={"securityContext": {"privileged": True}}),
    "privileged script": template(script={"securityContext": {"privileged": True}}),
    "privileged sidecar": template(sidecars=[{"securityContext": {"privileged": True}}]),
    "privileged initContainer": template(initContainers=[{"securityContext": {"privileged": True}}]),
    "privileged containerSet": template(containerSet={"containers": [{"securityContext": {"privileged": True}}]}),
    "allowPrivilegeEscalation": template(container={"securityContext": {"allowPrivilegeEscalation": True}}),
    "capabilities": template(container={"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}),
    "procMount": template(container={"securityContext": {"procMount": "Unmasked"}}),
    "inline steps": template(steps=[[{"name": "a", "inline": {"container": {}}}]]),
    "inline tasks": template(dag={"tasks": [{"name": "a", "inline": {"container": {}}}]}),
}  # fmt: skip


@pytest.fixture(scope="module")
def policed(installed: ApiServer) -> ApiServer:
    workflows = {**crd("Workflow", "workflows")}
    apply(installed, json.dumps(workflows))
    installed.kubectl("wait", "--for=condition=Established", "crd/workflows.argoproj.io")
    installed.kubectl("create", "clusterrole", "create-workflows", "--verb=create", "--resource=workflows.argoproj.io")
    for namespace in ("team", "alone"):
        installed.kubectl(
            "create", "rolebinding", "workflows", "-n", namespace, "--clusterrole=create-workflows",
            "--serviceaccount=team:ci-sensor", "--serviceaccount=team:other",
        )  # fmt: skip
    limit(installed, accounts="ci-sensor")
    return installed


def limit(api: ApiServer, **data: str) -> None:
    """Write the policy's parameters; they count a moment later."""
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "pointsman-workflow-policy", "namespace": "team"},
        "data": data,
    }
    apply(api, json.dumps(config))
    deadline = time.monotonic() + 30
    while create(api, FORBIDDEN["hostNetwork"]) == "":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    time.sleep(1)


def create(api: ApiServer, spec: Json, *, namespace: str = "team", account: str = POLICY_ACCOUNT) -> str:
    """Why a Workflow cannot be created; empty when it can."""
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "x-", "namespace": namespace},
        "spec": spec,
    }
    try:
        api.kubectl("create", "--dry-run=server", "-f", "-", "--as", account, stdin=json.dumps(workflow))
    except AssertionError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("what", FORBIDDEN)
def test_a_workflow_that_takes_rights_is_refused(policed: ApiServer, what: str) -> None:
    assert "of a Sensor" in create(policed, FORBIDDEN[what]).replace("of a Sensor's", "of a Sensor")


def test_plain_workflows_are_let_through(policed: ApiServer) -> None:
    steps = template(steps=[[{"name": "a", "template": "b"}]], securityContext={"runAsUser": 0})

    assert [create(policed, spec) for spec in (PLAIN, REFERS, steps, {})] == ["", "", "", ""]


def test_other_accounts_and_namespaces_are_not_limited(policed: ApiServer) -> None:
    assert create(policed, FORBIDDEN["hostNetwork"], account="system:serviceaccount:team:other") == ""
    assert create(policed, FORBIDDEN["hostNetwork"], namespace="alone") == ""


def test_accounts_and_contents_can_be_limited_further(policed: ApiServer) -> None:
    limit(policed, accounts="ci-sensor", workflowAccounts="runner builder", onlyTemplates="true")

    assert "only name a template" in create(policed, PLAIN)
    assert create(policed, REFERS) == ""
    assert create(policed, {**REFERS, "serviceAccountName": "builder"}) == ""
    assert "only run as" in create(policed, {**REFERS, "serviceAccountName": "admin"})

    limit(policed, accounts="team:ci-sensor", workflowAccounts="runner")

    assert "only run as" in create(policed, PLAIN)
    assert "only run as" in create(policed, {**template(serviceAccountName="admin"), "serviceAccountName": "runner"})
    assert create(policed, {**PLAIN, "serviceAccountName": "runner"}) == ""
