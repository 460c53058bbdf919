"""``pointsman get workflows --template``: all runs of a template, from the store, a cluster, and Argo Server with its archive."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from click.testing import CliRunner, Result

from events.cli import get_workflows
from events.cli.get import command
from events.errors import PointsmanError, Refused, SpecError, Unavailable
from events.kube.client import open_cluster
from events.kube.local import open_store
from tests.events.kube.test_client import with_workflows
from tests.support.argo_server import argo_server
from tests.support.kube import api_server, needs_kube

ARGO = "workflows.argoproj.io/"
API = "argoproj.io/v1alpha1"


async def get(*arguments: str, **environment: str) -> Result:
    """Run it beside the loop of the test."""
    call = ["workflows", *arguments]
    return await asyncio.to_thread(lambda: CliRunner(env={"ARGO_TOKEN": None, **environment}).invoke(command, call))


async def lines(*arguments: str, **environment: str) -> list[list[str]]:
    """The cells of its table, the ages (which change) left out."""
    result = await get(*arguments, **environment)
    assert result.exit_code == 0, (result.output, result.exception)
    rows = [[cell.strip() for cell in line.split("   ") if cell.strip()] for line in result.stdout.splitlines()]
    return [[*row[:4], *row[5:]] for row in rows]


async def refused(*arguments: str, **environment: str) -> PointsmanError:
    error = (await get(*arguments, **environment)).exception
    assert isinstance(error, PointsmanError), repr(error)
    return error


def workflow(
    name: str, number: int, *, cluster: bool = False, template: str = "ci", namespace: str = "default", phase: str = "Succeeded", **labels: str
) -> dict[str, Any]:  # fmt: skip
    kind = "cluster-workflow-template" if cluster else "workflow-template"
    named = {f"{ARGO}{label.replace('_', '-')}": value for label, value in labels.items()}
    annotations = {"pointsman/event-id": f"e{number}", "pointsman/delivery-id": f"d{number}"}
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{number}",
            "creationTimestamp": f"2026-01-01T00:00:{number:02}Z",
            "labels": {f"{ARGO}{kind}": template, **named},
            "annotations": annotations if number % 2 else {},
        },
        "spec": {
            "workflowTemplateRef": {"name": template, **({"clusterScope": True} if cluster else {})},
            "arguments": {"parameters": [{"name": "n", "value": str(number)}]},
        },
        "status": {"phase": phase, "nodes": {"large": {}}},
    }


HEADER = ["NAMESPACE", "NAME", "TEMPLATE", "PHASE", "STARTED BY"]
LIVE = [
    workflow("ci-3", 3, phase="Running", workflow_event_binding="push"),
    workflow("ci-4", 4, cron_workflow="nightly"),
    workflow("ci-5", 5, cluster=True, creator="ada"),
    workflow("other-6", 6, template="other"),
    workflow("ci-7", 7, namespace="builds"),
]
ARCHIVED = [
    workflow("ci-1", 1, creator="bob"),
    workflow("ci-2", 2),
    workflow("ci-3", 3, phase="Failed"),
    workflow("ci-8", 8, namespace="builds"),
]


@pytest.mark.parametrize("merged", [False, True])
async def test_all_runs_of_a_template_live_and_archived_each_once(merged: bool) -> None:
    async with argo_server(live=LIVE, archive=ARCHIVED, merged=merged) as server:
        header, *rows = await lines("--template", "ci", "--argo-server", server.url)
        assert header == HEADER
        assert rows == [
            ["default", "ci-1", "ci", "Succeeded", "bob"],
            ["default", "ci-2", "ci", "Succeeded", "-"],
            ["default", "ci-3", "ci", "Running", "push"],
            ["default", "ci-4", "ci", "Succeeded", "cron nightly"],
            ["default", "ci-5", "ci (cluster)", "Succeeded", "ada"],
        ]
        asked = [query.get("fields", "") for path, query in server.asked if path.startswith("/api/v1/workflows")]
        assert all("items.spec.workflowTemplateRef" in fields for fields in asked), "a table needs no nodes"
        assert "nodes" not in asked[0]


async def test_namespaces_and_kinds_of_templates_choose() -> None:
    async with argo_server(live=LIVE, archive=ARCHIVED) as server:
        for options, names in (
            (("-n", "builds"), ["ci-7", "ci-8"]),
            (("-A",), [f"ci-{n}" for n in (1, 2, 3, 4, 5, 7, 8)]),
            (("-n", "nowhere"), []),
        ):
            found = await get("--template", "ci", "--argo-server", server.url, "-o", "name", *options)
            assert found.stdout.split() == [f"workflow.argoproj.io/{name}" for name in names]
        for template, names in (("cwft/ci", ["ci-5"]), ("workflowtemplate/other", ["other-6"])):
            found = await get("--template", template, "--argo-server", server.url, "-o", "name")
            assert found.stdout.split() == [f"workflow.argoproj.io/{name}" for name in names]
        everything = await get("--argo-server", f"{server.url}/", "-A", "-o", "name")
        assert len(everything.stdout.split()) == 8


async def test_wide_says_with_what_and_for_which_delivery() -> None:
    async with argo_server(live=LIVE) as server:
        header, first, *_ = await lines("--template", "ci", "--argo-server", server.url, "-o", "wide")
        assert header[5:] == ["PARAMETERS", "CREATOR", "EVENT", "DELIVERY"]
        assert first[5:] == ["n=3", "-", "e3", "d3"]


@pytest.mark.parametrize("output", ["yaml", "json"])
async def test_whole_objects_are_a_list(output: str) -> None:
    async with argo_server(live=LIVE[:1]) as server:
        shown = (await get("--template", "ci", "--argo-server", server.url, "-o", output)).stdout
        read: Any = yaml.safe_load if output == "yaml" else json.loads
        typed = {"apiVersion": API, "kind": "Workflow", **LIVE[0]}
        assert read(shown) == {"apiVersion": "v1", "kind": "List", "items": [typed]}


async def test_one_by_its_name_also_from_the_archive() -> None:
    async with argo_server(live=LIVE, archive=ARCHIVED) as server:
        there = ("--argo-server", server.url)
        assert (await lines("ci-1", *there))[1][:2] == ["default", "ci-1"]
        assert (await lines("ci-7", "-n", "builds", *there))[1][:2] == ["builds", "ci-7"]
        result = await get("ci-7", *there)
        assert (result.exit_code, result.stderr) == (1, "error: there is no workflow 'ci-7' behind this Argo Server\n")
        assert (await get("ci-1", "--template", "other", *there)).exit_code == 1


async def test_a_token_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0ken\n")
    async with argo_server(live=LIVE, token="Bearer t0ken") as server:
        there = ("--template", "ci", "--argo-server", server.url)
        for options, environment in (
            ((), {"ARGO_TOKEN": "Bearer t0ken"}),
            ((), {"ARGO_TOKEN": "t0ken"}),
            (("--token-file", str(tmp_path / "token")), {"ARGO_TOKEN": "wrong"}),
        ):
            assert len(await lines(*there, *options, **environment)) == 4
        result = await get(*there, ARGO_TOKEN="t0ken")
        assert result.stderr == "note: the token goes over plain HTTP, for everybody on the way to read\n"
        error = await refused(*there)
        assert isinstance(error, Refused)
        assert "401: token not valid" in str(error)
        assert "set ARGO_TOKEN" in str(error)
        error = await refused(*there, ARGO_TOKEN="se\ncret")
        assert isinstance(error, SpecError)
        assert "se" not in str(error).split()


async def test_an_archive_that_cannot_be_asked_is_told() -> None:
    async with argo_server(live=LIVE, has_archive=False) as server:
        result = await get("--template", "ci", "--argo-server", server.url, "-o", "name")
        assert len(result.stdout.split()) == 3
        assert result.stderr.startswith("note: without the archive: Argo Server answered 403: Permission denied")


async def test_certificates_are_checked_unless_told_otherwise() -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    async with argo_server(tls, live=LIVE) as server:
        there = ("--template", "ci", "--argo-server", server.url)
        error = await refused(*there)
        assert isinstance(error, Unavailable)
        assert "certificate" in str(error)
        assert "--insecure-skip-verify" in str(error)
        assert len(await lines(*there, "--insecure-skip-verify")) == 4


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("argo.example.com:2746", "is no address of an Argo Server"),
        ("http://127.0.0.1:1", "Argo Server cannot be reached"),
        ("http://[", "is no address"),
        ("https://argo:99999", "is no address"),
    ],
)
async def test_a_server_that_is_not_there_is_one_sentence(url: str, sentence: str) -> None:
    assert sentence in str(await refused("--argo-server", url))


@pytest.mark.parametrize(
    "options",
    [
        ("--kube", "--argo-server", "http://x"),
        ("--context", "c"),
        ("--insecure-skip-verify",),
        ("-A", "-n", "x"),
        ("-A", "name"),
    ],
)
async def test_options_that_do_not_go_together_exit_with_2(options: tuple[str, ...]) -> None:
    assert (await get(*options)).exit_code == 2


async def test_the_local_store_knows_them_by_their_reference(tmp_path: Path) -> None:
    (tmp_path / "version").write_text("1\n")
    async with open_store(
        tmp_path, {("WorkflowTemplate", "default", "ci"): {}, ("ClusterWorkflowTemplate", "", "ci"): {}}
    ) as store:
        for number, cluster in ((1, False), (2, True)):
            one = workflow(f"ci-{number}", number, cluster=cluster)
            await store.create({"apiVersion": API, "kind": "Workflow", **one, "status": {}})
    for template, names in (("ci", ["ci-1", "ci-2"]), ("cwft/ci", ["ci-2"]), ("wftmpl/ci", ["ci-1"]), ("other", [])):
        found = await get("--template", template, "--state", str(tmp_path), "-o", "name")
        assert found.stdout.split() == [f"workflow.argoproj.io/{name}" for name in names]
    _, first, second = await lines("--template", "ci", "--state", str(tmp_path), "-o", "wide")
    assert first == ["default", "ci-1", "ci", "-", "-", "n=1", "-", "e1", "d1"]
    assert second[2] == "ci (cluster)"


@needs_kube
@pytest.mark.kube
async def test_a_cluster_is_asked_by_labels_page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_workflows, "_PAGE", 2)
    with api_server(tmp_path) as server:
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig))
        async with open_cluster() as cluster:
            await with_workflows(cluster)
            await cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "builds"}})
            for one in [*LIVE, *(workflow(f"ci-{n}", n) for n in (8, 9, 10))]:
                metadata = {k: v for k, v in one["metadata"].items() if k not in ("uid", "creationTimestamp")}
                await cluster.create({**one, "apiVersion": API, "kind": "Workflow", "metadata": metadata})
        header, *rows = await lines("--template", "ci", "--kube")
        assert header == HEADER
        assert sorted(row[1] for row in rows) == ["ci-10", "ci-3", "ci-4", "ci-5", "ci-8", "ci-9"]
        assert ["default", "ci-3", "ci", "Running", "push"] in rows
        assert len(await lines("--template", "ci", "--kube", "-A")) == 8
        assert len(await lines("--kube", "-A", "--context", "test")) == 9
        assert (await lines("ci-7", "--kube", "-n", "builds"))[1][:2] == ["builds", "ci-7"]
        result = await get("ci-7", "--kube")
        assert (result.exit_code, result.stderr) == (1, "error: there is no workflow 'ci-7' in this cluster\n")
