"""Recorded exchanges of event sources: each request goes, byte for byte, over a real connection to our server.

Compared are acceptance (2xx or not; the statuses differ on purpose, see docs/compatibility.md) and every message on the bus.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import structlog.testing
from aiohttp import web

from eventbus.interface import Stored
from eventbus.subjects import subject
from events.errors import Unavailable
from events.models.base import parse
from events.models.event import Event
from events.models.eventsource import EventSource
from events.secrets import Key, Vault
from eventsource import process

NAME = "recordings"
RECORDED = ("response", "messages", "note", "response_seconds", "messages_total_in_window")
"""``provider_calls`` stays: what a forge answered is in it."""
KINDS = ("webhook", "github", "gitlab", "bitbucket", "bitbucketserver")
SHARED = Path(__file__).resolve().parents[4] / "shared"

Case = dict[str, Any]


def matches(case: Case) -> bool:
    return {"event_source", "messages"} <= case.keys()


def waits(case: Case) -> str | None:
    if case["kind"] not in KINDS or "request" not in case:
        return f"event source {case['kind']}: not built yet"
    if case["request"].get("tls") and shutil.which("openssl") is None:
        return "TLS: the openssl command is missing"
    return None


def events_of(case: Case) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and specification of each event of a case."""
    for events in case["spec"].values():
        yield from events.items()


def want(case: Case) -> Any:
    status = case["response"]["status"]
    messages = [
        {
            "subject": message["subject"],
            "cloudevent": message["cloudevent"],
            "data": wanted_data(case, message),
            "length": message["data_len"],
        }
        for message in case["messages"]
    ]
    return {"accepted": status is not None and 200 <= status < 300, "messages": messages, "asked": asked(case)}


def asked(case: Case) -> list[tuple[str, str]]:
    """The calls to a forge that were made meanwhile."""
    return [(call["request"]["method"], call["request"]["path"]) for call in case.get("provider_calls", ())]


def wanted_data(case: Case, message: Any) -> Any:
    """The exact bytes where they were recorded, otherwise the JSON value."""
    if "data_bytes_base64" in message:
        return base64.b64decode(message["data_bytes_base64"])
    if "data_text" in message:
        return message["data_text"].encode()
    return unmasked(case, message["data"])


def unmasked(case: Case, value: Any) -> Any:
    if isinstance(value, list):
        return [unmasked(case, item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$file" in value:
        return {**json.loads((SHARED / value["$file"]).read_bytes()), **value.get("$set", {})}
    if "$request_body" in value:
        return json.loads(body_of(case))
    if "$number" in value:
        return json.loads(value["$number"])
    return {key: unmasked(case, item) for key, item in value.items()}


def body_of(case: Case) -> bytes:
    """The body of the request of a case."""
    request = case["request"]
    if "body" in request:
        return request["body"].encode()
    if "body_base64" in request:
        return base64.b64decode(request["body_base64"])
    if "body_file" in request:
        return (SHARED / request["body_file"]).read_bytes()
    if "body_form_file" in request:
        return b"payload=" + quote_plus((SHARED / request["body_form_file"]).read_text()).encode()
    if "body_repeat" in request:
        prefix, (char, count), suffix = request["body_repeat"]
        return (prefix + char * count + suffix).encode()
    return b""


def header_of(case: Case, name: str) -> str:
    """The first header of this name."""
    return next((value.strip() for key, value in case["request"]["headers"] if key.lower() == name.lower()), "")


class RecordingBus:
    """Keeps what is published; away when the recording was made without a bus."""

    def __init__(self, away: bool) -> None:
        self.away = away
        self.messages: list[dict[str, Any]] = []

    async def publish(self, event: Event, *, delivery_id: str = "") -> Stored:
        if self.away:
            raise Unavailable("the bus is away")
        context = json.loads(event.to_json())
        data = base64.b64decode(context.pop("data_base64"))
        where = subject(event.source, event.subject)
        self.messages.append({"subject": where, "cloudevent": context, "data": data, "length": len(data)})
        return Stored(len(self.messages), False)


def run(case: Case) -> Any:
    with structlog.testing.capture_logs():
        return asyncio.run(exchange(case))


@asynccontextmanager
async def forge(case: Case) -> AsyncIterator[tuple[Case, list[tuple[str, str]]]]:
    """The case with a forge that answers the recorded calls, and the calls that it gets."""
    calls: list[tuple[str, str]] = []
    answers = {name: call["response"] for name, call in zip(asked(case), case.get("provider_calls", ()), strict=True)}
    if not answers:
        yield case, calls
        return

    async def handle(request: web.BaseRequest) -> web.Response:
        calls.append((request.method, request.raw_path))
        response = answers.get(calls[-1], {"status": 404})
        return web.json_response(response.get("json"), status=response["status"])

    server = await asyncio.get_running_loop().create_server(web.Server(handle), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        spec = re.sub(r"http://127\.0\.0\.1:\d+", f"http://127.0.0.1:{port}", json.dumps(case["spec"]))
        yield {**case, "spec": json.loads(spec)}, calls
    finally:
        server.close()


async def exchange(case: Case) -> Any:
    async with forge(case) as (there, calls):
        return {**await _exchange(there), "asked": calls}


async def _exchange(case: Case) -> Any:
    bus = RecordingBus("was stopped" in case.get("note", ""))
    source = parse(EventSource, {"metadata": {"name": case["event_source"], "namespace": "ns"}, "spec": case["spec"]})
    sources = process.Sources([source], Vault(secrets_of(case)))
    number = case["request"]["port"]
    if number not in sources.tables:
        return {"accepted": False, "messages": [], "errors": [str(e) for e in sources.errors]}
    sockets = {port: [socket.create_server(("127.0.0.1", 0))] for port in sources.tables}
    server = await process.start(sources, sockets, lambda namespace, name: bus)
    try:
        address = sockets[number][0].getsockname()
        answer = await send(case, address)
    finally:
        await server.drain(0)
        for listening in (one for several in sockets.values() for one in several):
            listening.close()
    status = int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0
    return {"accepted": 200 <= status < 300, "messages": bus.messages, "status": status, "answer": answer[-200:]}


async def send(case: Case, address: tuple[str, int]) -> bytes:
    request = case["request"]
    context = None
    if request.get("tls"):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(*address, ssl=context)
    try:
        lines = [f"{request['method']} {request['path']} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in request["headers"]]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        body = body_of(case)
        writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if request.get("chunked") else body)
        async with asyncio.timeout(20):
            return await reader.read(-1)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def secrets_of(case: Case) -> dict[Key, bytes]:
    values: dict[Key, bytes] = {}
    for name, text in (case.get("secrets") or {}).items():
        secret, _, key = name.partition("/")
        if text.startswith("<"):  # PEM is described, not recorded
            text = certificate()[0 if "certificate" in text else 1]
        values["secret", "ns", secret, key] = text.encode()
    return values


@functools.cache
def certificate() -> tuple[str, str]:
    """A self-signed certificate and its key."""
    with tempfile.TemporaryDirectory() as folder:
        command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key -out crt"
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
        return Path(folder, "crt").read_text(), Path(folder, "key").read_text()


def same(case: Case, want: Any, got: Any) -> bool:
    if want["accepted"] != got["accepted"] or sorted(want.get("asked", ())) != sorted(got["asked"]):
        return False
    if isinstance(want["messages"], int):  # a rule: so many, whatever is in them
        return want["messages"] == len(got["messages"])
    if len(want["messages"]) != len(got["messages"]):
        return False
    return all(_same_message(*pair) for pair in zip(want["messages"], got["messages"], strict=True))


def _same_message(want: Any, got: Any) -> bool:
    if want["subject"] != got["subject"] or want["length"] != got["length"]:
        return False
    if want["cloudevent"].keys() != got["cloudevent"].keys():
        return False
    for name, value in want["cloudevent"].items():
        ours = got["cloudevent"][name]
        masked = {"<uuid>": r"[0-9a-f]{32}", "<time>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z"}.get(value)
        if ours != value and not (masked and re.fullmatch(masked, ours)):
            return False
    if isinstance(want["data"], bytes):
        return want["data"] == got["data"]
    return want["data"] == json.loads(got["data"])
