"""``pointsman up`` as a child process of a test. Use it with ``from tests.support.up import up`` (a fixture).

``up(paths, …)`` returns when it is ready; the end of the test tells it to stop (SIGTERM) and asserts that it ended well.
Ports that manifests name may be taken: ``moved`` copies manifests with free ones.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml

from eventbus import ledger
from events.kube.local import read_workflows

ROOT = Path(__file__).parents[2]
T = TypeVar("T")
LOGGING = """
apiVersion: argoproj.io/v1alpha1
kind: EventSource
metadata: {name: hooks}
spec: {webhook: {push: {endpoint: /push, port: "%d", method: POST}}}
---
apiVersion: argoproj.io/v1alpha1
kind: Sensor
metadata: {name: build}
spec:
  dependencies: [{name: push, eventSourceName: hooks, eventName: push}]
  triggers: [{template: {name: log, log: {}}}]
"""
"""A webhook /push on a port (``LOGGING % port``), and the sensor ``build``, which logs what comes."""


@dataclass
class RunningUp:
    """What runs. ``ports`` are those of its webhooks, ``admin`` the URL of /readyz and /metrics."""

    process: subprocess.Popen[bytes]
    state: Path
    folder: Path
    admin: str = ""
    ports: list[int] = field(default_factory=list)

    @property
    def output(self) -> str:
        """What it printed to stdout."""
        return (self.folder / "stdout").read_text()

    @property
    def log(self) -> str:
        """What it printed to stderr."""
        return (self.folder / "stderr").read_text()

    def url(self, path: str = "/", port: int = 0) -> str:
        """The address of a webhook; of the first port unless another is given."""
        return f"http://127.0.0.1:{port or self.ports[0]}{path}"

    def workflows(self) -> list[dict[str, Any]]:
        """Workflows of the local store, oldest first."""
        return list(read_workflows(self.state))

    def outcomes(self) -> list[dict[str, Any]]:
        """What became of the events, by trigger and dependency."""
        return list(ledger.read_outcomes(self.state))

    def events(self) -> list[dict[str, Any]]:
        """Recorded events, oldest first."""
        return list(ledger.read_events(self.state))


def pointsman(*arguments: str, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command of ours to its end, from ``cwd``."""
    command = [sys.executable, "-P", "-m", "events", *arguments]
    return subprocess.run(
        command, cwd=cwd, env=_environment(), capture_output=True, text=True, timeout=100, check=False, **options
    )


def eventually(ask: Callable[[], T], seconds: float = 30) -> T:
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, "nothing came of it in time"
        time.sleep(0.02)
    return answer


def free_port() -> int:
    """A port of loopback that nobody had just now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def moved(source: Path, target: Path) -> dict[int, int]:
    """Copy the manifests of a folder with free webhook ports; returns the new port for each old one."""
    ports: dict[int, int] = {}
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted(source.glob("*.yaml")):
        documents = [d for d in yaml.safe_load_all(file.read_text()) if d]
        for document in documents:
            if document["kind"] == "EventSource":
                for context in _contexts(document["spec"]):
                    old = int(context["port"])
                    if old not in ports:
                        ports[old] = free_port()
                    context["port"] = str(ports[old])
        (target / file.name).write_text(yaml.safe_dump_all(documents, sort_keys=False))
    return ports


def _contexts(spec: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The objects that say where a webhook listens: ``webhook`` of an event, or the event itself."""
    for events in spec.values():
        for event in events.values() if isinstance(events, dict) else ():
            if isinstance(event, dict):
                context = event.get("webhook", event)
                if "port" in context:
                    yield context


@contextmanager
def running(*paths: Path, folder: Path, options: tuple[str, ...] = ()) -> Iterator[RunningUp]:
    """``pointsman up`` on these manifests; its state, stdout and stderr are kept in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    state = folder / "state"
    command = [sys.executable, "-P", "-m", "events", "up", *map(str, paths), "--state", str(state)]
    command += ["--admin-port", "0", *options]
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        process = subprocess.Popen(
            command, cwd=folder, env=_environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=err
        )
    up = RunningUp(process, state, folder)
    try:
        _wait_until_ready(up)
        yield up
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0, up.log
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _wait_until_ready(up: RunningUp) -> None:
    eventually(lambda: "Ready." in up.output or up.process.poll() is not None, 60)
    assert up.process.poll() is None, f"up ended with {up.process.returncode}\n{up.log}"
    up.admin = json.loads((up.state / "up.json").read_text())["admin"]
    up.ports = list(dict.fromkeys(map(int, re.findall(r"https?://[^/\s]*:(\d+)/", up.output.partition("Ready.")[0]))))


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., RunningUp]]:
    """``up(path, …, "--option", …)``; each call starts another, with a folder of its own."""
    with ExitStack() as stack:
        count = 0

        def start(*arguments: Path | str) -> RunningUp:
            nonlocal count
            count += 1
            paths = [a for a in arguments if isinstance(a, Path)]
            options = tuple(a for a in arguments if isinstance(a, str))
            return stack.enter_context(running(*paths, folder=tmp_path / f"up-{count}", options=options))

        yield start
