"""``pointsman server`` on a real API server: ServiceAccounts, their tokens, RBAC, and Secrets that are rotated while it runs."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import json
import ssl
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from events.cli.endpoint import EndpointOptions
from events.cli.server import ServerOptions, serving
from events.errors import Refused, Unavailable
from events.kube import AlreadyExists, Object
from events.kube.client import Cluster, open_cluster
from tests.support.kube import ApiServer, api_server, crd, needs_kube

pytestmark = [needs_kube, pytest.mark.kube]

API = "argoproj.io/v1alpha1"
NAMESPACE = "default"
REASON = "WorkflowEventBindingError"
KINDS = {
    "Workflow": "workflows",
    "WorkflowTemplate": "workflowtemplates",
    "WorkflowEventBinding": "workfloweventbindings",
}
MAY = {"workfloweventbindings": "list", "workflowtemplates": "get", "workflows": "create"}
ACCOUNTS = {"github.com": tuple(MAY), "poster": tuple(MAY), "reader": ("workfloweventbindings",), "nobody": ()}
BODY = b'{"ref":"refs/heads/main"}'


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with api_server(tmp_path_factory.mktemp("kube")) as started:
        yield started


@pytest.fixture
async def cluster(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig))
    async with open_cluster() as cluster:
        await prepare(cluster, api)
        yield cluster


def request(api: ApiServer, method: str, path: str, body: Object | None = None) -> Any:
    """What the door to the cluster does not need: tokens, and changes of objects."""
    context = ssl._create_unverified_context()
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    headers = {"Authorization": f"Bearer {api.token}", "Content-Type": kind}
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(f"{api.url}{path}", data, headers, method=method)
    with urllib.request.urlopen(asked, context=context, timeout=10) as answer:
        return json.loads(answer.read())


def token(api: ApiServer, account: str) -> str:
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{account}/token"
    return str(request(api, "POST", path, {"spec": {"expirationSeconds": 3600}})["status"]["token"])


def named(kind: str, name: str, version: str = "v1", **fields: Any) -> Object:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, **fields}


def binding(name: str, selector: str, template: str = "ci") -> Object:
    submit = {"workflowTemplateRef": {"name": template}}
    return named("WorkflowEventBinding", name, API, spec={"event": {"selector": selector}, "submit": submit})


async def prepare(cluster: Cluster, api: ApiServer) -> None:
    """CRDs, accounts and their rights, a template and bindings."""
    for kind, plural in KINDS.items():
        with contextlib.suppress(AlreadyExists):
            await cluster.create(crd(kind, plural))
    for kind in KINDS:
        async with asyncio.timeout(30):
            while True:
                try:
                    await cluster.find(API, kind, NAMESPACE)
                    break
                except (Refused, Unavailable):
                    await asyncio.sleep(0.1)
    rbac = "rbac.authorization.k8s.io/v1"
    objects = [named("WorkflowTemplate", "ci", API, spec={}), binding("main", "payload.ref != nil")]
    for account, resources in ACCOUNTS.items():
        rules = [{"apiGroups": ["argoproj.io"], "resources": [r], "verbs": [MAY[r]]} for r in resources]
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account}
        subject = {"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}
        objects += [
            named("ServiceAccount", account),
            named("Role", account, rbac, rules=rules),
            named("RoleBinding", account, rbac, roleRef=role, subjects=[subject]),
        ]
    for obj in objects:
        with contextlib.suppress(AlreadyExists):
            await cluster.create(obj)
    with contextlib.suppress(AlreadyExists):
        text = token(api, "github.com")
        await cluster.create(named("Secret", "github.com.service-account-token", stringData={"token": text}))
    with contextlib.suppress(AlreadyExists):
        await cluster.create(named("Secret", "argo-workflows-webhook-clients", stringData=client("first")))


def client(secret: str) -> dict[str, str]:
    return {"github.com": f"type: github\nsecret: {secret}\n"}


@dataclass
class Endpoint:
    url: str
    http: aiohttp.ClientSession

    async def post(self, *, namespace: str = NAMESPACE, body: bytes = BODY, **headers: str) -> tuple[int, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        path = f"{self.url}/api/v1/events/{namespace}/ci"
        async with self.http.post(path, data=body, headers=named) as answer:
            return answer.status, await answer.json(content_type=None)

    async def signed(self, secret: str, delivery: str) -> tuple[int, Any]:
        mac = hmac.new(secret.encode(), BODY, "sha256").hexdigest()
        return await self.post(X_GitHub_Event="push", X_GitHub_Delivery=delivery, X_Hub_Signature_256=f"sha256={mac}")


@pytest.fixture
async def endpoint(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Endpoint]:
    options = ServerOptions("127.0.0.1", 0, tmp_path / "state", admin_port=0, endpoint=EndpointOptions(wait=20))
    async with serving(options, cluster) as running, aiohttp.ClientSession() as http:
        yield Endpoint(running.url, http)


async def test_a_token_posts_in_its_own_name(endpoint: Endpoint, cluster: Cluster, api: ApiServer) -> None:
    status, answer = await endpoint.post(Authorization=f"Bearer {token(api, 'poster')}", Idempotency_Key="one")
    assert status == 200, answer
    [result] = [b for b in answer["bindings"] if b["name"] == "main"]
    workflow = await cluster.get(API, "Workflow", NAMESPACE, result["workflow"])
    assert workflow is not None
    labels = workflow["metadata"]["labels"]
    assert labels["workflows.argoproj.io/creator"] == "system-serviceaccount-default-poster"

    status, again = await endpoint.post(Authorization=f"Bearer {token(api, 'poster')}", Idempotency_Key="one")
    assert (status, again["status"], again["bindings"]) == (200, "duplicate", answer["bindings"])


async def test_who_may_not_is_told_so_in_the_words_of_the_api_server(endpoint: Endpoint, api: ApiServer) -> None:
    assert await endpoint.post(Authorization="Bearer unknown") == (401, {"code": 16, "message": "Unauthorized"})
    status, answer = await endpoint.post(Authorization=f"Bearer {token(api, 'nobody')}")
    assert (status, answer["code"]) == (403, 7)
    assert answer["message"] == (
        'workfloweventbindings.argoproj.io is forbidden: User "system:serviceaccount:default:nobody" cannot list '
        'resource "workfloweventbindings" in API group "argoproj.io" in the namespace "default"'
    )
    status, answer = await endpoint.post()
    assert (status, answer["message"][:15]) == (401, "token not valid")
    status, answer = await endpoint.post(namespace="kube-public")
    assert (status, answer) == (403, {"message": "failed to process webhook request"})


async def test_a_poster_without_rights_starts_nothing(endpoint: Endpoint, cluster: Cluster, api: ApiServer) -> None:
    before = await cluster.find(API, "Workflow", NAMESPACE)
    status, answer = await endpoint.post(Authorization=f"Bearer {token(api, 'reader')}")
    assert status == 200
    [error] = [b["error"] for b in answer["bindings"]]
    assert error == (
        'failed to get workflow template: workflowtemplates.argoproj.io "ci" is forbidden: User '
        '"system:serviceaccount:default:reader" cannot get resource "workflowtemplates" in API group "argoproj.io" '
        'in the namespace "default"'
    )
    assert await cluster.find(API, "Workflow", NAMESPACE) == before

    async with asyncio.timeout(60):  # it is written after the answer
        while not (events := [e for e in await cluster.find("v1", "Event", NAMESPACE) if e["reason"] == REASON]):
            await asyncio.sleep(0.02)
    [event] = events
    assert event["involvedObject"]["name"] == "main"
    assert event["message"] == f"failed to dispatch event: {error}"


async def test_a_secret_is_rotated_without_a_restart(endpoint: Endpoint, api: ApiServer) -> None:
    assert (await endpoint.signed("first", "d1"))[0] == 200
    path = f"/api/v1/namespaces/{NAMESPACE}/secrets/argo-workflows-webhook-clients"
    data = {name: base64.b64encode(text.encode()).decode() for name, text in client("second").items()}
    request(api, "PATCH", path, {"data": data})
    try:
        assert (await endpoint.signed("first", "d2"))[0] == 401
        status, answer = await endpoint.signed("second", "d3")
        assert (status, answer["status"]) == (200, "stored")
    finally:
        data = {name: base64.b64encode(text.encode()).decode() for name, text in client("first").items()}
        request(api, "PATCH", path, {"data": data})


async def test_a_new_binding_counts_at_once(endpoint: Endpoint, cluster: Cluster, api: ApiServer) -> None:
    authorization = f"Bearer {token(api, 'poster')}"
    assert len((await endpoint.post(Authorization=authorization))[1]["bindings"]) == 1
    await cluster.create(binding("other", "false"))
    try:
        _, answer = await endpoint.post(Authorization=authorization)
        assert [(b["name"], b["matched"]) for b in answer["bindings"]] == [("main", True), ("other", False)]
    finally:
        request(api, "DELETE", f"/apis/{API}/namespaces/{NAMESPACE}/workfloweventbindings/other")


def in_any_form(text: str, data: bytes) -> bool:
    """Whether the text stands in the data, as it is or in base64."""
    raw = text.encode()
    return raw in data or any(base64.b64encode(b"_" * shift + raw)[4:-4] in data for shift in range(3))


async def test_no_token_is_written_anywhere(
    cluster: Cluster, api: ApiServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = token(api, "poster")
    options = ServerOptions("127.0.0.1", 0, tmp_path / "state", admin_port=0)
    async with serving(options, cluster) as running, aiohttp.ClientSession() as http:
        endpoint = Endpoint(running.url, http)
        assert (await endpoint.post(Authorization=f"Bearer {secret}"))[0] == 200
        assert (await endpoint.signed("first", "d9"))[0] == 200
    signature = secret.rpartition(".")[2]
    kept = b"".join(file.read_bytes() for file in (tmp_path / "state").rglob("*") if file.is_file())
    assert in_any_form("refs/heads/main", kept)  # the event is there
    assert not in_any_form(signature, kept)
    printed = capfd.readouterr()
    assert signature not in printed.out + printed.err
