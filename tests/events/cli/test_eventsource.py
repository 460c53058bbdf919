"""``pointsman eventsource`` as a pod runs it: a real process, a real bus."""

from __future__ import annotations

import asyncio
import hmac
import itertools
import json
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme

from tests.support.bus import Server
from tests.support.mounts import mount
from tests.support.pods import PodProcess, pods, start, write_files

__all__ = ["pods"]

HOSTS = ("127.0.0.2", "127.0.0.3")
KEY = b"key of the tests"


def free_port() -> int:
    """A port that is free on all hosts."""
    with socket.socket() as one:
        one.bind(("", 0))
        port: int = one.getsockname()[1]
        return port


def github(port: int, **changes: Any) -> dict[str, Any]:
    secret = {"name": "github", "key": "token"}
    webhook = {"endpoint": "/push", "port": str(port), "method": "POST"}
    return {"webhook": webhook, "organizations": ["acme"], "events": ["*"], "webhookSecret": secret, **changes}


def source(events: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": "forge", "namespace": "default", "generation": 1}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "EventSource", "metadata": metadata, "spec": events}


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(tmp_path / "bus")
    yield server
    await server.stop()


async def ready(pod: PodProcess, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not await pod.is_ready():
            await asyncio.sleep(0.05)


class Sender:
    """A forge that sends through a Service: new connections go to a process that was ready at the last look, 0.2 s ago at most."""

    def __init__(self, pods: list[PodProcess], port: int) -> None:
        self.pods = pods
        self.port = port
        self.key = KEY
        self.answers: Counter[int] = Counter()
        self.accepted: set[str] = set()
        self.wrong: list[str] = []
        self._numbers = itertools.count()

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        self._targets: list[str] = []
        self._done = False
        async with asyncio.TaskGroup() as tasks:
            for work in (self._look, *[self._send] * 4):
                tasks.create_task(work())
            yield
            self._done = True

    async def _look(self) -> None:
        while not self._done:
            alive = [pod for pod in self.pods if pod.process.poll() is None]
            self._targets = [pod.admin.rpartition(":")[0] for pod in alive if (await pod.ask("/readyz"))[0] == 200]
            await asyncio.sleep(0.2)

    async def _send(self) -> None:
        for turn in itertools.count():
            async with aiohttp.ClientSession() as session:
                for _ in range(5):  # on one connection
                    if self._done:
                        return
                    if not self._targets:
                        await asyncio.sleep(0.05)
                        continue
                    await self.deliver(session, self._targets[turn % len(self._targets)])
                    await asyncio.sleep(0.005)

    async def deliver(self, session: aiohttp.ClientSession, target: str) -> None:
        number = next(self._numbers)
        try:
            async with session.post(f"{target}:{self.port}/push", **request(number, self.key)) as answer:
                self.answers[answer.status] += 1
                text = await answer.text()
                if answer.status in (200, 202):
                    self.accepted.add(json.loads(text)["id"])
                else:
                    self.wrong.append(f"{answer.status} {text}")
        except aiohttp.ClientError as error:
            self.wrong.append(repr(error))


def request(number: int, key: bytes) -> dict[str, Any]:
    body = json.dumps({"number": number}).encode()
    signature = "sha256=" + hmac.new(key, body, "sha256").hexdigest()
    headers = {
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": f"delivery-{number}",
        "X-Hub-Signature-256": signature,
        "Content-Type": "application/json",
    }
    return {"data": body, "headers": headers}


async def stored(server: Server) -> set[str]:
    """The ids of all events on the bus, each there once."""
    found = await server.stored()
    assert len(found) == len(set(found))
    return set(found)


async def test_a_rolling_update_under_traffic_refuses_and_loses_nothing(
    tmp_path: Path, bus: Server, pods: list[PodProcess]
) -> None:
    await bus.start()
    port, admin = free_port(), free_port()
    mount(tmp_path / "secrets", "github", {"token": KEY})
    write_files(tmp_path, source({"github": {"push": github(port)}}), bus.address)
    pods.append(start("eventsource", tmp_path, "--linger", "1", host=HOSTS[0], port=admin))
    await ready(pods[0])
    sender = Sender(pods, port)
    async with sender.sending():
        await asyncio.sleep(1)
        pods.append(start("eventsource", tmp_path, "--linger", "1", host=HOSTS[1], port=admin, name="two"))
        await ready(pods[1])
        pods[0].end()
        async with asyncio.timeout(60):
            while pods[0].process.poll() is None:
                await asyncio.sleep(0.05)
        await asyncio.sleep(1)
    assert pods[0].process.returncode == 0
    assert sender.wrong == []
    assert sender.answers.total() > 100
    assert await stored(bus) == sender.accepted
    received = [line for line in pods[1].lines() if line["msg"] == "Eventing server started."]
    assert received
    assert all(line["pod"] == "pod-two" and line["source"] == "default/forge" for line in received)


async def test_replicas_that_get_the_same_delivery_store_one_event_and_end_in_time(
    tmp_path: Path, bus: Server, pods: list[PodProcess]
) -> None:
    await bus.start()
    port, admin = free_port(), free_port()
    mount(tmp_path / "secrets", "github", {"token": KEY})
    write_files(tmp_path, source({"github": {"push": github(port)}}), bus.address)
    pods += [start("eventsource", tmp_path, host=host, port=admin, name=host) for host in HOSTS]
    await asyncio.gather(*map(ready, pods))
    statuses = []
    async with aiohttp.ClientSession() as session:
        for host in HOSTS:
            async with session.post(f"http://{host}:{port}/push", **request(7, KEY)) as answer:
                statuses.append((await answer.json())["status"])
    assert statuses == ["stored", "duplicate"]
    assert len(await stored(bus)) == 1
    labels = 'eventsource_name="forge",namespace="default"'
    assert f"argo_events_event_service_running_total{{{labels}}} 1.0" in (await pods[0].ask("/metrics"))[1]
    for pod in pods:
        pod.end()
    for code, seconds in await asyncio.gather(*(asyncio.to_thread(pod.ended) for pod in pods)):
        assert (code, seconds < 15) == (0, True)


async def test_a_secret_that_is_rotated_under_traffic_refuses_nothing(
    tmp_path: Path, bus: Server, pods: list[PodProcess]
) -> None:
    await bus.start()
    port, admin = free_port(), free_port()
    mount(tmp_path / "secrets", "github", {"token": KEY})
    write_files(tmp_path, source({"github": {"push": github(port)}}), bus.address)
    pods.append(start("eventsource", tmp_path, host=HOSTS[0], port=admin))
    await ready(pods[0])
    sender = Sender(pods, port)
    async with sender.sending():
        await asyncio.sleep(0.5)
        mount(tmp_path / "secrets", "github", {"token": b"the new one", "token-previous": KEY})
        await asyncio.sleep(2)
        sender.key = b"the new one"
        await asyncio.sleep(1)
        mount(tmp_path / "secrets", "github", {"token": b"the new one"})
        await asyncio.sleep(2)
    assert sender.wrong == []
    assert await stored(bus) == sender.accepted
    async with aiohttp.ClientSession() as session:
        sender.key = KEY
        await sender.deliver(session, f"http://{HOSTS[0]}")
    assert sender.answers[401] + sender.answers[403] == 1
    assert "event 'push'" in json.loads((await pods[0].ask("/status"))[1])["lastError"]


async def test_with_the_bus_away_at_the_start_deliveries_are_kept_and_brought_to_it_later(
    tmp_path: Path, bus: Server, pods: list[PodProcess]
) -> None:
    await bus.start()
    await bus.stop()
    port, admin = free_port(), free_port()
    mount(tmp_path / "secrets", "github", {"token": KEY})
    write_files(tmp_path, source({"github": {"push": github(port)}}), bus.address)
    pods.append(start("eventsource", tmp_path, "--linger", "0", host=HOSTS[0], port=admin))
    await ready(pods[0])
    sender = Sender(pods, port)
    async with aiohttp.ClientSession() as session:
        for _ in range(3):
            await sender.deliver(session, f"http://{HOSTS[0]}")
    assert sender.answers == {202: 3}
    assert "warning: the bus is away; 3 events wait in the spool" in (await pods[0].ask("/readyz"))[1]
    pods[0].end()
    await asyncio.sleep(1)
    assert (await pods[0].ask("/readyz"))[0] != 200
    await bus.start()  # it comes back while the process waits for it with what it holds
    code, seconds = await asyncio.to_thread(pods[0].ended)
    assert (code, seconds < 15) == (0, True)
    assert await stored(bus) == sender.accepted


async def test_one_event_that_cannot_be_served_leaves_the_others_and_is_taken_up_when_it_can(
    tmp_path: Path, bus: Server, pods: list[PodProcess]
) -> None:
    await bus.start()
    port, admin = free_port(), free_port()
    mount(tmp_path / "secrets", "github", {"token": KEY})
    late = github(port, webhookSecret={"name": "late", "key": "token"})
    late["webhook"] = {**late["webhook"], "endpoint": "/late"}
    broken = {**github(port), "filter": {"expression": "body.("}}
    events = {"push": github(port), "late": late, "broken": broken, "metrics": github(admin)}
    write_files(tmp_path, source({"github": events}), bus.address)
    pods.append(start("eventsource", tmp_path, host=HOSTS[0], port=admin))
    await ready(pods[0])
    _, text = await pods[0].ask("/readyz")
    assert "spec.github.late" in text
    assert "there is no Secret 'late'" in text
    assert "spec.github.broken.filter.expression" in text
    assert f"port {admin} is that of /metrics" in text
    status = json.loads((await pods[0].ask("/status"))[1])
    assert len(status["troubles"]) == 3
    assert status["lastEvent"] is None
    sender = Sender(pods, port)
    async with aiohttp.ClientSession() as session:
        await sender.deliver(session, f"http://{HOSTS[0]}")
        assert sender.answers == {200: 1}
        mount(tmp_path / "secrets", "late", {"token": KEY})
        url = f"http://{HOSTS[0]}:{port}/late"
        assert await until_status(lambda: session.post(url, **request(1, KEY)), 200) < 3
    assert "late" not in (await pods[0].ask("/readyz"))[1]
    assert json.loads((await pods[0].ask("/status"))[1])["lastEvent"] is not None


async def until_status(ask: Callable[[], Any], wanted: int) -> float:
    """How many seconds it took."""
    begin = time.monotonic()
    async with asyncio.timeout(60):
        while True:
            async with ask() as answer:
                if answer.status == wanted:
                    return time.monotonic() - begin
            await asyncio.sleep(0.05)


async def test_a_renewed_certificate_counts_without_a_restart_and_a_bad_one_changes_nothing(
    tmp_path: Path, bus: Server, pods: list[PodProcess]
) -> None:
    await bus.start()
    port, admin = free_port(), free_port()
    old, new = trustme.CA(), trustme.CA()
    mount(tmp_path / "secrets", "github", {"token": KEY})
    mount(tmp_path / "secrets", "tls", pair(old))
    event = github(port)
    event["webhook"] |= {
        "serverCertSecret": {"name": "tls", "key": "tls.crt"},
        "serverKeySecret": {"name": "tls", "key": "tls.key"},
    }
    write_files(tmp_path, source({"github": {"push": event}}), bus.address)
    pods.append(start("eventsource", tmp_path, host=HOSTS[0], port=admin))
    await ready(pods[0])
    assert await speaks(port, old)
    mount(tmp_path / "secrets", "tls", {**pair(new), "tls.key": pair(old)["tls.key"]})
    await asyncio.sleep(2)
    assert await speaks(port, old)
    assert "the certificate from before stays in use" in (await pods[0].ask("/readyz"))[1]
    mount(tmp_path / "secrets", "tls", pair(new))
    await asyncio.sleep(2)
    assert await speaks(port, new)
    assert (await pods[0].ask("/readyz"))[1] == "ok\n"


def pair(authority: trustme.CA) -> dict[str, bytes]:
    certificate = authority.issue_cert(HOSTS[0])
    return {
        "tls.crt": b"".join(one.bytes() for one in certificate.cert_chain_pems),
        "tls.key": certificate.private_key_pem.bytes(),
    }


async def speaks(port: int, authority: trustme.CA) -> bool:
    import ssl

    context = ssl.create_default_context()
    authority.configure_trust(context)
    try:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
            session.get(f"https://{HOSTS[0]}:{port}/health") as answer,
        ):
            return answer.status == 200
    except aiohttp.ClientConnectorCertificateError:
        return False


async def test_the_buss_password_may_change_without_a_restart(
    tmp_path: Path, bus: Server, pods: list[PodProcess]
) -> None:
    """The secret is wrong at first, as when the pod is newer than what the kubelet has mounted."""
    await bus.start()
    port, admin = free_port(), free_port()
    mount(tmp_path / "secrets", "github", {"token": KEY})
    write_files(tmp_path, source({"github": {"push": github(port)}}), bus.address)
    right = (tmp_path / "secrets" / "bus-auth" / "client-auth").read_bytes()
    mount(tmp_path / "secrets", "bus-auth", {"client-auth": b"username: me\npassword: wrong\n"})
    pods.append(start("eventsource", tmp_path, host=HOSTS[0], port=admin))
    await ready(pods[0])
    sender = Sender(pods, port)
    async with aiohttp.ClientSession() as session:
        await sender.deliver(session, f"http://{HOSTS[0]}")
        mount(tmp_path / "secrets", "bus-auth", {"client-auth": right})
        async with asyncio.timeout(60):
            while "bus is away" in (await pods[0].ask("/readyz"))[1]:
                await asyncio.sleep(0.05)
        await asyncio.sleep(1.5)
        await sender.deliver(session, f"http://{HOSTS[0]}")
    assert sender.answers == {202: 1, 200: 1}
    assert await stored(bus) == sender.accepted


async def test_a_pod_serves_the_specification_that_it_was_made_for_also_when_that_is_mounted_late(
    tmp_path: Path, bus: Server, pods: list[PodProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    await bus.start()
    before, port, admin = free_port(), free_port(), free_port()
    mount(tmp_path / "secrets", "github", {"token": KEY})
    write_files(tmp_path, source({"github": {"push": github(before)}}), bus.address)
    (tmp_path / "hash").write_text("of-the-one-before")
    monkeypatch.setenv("POINTSMAN_SPEC_HASH", "of-this-one")
    pods.append(start("eventsource", tmp_path, host=HOSTS[0], port=admin))
    async with asyncio.timeout(20):
        while "not mounted yet" not in (await pods[0].ask("/readyz"))[1]:
            await asyncio.sleep(0.05)
    write_files(tmp_path, source({"github": {"push": github(port)}}), bus.address)
    (tmp_path / "hash").write_text("of-this-one")
    await ready(pods[0])
    sender = Sender(pods, port)
    async with aiohttp.ClientSession() as session:
        await sender.deliver(session, f"http://{HOSTS[0]}")
    assert sender.answers == {200: 1}


def test_a_pod_without_its_files_ends_with_a_line_that_says_so(tmp_path: Path, pods: list[PodProcess]) -> None:
    pods.append(start("eventsource", tmp_path, host=HOSTS[0], port=free_port()))
    assert pods[0].ended()[0] == 2
    (line,) = pods[0].lines()
    assert line["level"] == "error"
    assert "object.json cannot be read: No such file or directory" in line["error"]


def test_what_kubernetes_sets_for_a_service_of_our_name_is_not_taken_for_an_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINTSMAN_PORT", "tcp://10.0.0.1:80")
    monkeypatch.setenv("POINTSMAN_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("LOG_LEVEL", "WARN")
    monkeypatch.setenv("POINTSMAN_OBJECT", str(tmp_path / "elsewhere.json"))
    found = subprocess.run([sys.executable, "-m", "events", "eventsource"], capture_output=True, text=True, timeout=60)
    assert found.returncode == 2
    assert "elsewhere.json cannot be read" in json.loads(found.stderr)["error"]
