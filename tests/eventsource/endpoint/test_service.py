"""The event endpoint over real connections: answers, modes, limits, hostile requests."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import random
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from eventbus.jetstream import JetStreamBus
from events.errors import Refused, Unavailable
from events.kube import Object
from events.secrets import Vault
from eventsource.delivery import MASKED
from eventsource.endpoint.local import LocalGate
from eventsource.endpoint.service import EndpointSettings
from eventsource.process import tls_context
from sensor.bindings.compiled import compile_binding
from sensor.bindings.sources import FixedBindings
from tests.support.cluster import MemoryCluster
from tests.support.endpoint import Answer, dispatcher, on_cluster, post, receiver, temporary_bus

SECRET = b"s3cret"
BODY = b'{"ref":"refs/heads/main"}'
GITHUB = {"X-GitHub-Event": "push", "X-GitHub-Delivery": "d1"}


def signed(body: bytes = BODY, secret: bytes = SECRET) -> dict[str, str]:
    return {**GITHUB, "X-Hub-Signature-256": f"sha256={hmac.new(secret, body, 'sha256').hexdigest()}"}


def binding(name: str = "main", selector: str = "true", parameter: str = "") -> Object:
    submit: Object = {"workflowTemplateRef": {"name": "ci"}}
    if parameter:
        submit["arguments"] = {"parameters": [{"name": "p", "valueFrom": {"event": parameter}}]}
    metadata = {"name": name, "namespace": "ns"}
    return {
        "kind": "WorkflowEventBinding",
        "metadata": metadata,
        "spec": {"event": {"selector": selector}, "submit": submit},
    }


def cluster_with(*bindings: Object) -> MemoryCluster:
    cluster = MemoryCluster()
    cluster.state.tokens["token"] = "admin"
    cluster.put({"kind": "WorkflowTemplate", "metadata": {"name": "ci", "namespace": "ns"}, "spec": {}})
    for one in bindings:
        cluster.put(one)
    account("github.com", cluster)
    clients = {"github.com": b"type: github\nsecret: s3cret", "gitlab.com": b"type: gitlab\nsecret: s3cret"}
    account("gitlab.com", cluster)
    data = {name: base64.b64encode(text).decode() for name, text in clients.items()}
    metadata = {"name": "argo-workflows-webhook-clients", "namespace": "ns"}
    cluster.put({"kind": "Secret", "metadata": metadata, "data": data})
    return cluster


def account(name: str, cluster: MemoryCluster) -> None:
    metadata = {"name": name, "namespace": "ns"}
    cluster.put({"kind": "ServiceAccount", "metadata": metadata})
    token = {"token": base64.b64encode(b"token").decode()}
    cluster.put({"kind": "Secret", "metadata": {**metadata, "name": f"{name}.service-account-token"}, "data": token})


async def test_a_signed_delivery_is_answered_with_what_each_binding_did() -> None:
    cluster = cluster_with(binding(), binding("other", "false"))
    async with on_cluster(cluster) as address:
        answer = await post(address, body=BODY, headers=signed())
    [workflow] = cluster.all("Workflow")
    assert answer.status == 200
    assert answer.json["status"] == "stored"
    assert answer.json["bindings"] == [
        {"name": "main", "matched": True, "workflow": workflow["metadata"]["name"]},
        {"name": "other", "matched": False},
    ]
    annotations = workflow["metadata"]["annotations"]
    assert annotations["pointsman/event-id"] == answer.json["id"]
    assert annotations["pointsman/delivery-id"] == "d1"


async def test_the_secret_of_a_delivery_is_not_seen_by_bindings() -> None:
    cluster = cluster_with(binding(parameter='metadata["x-gitlab-token"][0]'))
    async with on_cluster(cluster) as address:
        answer = await post(address, headers={"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": "s3cret"})
    assert answer.status == 200
    [workflow] = cluster.all("Workflow")
    assert workflow["spec"]["arguments"]["parameters"] == [{"name": "p", "value": MASKED}]


async def test_a_body_beyond_the_limit_is_413() -> None:
    bearer = {"Authorization": "Bearer token"}
    async with on_cluster(cluster_with(), EndpointSettings(max_body=1000, wait=20)) as address:
        assert (await post(address, body=b'"%s"' % (b"x" * 998), headers=bearer)).status == 200
        large = b'"%s"' % (b"x" * 999)
        chunked = {**bearer, "Transfer-Encoding": "chunked"}
        assert (await post(address, body=large, headers=bearer)).status == 413
        assert (await post(address, body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(large), large), headers=chunked)).status == 413
        assert (await post(address, body=large, headers=signed(large))).status == 413


async def test_without_waiting_a_post_is_answered_when_it_is_stored() -> None:
    cluster = cluster_with(binding())
    async with on_cluster(cluster, EndpointSettings(wait=0.0)) as address:
        answer = await post(address, body=BODY, headers=signed())
        assert (answer.status, answer.json["pending"]) == (200, True)
        assert "bindings" not in answer.json, "what they do is not known"
        async with asyncio.timeout(20):
            while not cluster.all("Workflow"):
                await asyncio.sleep(0.01)


async def test_a_wrong_signature_is_refused_in_every_mode() -> None:
    settings = EndpointSettings(("client", "server"), wait=20)
    async with on_cluster(cluster_with(binding()), settings) as address:
        wrong = await post(address, body=BODY, headers=signed(secret=b"other"))
        unsigned = await post(address, body=BODY, headers=GITHUB)
        anonymous = await post(address, body=BODY)
    assert [wrong.status, unsigned.status, anonymous.status] == [401, 401, 200]


async def test_the_bindings_of_a_namespace_can_be_listed() -> None:
    async with on_cluster(cluster_with(binding())) as address:
        path = "/api/v1/workflow-event-bindings/ns"
        assert (await post(address, path, None, method="GET")).status == 401
        answer = await post(address, path, None, {"Authorization": "Bearer token"}, method="GET")
    assert [item["metadata"]["name"] for item in answer.json["items"]] == ["main"]


async def test_a_cluster_that_is_away_is_503() -> None:
    cluster = cluster_with()

    class Away(MemoryCluster):
        async def get(self, *_: Any) -> Object | None:
            raise Unavailable("the API server is away", retry_after=7)

    async with on_cluster(Away(cluster.state)) as address:
        answer = await post(address, body=BODY, headers=signed())
    assert answer.status == 503
    assert answer.json["code"] == 14
    assert answer.headers["retry-after"] == "7"


async def test_a_bus_that_says_no_is_503_and_when_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: Any, **__: Any) -> None:
        raise Refused("the bus says: invalid operation on sealed stream")

    async with on_cluster(cluster_with()) as address:
        monkeypatch.setattr(JetStreamBus, "publish", refuse)
        answer = await post(address, body=BODY, headers=signed())
    assert answer.status == 503
    assert "retry-after" in answer.headers
    assert "sealed" not in answer.json["message"], "that is for our log"


# -- without a cluster -------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def locally(folder: Path, *, token: bytes | None = None) -> AsyncIterator[tuple[tuple[str, int], MemoryCluster]]:
    cluster = cluster_with()
    key = ("secret", "ns", "argo-workflows-webhook-clients", "bot")
    gate = LocalGate(Vault({key: b"type: github\nsecret: s3cret"}), token, {"ns": [binding()]})
    source = FixedBindings([compile_binding(binding(), "ns")])
    async with (
        temporary_bus(folder) as bus,
        dispatcher(folder, bus, source, cluster, notices=False),
        receiver(bus, gate, EndpointSettings(wait=20)) as address,
    ):
        yield address, cluster


async def test_without_a_cluster_clients_need_no_account(tmp_path: Path) -> None:
    async with locally(tmp_path) as (address, cluster):
        assert (await post(address, body=BODY, headers=signed())).status == 200
        assert (await post(address, body=BODY, headers=signed(secret=b"other"))).status == 401
        assert (await post(address, "/api/v1/events/elsewhere/", body=BODY, headers=signed())).status == 403
        assert (await post(address, headers={"Authorization": "Bearer anything"})).status == 401
    [workflow] = cluster.all("Workflow")
    creator = workflow["metadata"]["labels"]["workflows.argoproj.io/creator"]
    assert creator == "system-serviceaccount-ns-bot"


async def test_without_a_cluster_one_token_is_good(tmp_path: Path) -> None:
    async with locally(tmp_path, token=b"open") as (address, cluster):
        for value, status in (
            ("Bearer open", 200),
            ("Bearer  open", 200),
            ("Bearer opem", 401),
            ("Basic b3Blbjo=", 401),
        ):
            assert (await post(address, headers={"Authorization": value})).status == status
    assert len(cluster.all("Workflow")) == 2


def certificate(folder: Path) -> ssl.SSLContext:
    """A server's context with a self-signed certificate, which lies in ``crt``."""
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key -out crt"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return tls_context((folder / "crt").read_bytes(), (folder / "key").read_bytes())


async def test_https_is_spoken_with_a_certificate(tmp_path: Path) -> None:
    served = certificate(tmp_path)
    gate = LocalGate(Vault(), b"open", {})
    async with temporary_bus(tmp_path) as bus, receiver(bus, gate, EndpointSettings(wait=0), tls=served) as address:
        client = ssl.create_default_context(cafile=str(tmp_path / "crt"))
        client.check_hostname = False
        reader, writer = await asyncio.open_connection(*address, ssl=client)
        writer.write(
            b"POST /api/v1/events/ns/ HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer open\r\nContent-Length: 0\r\n\r\n"
        )
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


# -- hostile requests --------------------------------------------------------------------------------------------------

PIECES = [
    b"", b"\x00", b"\xff\xfe", b"%2F", b"%", b":", b"//", b"..", b"\xc3\xa9", b"\t", b"{{", b"'", b'"', b"a" * 5000, b"Bearer ",
    b"sha256=", b"*", b"?", b"#", b";", b"\\", b"%00", b"x-", b"-1", b"1e999", b"[" * 300, b"\x7f",
]  # fmt: skip


def mutated(dice: random.Random, text: bytes) -> bytes:
    """The text with a few pieces put in, left out or changed."""
    for _ in range(dice.randint(0, 3)):
        at = dice.randint(0, len(text))
        text = text[:at] + dice.choice(PIECES) + text[at + dice.choice((0, 0, 1, 5)) :]
    return text


def one_line(text: bytes) -> bytes:
    return text.replace(b"\r", b"").replace(b"\n", b"")


async def attack(dice: random.Random, address: tuple[str, int]) -> tuple[Answer, bool]:
    """A request that began as a good one; whether it still proves itself."""
    body = BODY if dice.random() < 0.5 else mutated(dice, BODY)
    path = (
        b"/api/v1/events/ns/d"
        if dice.random() < 0.6
        else one_line(mutated(dice, b"/api/v1/events/ns/d")).replace(b" ", b"")
    )
    proof = signed(body if dice.random() < 0.3 else BODY, SECRET if dice.random() < 0.3 else b"wrong")
    headers = [(name.encode(), value.encode()) for name, value in proof.items()]
    headers[1] = (headers[1][0], b"%d" % dice.getrandbits(60))
    if dice.random() < 0.3:
        headers.append((b"Authorization", b"Bearer nonsense"))
    changed = []
    for name, value in headers:
        if dice.random() < 0.3:
            value = one_line(mutated(dice, value))
        if dice.random() < 0.1:
            name = one_line(mutated(dice, name)) or b"X"
        changed += [(name, value)] * dice.choice((0, 1, 1, 1, 1, 1, 1, 2))
    answer = await post(
        address, path, body, changed, method=dice.choice(("POST", "POST", "POST", "POST", "GET", "PUT"))
    )  # type: ignore[arg-type]
    good = f"sha256={hmac.new(SECRET, body, 'sha256').hexdigest()}".encode()
    proves = any(value.removeprefix(b"sha256=") == good.removeprefix(b"sha256=") for _, value in changed)
    return answer, proves


async def test_hostile_requests_get_a_plain_answer_and_never_in() -> None:
    dice = random.Random(2746)
    seen: dict[int, int] = {}
    taken = set()
    cluster = cluster_with(binding())
    with structlog.testing.capture_logs():
        async with on_cluster(cluster, EndpointSettings(wait=5)) as address:
            for _ in range(1_000):
                answer, proves = await attack(dice, address)
                seen[answer.status] = seen.get(answer.status, 0) + 1
                assert answer.status < 500 or answer.status in (501, 503), answer
                if answer.status == 200:
                    assert proves, answer
                    taken.add(answer.json["id"])
            assert (await post(address, body=BODY, headers=signed())).status == 200
    assert {200, 307, 400, 401, 501} <= set(seen), seen
    assert 0 not in seen
    assert len(cluster.all("Workflow")) == len(taken) + 1
