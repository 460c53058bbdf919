import asyncio
import json
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web
from prometheus_client import REGISTRY

from eventbus.interface import SPOOLED, Stored
from events.errors import Refused, Unavailable
from events.models.event import Event
from eventsource import process
from eventsource.server import Limits, Server
from tests.eventsource.suite import MemoryBus, sha256, sources

HOOK = {"endpoint": "/hook", "port": "12000", "method": "POST"}
KEY = b"the key of this test"


@dataclass
class Running:
    server: Server
    bus: Any
    listening: socket.socket

    @asynccontextmanager
    async def open(self, **tls: Any) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection."""
        reader, writer = await asyncio.open_connection(*self.listening.getsockname(), **tls)
        try:
            async with asyncio.timeout(60):
                yield reader, writer
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def send(self, head: str, body: bytes = b"") -> tuple[int, dict[str, str], Any]:
        """One request on a connection of its own; status, headers and the answer's JSON."""
        length = "" if "chunked" in head else f"\r\nContent-Length: {len(body)}"
        async with self.open() as (reader, writer):
            writer.write(f"{head}\r\nHost: x\r\nConnection: close{length}\r\n\r\n".encode() + body)
            return answer(await reader.read(-1))

    async def post(self, body: bytes, *headers: str) -> tuple[int, dict[str, str], Any]:
        return await self.send("\r\n".join(["POST /hook HTTP/1.1", *headers]), body)


def answer(text: bytes) -> tuple[int, dict[str, str], Any]:
    head, _, body = text.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    content = json.loads(body) if headers["Content-Type"] == "application/json" and body else body
    return int(status.split(" ")[1]), headers, content


@asynccontextmanager
async def running(
    config: dict[str, Any] | None = None, *, bus: Any = None, limits: Limits | None = None, kind: str = "webhook"
) -> AsyncIterator[Running]:
    compiled = sources({kind: {"hook": {**HOOK, **(config or {})}}}, {"now": KEY})
    assert not compiled.errors
    with socket.create_server(("127.0.0.1", 0)) as listening:
        bus = bus or MemoryBus()
        server = await process.start(compiled, {12000: [listening]}, lambda namespace, name: bus, limits=limits)
        try:
            yield Running(server, bus, listening)
        finally:
            await server.drain(0)


async def test_the_answer_tells_what_became_of_the_delivery() -> None:
    async with running() as one:
        first = await one.post(b'{"a":1}', "Idempotency-Key: d-1")
        again = await one.post(b'{"a":1}', "Idempotency-Key: d-1")
        assert [first[0], again[0]] == [200, 200]
        assert first[2] == {"id": one.bus.events[0].id, "status": "stored"}
        assert again[2] == {"id": one.bus.events[0].id, "status": "duplicate"}
        assert first[1]["Server"] == "pointsman"


async def test_json_that_is_sent_as_a_form_is_told_once() -> None:
    form = "Content-Type: application/x-www-form-urlencoded"
    with structlog.testing.capture_logs() as lines:
        async with running() as one:
            await one.post(b"a=1", form)
            await one.post(b'{"a":1}', "Content-Type: application/json")
            assert not lines
            for _ in range(2):
                assert (await one.post(b'{"a":1}', form))[0] == 200
    [line] = lines
    assert "application/json" in line["hint"]


async def test_an_event_that_the_filter_drops_is_a_success() -> None:
    async with running({"filter": {"expression": "body.a == 1"}}) as one:
        assert (await one.post(b'{"a":2}'))[2]["status"] == "filtered"
        assert (await one.post(b"[]"))[2]["status"] == "filtered"
        assert (await one.post(b'{"a":1}'))[2]["status"] == "stored"
        assert len(one.bus.events) == 1


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        ("POST /nope HTTP/1.1", b"{}", 404),
        ("POST /hook/ HTTP/1.1", b"{}", 404),
        ("GET /hook HTTP/1.1", b"", 405),
        ("HEAD /hook HTTP/1.1", b"", 405),
        ("POST /hoo%zz HTTP/1.1", b"{}", 400),
        ("POST /hook HTTP/1.1\r\nContent-Encoding: gzip", b"{}", 415),
        ("POST /hook HTTP/1.1", b"not json", 400),
        ("POST /hook HTTP/1.1", b"[" * 10_000, 400),
        ("POST /hook HTTP/1.1\r\nTransfer-Encoding: chunked", b"5\r\n{}   ", 408),
        ("POST /hook HTTP/1.1\r\nTransfer-Encoding: chunked", b"zz\r\n", 400),
        ("POST /hook\r\nX: \x01", b"", 400),
    ],
)
async def test_what_cannot_be_used_is_refused_in_json(head: str, body: bytes, status: int) -> None:
    async with running(limits=Limits(body=0.2)) as one, one.open() as (reader, writer):
        length = "" if "chunked" in head else f"\r\nContent-Length: {len(body)}"
        writer.write(f"{head}\r\nHost: x\r\nConnection: close{length}\r\n\r\n".encode() + body)
        got, headers, content = answer(await reader.read(-1))
        assert got == status
        assert content == b"" or list(content) == ["error"]
        assert status != 405 or headers["Allow"] == "POST"
        assert not one.bus.events


async def test_a_method_that_a_path_does_not_serve_is_received_and_rejected_by_its_event() -> None:
    def counted() -> list[float]:
        event = {"namespace": "ns", "eventsource": "es", "event": "hook"}
        account = [{**event, "is": figure} for figure in ("received", "rejected", "accepted")]
        refused = {**event, "result": "rejected", "reason": "MethodNotAllowed"}
        samples = [REGISTRY.get_sample_value("pointsman_accounting_deliveries_total", labels) for labels in account]
        samples.append(REGISTRY.get_sample_value("pointsman_deliveries_total", refused))
        samples.append(REGISTRY.get_sample_value("pointsman_accounting_deliveries_difference", event))
        return [sample or 0 for sample in samples]

    with structlog.testing.capture_logs() as lines:
        async with running() as one:
            received, rejected, accepted, refused, difference = counted()
            status, headers, body = await one.send("GET /hook HTTP/1.1")
            assert (status, headers["Allow"], body) == (405, "POST", {"error": "this method is not served here"})
            assert (await one.send("GET /nope HTTP/1.1"))[0] == 404
            assert counted() == [received + 1, rejected + 1, accepted, refused + 1, difference]
    assert [line.get("source") for line in lines] == ["ns/es", None]


async def test_the_query_of_a_refused_delivery_is_not_in_the_log() -> None:
    with structlog.testing.capture_logs() as lines:
        async with running() as one:
            for path in ("/nope", "/hook"):
                assert (await one.send(f"POST {path}?token=s3cr3t HTTP/1.1", b"not json"))[0] >= 400
    assert [line["path"] for line in lines] == ["/nope", "/hook"]
    assert "s3cr3t" not in str(lines)


async def test_the_path_is_compared_after_decoding() -> None:
    async with running() as one:
        assert (await one.send("POST /%68ook?x=1 HTTP/1.1", b"{}"))[0] == 200
        assert (await one.send("POST http://x/hook HTTP/1.1", b"{}"))[0] == 200


async def test_health_is_answered_on_every_port() -> None:
    async with running() as one:
        assert (await one.send("GET /health HTTP/1.1"))[2] == b"OK"


async def test_a_body_of_exactly_the_limit_passes_and_one_byte_more_does_not() -> None:
    async with running({"maxPayloadSize": 64}) as one:
        assert (await one.post(b'"' + b"x" * 62 + b'"'))[0] == 200
        assert (await one.post(b'"' + b"x" * 63 + b'"'))[0] == 413
        chunk = b'41\r\n"' + b"x" * 63 + b'"\r\n0\r\n\r\n'
        assert (await one.send("POST /hook HTTP/1.1\r\nTransfer-Encoding: chunked", chunk))[0] == 413


async def test_a_hundred_megabytes_are_refused_before_they_are_sent() -> None:
    async with running() as one, one.open() as (reader, writer):
        writer.write(b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 1000)
        async with asyncio.timeout(30):
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 413")
            assert b"Connection: close" in await reader.readuntil(b"\r\n\r\n")
        assert one.server.budget.used == 0


@pytest.mark.parametrize(
    ("length", "chunk"),
    [
        ("Content-Length: 4194304", b"x" * 65_536),
        ("Transfer-Encoding: chunked", b"10000\r\n" + b"x" * 65_536 + b"\r\n"),
    ],
)
async def test_who_sends_all_of_a_refused_body_before_reading_gets_the_answer(length: str, chunk: bytes) -> None:
    def send(address: tuple[str, int]) -> bytes:
        with socket.create_connection(address, timeout=60) as connection:
            connection.sendall(f"POST /hook HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n".encode())
            for _ in range(64):
                connection.sendall(chunk)
            return connection.recv(13)

    async with running() as one:
        status = await asyncio.to_thread(send, one.listening.getsockname())
        assert status == b"HTTP/1.1 413 "
        await until(lambda: not len(one.server.all_open))


async def test_a_refused_body_is_not_read_for_ever() -> None:
    async def send(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"x" * 1000)
            await writer.drain()

    async with running(limits=Limits(linger=0.3)) as one, one.open() as (_, writer):
        writer.write(b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
        with pytest.raises(ConnectionError):
            await send(writer)
        await until(lambda: not len(one.server.all_open))


async def test_a_body_that_waits_for_its_turn_is_not_read_ahead() -> None:
    class Waits:
        def __init__(self) -> None:
            self.request: web.BaseRequest | None = None
            self.over = asyncio.Event()

        async def answer(self, request: web.BaseRequest) -> web.Response:
            self.request = request
            await self.over.wait()
            return web.Response()

        def broken(self, status: int, error: BaseException | None, request: web.BaseRequest) -> web.Response:
            raise AssertionError

    service, server = Waits(), Server(Limits(linger=0.1))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        await server.serve(1, service, [listening])
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4194304\r\n\r\n" + b"x" * 4_194_304)
        await until(lambda: service.request is not None)
        assert service.request is not None
        transport = service.request.transport
        assert transport is not None
        await until(lambda: not transport.is_reading())
        assert service.request.content.total_bytes <= (64 << 10) + (256 << 10)  # and what one read brings
        service.over.set()
        assert await reader.readuntil(b"\r\n") == b"HTTP/1.1 200 OK\r\n"
        writer.close()
        await server.drain(0)


async def test_a_sender_may_ask_before_it_sends_the_body() -> None:
    async with running() as one, one.open() as (reader, writer):
        writer.write(b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        async with asyncio.timeout(30):
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"{}")
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(("count", "size", "status"), [(2, 15_000, 200), (3, 15_000, 400), (100, 15_000, 400)])
async def test_all_header_fields_together_are_bounded(count: int, size: int, status: int) -> None:
    async with running() as one:
        fields = [f"X-{number}: {'x' * size}" for number in range(count)]
        with suppress(ConnectionResetError):  # the rest of what was sent is not read
            assert (await one.post(b"{}", *fields))[0] == status
        assert len(one.bus.events) == (status == 200)
        assert (await one.post(b"{}"))[0] == 200


@pytest.mark.parametrize("before", [b"", b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"])
async def test_headers_that_do_not_end_are_refused_when_they_are_too_many(before: bytes) -> None:
    async with running() as one, one.open() as (reader, writer):
        writer.write(before)
        if before:
            await reader.readuntil(b"\r\n\r\nOK")
        writer.write(b"POST /hook HTTP/1.1\r\nHost: x\r\n")
        for number in range(5):
            writer.write(f"X-{number}: {'x' * 8_000}\r\n".encode())
            await writer.drain()
        assert b" 400 " in await reader.readuntil(b"\r\n")
        assert (await reader.read(-1)).endswith(b"}")
        await until(lambda: not len(one.server.all_open))


async def test_headers_that_do_not_end_close_the_connection() -> None:
    async with running(limits=Limits(headers=0.3)) as one, one.open() as (reader, writer):
        writer.write(b"POST /hook HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        async with asyncio.timeout(8):
            assert await reader.read(-1) == b""


async def test_connections_that_came_together_are_not_late_together() -> None:
    async with running(limits=Limits(headers=5.0)) as one, AsyncExitStack() as stack:
        for _ in range(20):
            await stack.enter_async_context(one.open())
        await until(lambda: len(one.server.all_open) == 20)
        patience = {connection.due - connection.since for connection in one.server.all_open._silent}
        assert len(patience) > 10
        assert 5.0 <= min(patience) <= max(patience) <= 5.5


async def test_beyond_the_cap_the_oldest_without_headers_goes_first() -> None:
    async with running(limits=Limits(connections=3)) as one, one.open() as kept, one.open() as old, one.open() as young:
        kept[1].write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        await kept[0].readuntil(b"\r\n\r\nOK")
        await until(lambda: len(one.server.all_open) == 3)
        assert (await one.post(b"{}"))[0] == 200
        assert await old[0].read(-1) == b""
        for reader, writer in (young, kept):
            writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"\r\n\r\nOK")


async def test_beyond_the_cap_an_idle_connection_goes_before_one_at_work() -> None:
    async with running(limits=Limits(connections=2)) as one, one.open() as busy, one.open() as idle:
        idle[1].write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        await idle[0].readuntil(b"\r\n\r\nOK")
        busy[1].write(b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{")
        await until(lambda: one.server.budget.used == 1)
        assert (await one.post(b"{}"))[0] == 200
        assert await idle[0].read(-1) == b""
        busy[1].write(b"}")
        assert (await busy[0].readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")


async def test_a_flood_of_silent_connections_does_not_keep_a_delivery_out() -> None:
    async with running(limits=Limits(connections=20)) as one, AsyncExitStack() as stack:
        for _ in range(60):
            await stack.enter_async_context(one.open())
        assert (await one.post(b"{}"))[0] == 200
        assert len(one.server.all_open) <= 20


async def test_a_body_that_does_not_end_is_answered_with_408() -> None:
    async with running(limits=Limits(body=0.2)) as one, one.open() as (reader, writer):
        writer.write(b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
        async with asyncio.timeout(8):
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 408")
        assert one.server.budget.used == 0


async def test_the_bytes_in_flight_of_all_requests_are_bounded() -> None:
    async with running(limits=Limits(in_flight=100)) as one:
        one.server.budget.patience = 0.2
        async with one.open() as (_, writer):
            writer.write(b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 91\r\n\r\n" + b"x" * 90)
            await until(lambda: one.server.budget.used == 90)
            status, headers, content = await one.post(b'"' + b"x" * 50 + b'"')
            assert (status, headers["Retry-After"]) == (503, "5")
            assert content == {"error": "too many deliveries at once"}
            writer.close()
            await until(lambda: one.server.budget.used == 0)
            assert (await one.post(b'"' + b"x" * 50 + b'"'))[0] == 200


@pytest.mark.parametrize("length", ["Content-Length: 1048576", "Transfer-Encoding: chunked"])
async def test_senders_that_announce_much_and_send_little_keep_nobody_out(length: str) -> None:
    async with running() as one, AsyncExitStack() as stack:
        slow = [(await stack.enter_async_context(one.open()))[1] for _ in range(100)]
        for writer in slow:
            writer.write(f"POST /hook HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n".encode() + b"4\r\n1234\r\n")
        await until(lambda: one.server.budget.used >= 400)
        assert one.server.budget.used <= 1_000
        assert (await one.post(b'"' + b"x" * 200_000 + b'"'))[0] == 200
        for writer in slow:
            writer.close()
        await until(lambda: one.server.budget.used == 0)


async def test_without_the_bus_the_sender_shall_come_again() -> None:
    async with running(bus=MemoryBus(Unavailable("nats://user:pass@host is away", retry_after=2.5))) as one:
        status, headers, content = await one.post(b"{}")
        assert (status, headers["Retry-After"]) == (503, "3")
        assert "pass" not in str(content)


async def test_an_event_that_is_spooled_is_accepted() -> None:
    class AwayBus(MemoryBus):
        async def publish(self, event: Event, *, delivery_id: str = "") -> Stored:
            await super().publish(event)
            return SPOOLED

    async with running(bus=AwayBus()) as one:
        status, _, content = await one.post(b"{}", "Idempotency-Key: d-1")
        assert (status, content) == (202, {"id": one.bus.events[0].id, "status": "spooled"})


async def test_an_event_that_is_too_large_for_the_bus_need_not_come_again() -> None:
    async with running(bus=MemoryBus(Refused("8 are more than 7", status=413))) as one:
        status, headers, _ = await one.post(b"{}")
        assert (status, "Retry-After" in headers) == (413, False)


async def test_a_fault_of_ours_is_told_without_details() -> None:
    async with running(bus=MemoryBus(ZeroDivisionError("secret detail"))) as one:
        status, _, content = await one.post(b"{}")
        assert (status, content) == (500, {"error": "internal error"})


async def test_the_bearer_token_comes_before_anything_else() -> None:
    async with running({"authSecret": {"name": "s", "key": "now"}}) as one:
        for wrong in ("", "bearer", f"Bearer  {KEY.decode()}", "Bearer", "Basic x"):
            status, _, content = await one.post(b"not json", f"Authorization: {wrong}")
            assert status == 401
            assert KEY.decode() not in str(content)
        assert (await one.post(b"{}", f"Authorization: Bearer {KEY.decode()}"))[0] == 200
        assert b"Masked" in one.bus.events[0].data
        assert KEY not in one.bus.events[0].data


async def test_a_secret_can_be_changed_while_requests_come_in() -> None:
    config = {
        "repositories": [{"owner": "o", "names": ["r"]}],
        "webhook": HOOK,
        "webhookSecret": {"name": "s", "key": "now"},
    }
    compiled = sources({"github": {"hook": config}}, {"now": KEY})
    bus = MemoryBus()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = await process.start(compiled, {12000: [listening]}, lambda namespace, name: bus)
        one = Running(server, bus, listening)
        signed = [f"X-Hub-Signature-256: {sha256(key, b'{}')}" for key in (KEY, b"new")]
        before = [(await one.post(b"{}", header, "Content-Type: application/json"))[0] for header in signed]
        compiled.vault.replace({("secret", "ns", "s", "now"): b"new"})
        after = [(await one.post(b"{}", header, "Content-Type: application/json"))[0] for header in signed]
        await server.drain(0)
    assert (before, after) == ([200, 401], [401, 200])


async def test_repeated_and_odd_headers_are_kept_as_go_names_them() -> None:
    async with running() as one:
        await one.post(b"{}", "x-multi: a", "X-Multi:  b ", "X_Under: 1")
        headers = json.loads(one.bus.events[0].data)["header"]
        assert headers["X-Multi"] == ["a", "b"]
        assert headers["X_under"] == ["1"]
        assert "Host" not in headers


class SlowBus(MemoryBus):
    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()
        self.entered = asyncio.Event()

    async def publish(self, event: Event, *, delivery_id: str = "") -> Stored:
        self.entered.set()
        await self.go.wait()
        return await super().publish(event)


async def test_draining_finishes_what_is_under_way() -> None:
    bus = SlowBus()
    async with running(bus=bus) as one, one.open() as (reader, writer):
        writer.write(b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        await bus.entered.wait()
        draining = asyncio.create_task(one.server.drain(5))
        await asyncio.sleep(0.05)
        bus.go.set()
        async with asyncio.timeout(30):
            text = await reader.read(-1)
            await draining
        assert text.startswith(b"HTTP/1.1 200")
        assert b"Connection: close" in text


async def test_another_process_takes_over_the_socket_without_a_lost_request() -> None:
    compiled = sources({"webhook": {"hook": HOOK}})
    buses = [MemoryBus(), MemoryBus()]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        old = await process.start(compiled, {12000: [listening]}, lambda namespace, name: buses[0])
        one = Running(old, buses[0], listening)
        sending = [asyncio.create_task(one.post(b"{}")) for _ in range(20)]
        await asyncio.gather(*sending)
        more = [asyncio.create_task(one.post(b"{}")) for _ in range(20)]
        await asyncio.sleep(0)
        await old.drain(2)
        late = [asyncio.create_task(one.post(b"{}")) for _ in range(5)]  # nobody accepts now; the kernel keeps them
        await asyncio.sleep(0.05)
        new = await process.start(compiled, {12000: [listening]}, lambda namespace, name: buses[1])
        answers = await asyncio.gather(*more, *late)
        await new.drain(0)
    assert [status for status, _, _ in answers] == [200] * 25
    assert len(buses[0].events) + len(buses[1].events) == 45


async def test_tls_is_spoken_with_the_certificate_of_the_secret(tmp_path: Path) -> None:
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key -out crt"
    try:
        await asyncio.to_thread(subprocess.run, command.split(), cwd=tmp_path, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("the openssl command is missing")
    chain, key = (tmp_path / "crt").read_bytes(), (tmp_path / "key").read_bytes()
    tls = {
        name: {"name": "s", "key": field} for name, field in (("serverCertSecret", "crt"), ("serverKeySecret", "key"))
    }
    compiled = sources({"webhook": {"hook": {**HOOK, **tls}}}, {"crt": chain, "key": key})
    trust = ssl.create_default_context(cadata=chain.decode())
    bus = MemoryBus()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = await process.start(compiled, {12000: [listening]}, lambda namespace, name: bus)
        async with Running(server, bus, listening).open(ssl=trust, server_hostname="localhost") as (reader, writer):
            writer.write(b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            assert (await reader.read(-1)).startswith(b"HTTP/1.1 200")
        await server.drain(0)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.01)


async def test_serving_ends_when_it_is_told_to() -> None:
    compiled = sources({"webhook": {"hook": HOOK}})
    stop = asyncio.Event()
    bus = MemoryBus()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving: Awaitable[None] = asyncio.create_task(
            process.serve(compiled, {12000: [listening]}, lambda namespace, name: bus, stop, grace=0.1)
        )
        one = Running(Server(), bus, listening)
        assert (await one.post(b"{}"))[0] == 200
        stop.set()
        await serving


async def test_a_server_that_retires_closes_each_connection_with_its_answer_and_takes_new_ones() -> None:
    async with running() as one, one.open() as (reader, writer):
        request = b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
        writer.write(request)
        first = await reader.readuntil(b"}")
        one.server.retire()
        writer.write(request)
        second = await reader.read(-1)
        assert (b"Connection: close" in first, b"Connection: close" in second) == (False, True)
        assert (await one.post(b"{}"))[0] == 200
