"""What is measured: Pointsman (``pointsman up``) and the floor (two bare processes), each started afresh in a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import yaml
from payload import PATH, SECRET

from eventbus.embedded import EmbeddedNats

__all__ = ["Contender", "Sync", "Target", "endpoint", "floor", "pointsman"]

Sync = Literal["always", "default"]
Target = Literal["http", "store"]

_HERE = Path(__file__).parent
_READY_SECONDS = 60.0
_STOP_SECONDS = 30.0


@dataclass
class Contender:
    """A running pipeline: the port of its webhook and its processes by role."""

    port: int
    processes: dict[str, int]
    folder: Path


@asynccontextmanager
async def pointsman(folder: Path, sync: Sync, sink_port: int, target: Target) -> AsyncIterator[Contender]:
    """``pointsman up``, with its usual logging (to a file)."""
    port = _free_port()
    async with _up(folder, port, _manifests(port, sink_port, target), "--sync", sync) as running:
        yield running


@asynccontextmanager
async def endpoint(folder: Path, bindings: Sequence[dict[str, Any]]) -> AsyncIterator[Contender]:
    """``pointsman up`` with these WorkflowEventBindings; its port is that of posted events."""
    port = _free_port()
    clients = {"github.com": yaml.safe_dump({"type": "github", "secret": SECRET.decode()})}
    documents = [
        *bindings,
        _object("WorkflowTemplate", "ci", {}),
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "argo-workflows-webhook-clients"},
            "stringData": clients,
        },
    ]
    async with _up(folder, port, documents, "--bindings-port", str(port), "--wait", "30") as running:
        yield running


@asynccontextmanager
async def _up(folder: Path, port: int, documents: Sequence[dict[str, Any]], *options: str) -> AsyncIterator[Contender]:
    manifests = folder / "manifests.yaml"
    manifests.write_text(yaml.safe_dump_all(documents, sort_keys=False))
    state = folder / "state"
    command = ["-m", "events", "up", str(manifests), "--state", str(state), "--admin-port", "0", *options]
    async with _child(folder / "up.log", *command, ready="Ready") as up:
        roles = {"up": up}
        for pid in _children(up):
            line = _command(pid)
            if b"events.cli.worker" in line:
                roles[line[line.index(b"events.cli.worker") + 1].decode()] = pid
            elif b"nats-server" in line[0]:
                roles["bus"] = pid
        yield Contender(port, roles, state)


@asynccontextmanager
async def floor(folder: Path, sync: Sync, sink_port: int) -> AsyncIterator[Contender]:
    """The bare source and the bare sensor on the same kind of bus."""
    port = _free_port()
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(EmbeddedNats(folder / "bus", [("default", "default")], sync=sync))
        address = bus.address("default", "default")
        url = address.url.replace("//", f"//{quote(address.user)}:{quote(address.password)}@")
        environment = {
            "NATS_URL": url,
            "PORT": str(port),
            "SECRET": SECRET.decode(),
            "SINK": f"http://127.0.0.1:{sink_port}/",
        }
        processes = {"bus": bus.pid}
        for role in ("source", "sensor"):
            script = str(_HERE / f"floor_{role}.py")
            started = _child(folder / f"{role}.log", script, ready="Ready", **environment)
            processes[role] = await stack.enter_async_context(started)
        yield Contender(port, processes, folder)


@asynccontextmanager
async def _child(errors: Path, *command: str, ready: str, **environment: str) -> AsyncIterator[int]:
    """A Python process that is ready when it has printed a line that begins so; its errors go to a file. Gives its id."""
    with errors.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            cwd=_HERE.parent,
            env={**os.environ, **environment},
        )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_READY_SECONDS):
            while not (line := await process.stdout.readline()).startswith(ready.encode()):
                if not line:
                    raise RuntimeError(f"{' '.join(command)} did not start: {_end_of(errors)}")
        yield process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _end_of(log: Path) -> str:
    return log.read_text()[-2_000:]


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _command(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _manifests(port: int, sink_port: int, target: Target) -> list[dict[str, Any]]:
    """A GitHub source, a sensor with a data and an expression filter, and one trigger."""
    return [
        _object("EventBus", "default", {"jetstream": {"version": "latest"}}),
        _object("EventSource", "github", {"github": {"push": _push(port)}}),
        _object(
            "Sensor", "ci", {"dependencies": [_DEPENDENCY], "triggers": [{"template": _trigger(target, sink_port)}]}
        ),
        _object(
            "WorkflowTemplate", "ci", {"arguments": {"parameters": [{"name": "repository"}, {"name": "revision"}]}}
        ),
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "github"},
            "stringData": {"secret": SECRET.decode()},
        },
    ]


def _object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _push(port: int) -> dict[str, Any]:
    return {
        "repositories": [{"owner": "acme", "names": ["rocket"]}],
        "webhook": {"endpoint": PATH, "port": str(port), "method": "POST"},
        "events": ["push"],
        "webhookSecret": {"name": "github", "key": "secret"},
    }


_DEPENDENCY = {
    "name": "push",
    "eventSourceName": "github",
    "eventName": "push",
    "filters": {
        "data": [{"path": "body.ref", "type": "string", "value": ["^refs/heads/main$"]}],
        "exprs": [{"expr": "deleted == false", "fields": [{"name": "deleted", "path": "body.deleted"}]}],
    },
}


def _value(key: str, place: str) -> dict[str, Any]:
    return {"src": {"dependencyName": "push", "dataKey": key}, "dest": place}


def _trigger(target: Target, sink_port: int) -> dict[str, Any]:
    repository, revision = "body.repository.clone_url", "body.after"
    if target == "http":
        payload = [
            _value(repository, "repository"),
            _value(revision, "revision"),
            _value("headers.X-Github-Delivery.0", "delivery"),
        ]
        return {"name": "call", "http": {"url": f"http://127.0.0.1:{sink_port}/", "method": "POST", "payload": payload}}
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "rocket-ci-"},
        "spec": {
            "workflowTemplateRef": {"name": "ci"},
            "arguments": {"parameters": [{"name": "repository"}, {"name": "revision"}]},
        },
    }
    parameters = [
        _value(repository, "spec.arguments.parameters.0.value"),
        _value(revision, "spec.arguments.parameters.1.value"),
    ]
    submit = {"operation": "submit", "source": {"resource": workflow}, "parameters": parameters}
    return {"name": "start", "argoWorkflow": submit}
