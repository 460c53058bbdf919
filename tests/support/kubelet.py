"""Runs the Pods of a control plane as local processes: a node, small enough for a test. Needs root and ``unshare``.

The containers run this checkout and the nats-server of its environment, as the images' table says, with the environment, files, user and network that
their Pods ask for. Services are reached from the test at their ClusterIP, from the pods also by name. Not kept: limits of CPU and memory,
network policies, seccomp. Probes and restarts are faster than in a cluster.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.kube import ApiServer
from tests.support.node.containers import Image
from tests.support.up import ROOT


def _can_unshare() -> bool:
    return os.geteuid() == 0 and all(map(shutil.which, ("unshare", "nsenter", "setpriv", "ip", "mount", "chroot")))


needs_namespaces = pytest.mark.skipif(not _can_unshare(), reason="no root, or no unshare and ip: pods cannot be run")


def images() -> dict[str, Image]:
    """Stand-ins for our image and the bus's, by the last word of their names."""
    from eventbus.embedded import server_binary

    environment = str(Path(sys.prefix))
    folders = {str(ROOT): "/opt/pointsman", environment: "/opt/python"}
    variables = {"PYTHONPATH": "/opt/pointsman", "PYTHONDONTWRITEBYTECODE": "1"}
    ours = Image(["/opt/python/bin/python", "-P", "-m", "events"], 65532, variables, folders)
    bus = Image(["/opt/nats-server"], 0, {}, {str(server_binary()): "/opt/nats-server"})
    return {"nats": bus, "pointsman": ours}


@dataclass(frozen=True)
class Kubelet:
    """A running node."""

    folder: Path
    process: subprocess.Popen[bytes]

    def logs(self) -> dict[str, str]:
        """What the containers printed, by ``namespace_pod_container``."""
        return {path.stem: path.read_text(errors="replace") for path in sorted((self.folder / "logs").glob("*.log"))}


@contextlib.contextmanager
def kubelet(server: ApiServer, folder: Path, table: Mapping[str, Image] | None = None) -> Iterator[Kubelet]:
    """Run the pods of this control plane until the end of the ``with``; then nothing of them is left."""
    folder.mkdir(parents=True, exist_ok=True)
    bridge = f"br{secrets.token_hex(3)}"
    settings = {
        "url": server.url,
        "token": server.token,
        "api_port": server.port,
        "network": server.network,
        "bridge": bridge,
        "folder": str(folder),
        "images": {name: dataclasses.asdict(image) for name, image in (table or images()).items()},
    }
    path = folder / "settings.json"
    path.write_text(json.dumps(settings))
    with (folder / "kubelet.log").open("wb") as log:
        command = [sys.executable, "-m", "tests.support.node", str(path)]
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 30
        while not (folder / "ready").exists():
            assert process.poll() is None, (folder / "kubelet.log").read_text()
            assert time.monotonic() < deadline, "the node does not become ready"
            time.sleep(0.05)
        yield Kubelet(folder, process)
        assert process.poll() is None, f"the node ended:\n{(folder / 'kubelet.log').read_text()}"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        subprocess.run(["ip", "link", "del", bridge], check=False, capture_output=True)
