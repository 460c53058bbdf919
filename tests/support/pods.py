"""``pointsman eventsource|sensor`` as child processes, with the files that a pod has."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from eventbus.interface import Address
from tests.support.mounts import mount

NAMESPACE = "default"


def write_files(folder: Path, body: dict[str, Any], address: Address, *, ours: bool = True) -> None:
    """``object.json``, ``bus.json`` and the bus's access secret, in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "object.json").write_text(json.dumps(body))
    access = {"name": "bus-auth", "key": "client-auth"}
    config = {"jetstream": {"url": address.url, "accessSecret": access}}
    (folder / "bus.json").write_text(json.dumps({"name": "default", "ours": ours, "config": config}))
    auth = f"username: {json.dumps(address.user)}\npassword: {json.dumps(address.password)}\n"
    mount(folder / "secrets", "bus-auth", {"client-auth": auth.encode()})


@dataclass
class PodProcess:
    """A process that runs; ``admin`` is the URL of /readyz."""

    process: subprocess.Popen[bytes]
    admin: str
    log: Path

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    async def ask(self, path: str) -> tuple[int, str]:
        """An answer of port 7777; (0, "") when nobody answers."""
        try:
            async with aiohttp.ClientSession() as session, session.get(self.admin + path) as answer:
                return answer.status, await answer.text()
        except aiohttp.ClientError:
            return 0, ""

    async def is_ready(self) -> bool:
        """What a readiness probe finds."""
        assert self.process.poll() is None, self.log.read_text()
        return (await self.ask("/readyz"))[0] == 200

    def end(self) -> None:
        """As the kubelet does it."""
        self.process.send_signal(signal.SIGTERM)

    def ended(self, seconds: float = 20) -> tuple[int, float]:
        """Wait for it: its exit code, and how long we waited."""
        begin = time.monotonic()
        return self.process.wait(seconds), time.monotonic() - begin


def start(kind: str, folder: Path, *options: str, host: str, port: int, name: str = "one") -> PodProcess:
    """Start a pod's process with the files in ``folder`` and a state folder of its own."""
    state, log = folder / f"state-{name}", folder / f"log-{name}"
    state.mkdir(exist_ok=True)
    command = [
        *(sys.executable, "-m", "events", kind, "--host", host, "--port", str(port), "--state", str(state)),
        *("--object", str(folder / "object.json"), "--bus", str(folder / "bus.json")),
        *("--secrets", str(folder / "secrets"), "--configmaps", str(folder / "config")),
        *options,
    ]
    environment = {**os.environ, "POD_NAME": f"pod-{name}", "POD_NAMESPACE": NAMESPACE}
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stderr=stream, stdout=stream, env=environment)
    return PodProcess(process, f"http://{host}:{port}", log)


@pytest.fixture
def pods() -> Iterator[list[PodProcess]]:
    """Put processes in; they end with the test."""
    running: list[PodProcess] = []
    yield running
    for pod in running:
        pod.process.kill()
        pod.process.wait()
