"""The system under test as processes of ours: ``pointsman up`` with its children, and the target. Killed by their ids only.

``Target`` and ``System`` start, kill and restart; what is patched into the product's processes (short waits, planted faults) is
``patches``: names of ``inject.patches``, loaded through the environment (see ``inject``). The product knows nothing of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from eventbus import ledger
from tests.chaos.journal import Record, Tail
from tests.support import kube
from tests.support.up import ROOT, eventually, free_port

INJECT = Path(__file__).parent / "inject"
ROLES = ("source", "sensor", "bus")

QUIET = {"CHAOS_PATCHES": "", "POINTSMAN_CRASH_AT": ""}
"""For commands beside ``up``: nothing is patched, nothing crashes."""

SHORT_WAITS = ("ack_wait=4", "restart_pause=0.2", "cluster_timeout=1", "retry_pause=1", "slow=0.4")
"""The product's own waits, shortened so that a run of minutes holds what otherwise takes hours."""


class Target:
    """The double as a child process of the test."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.journal = folder / "target.jsonl"
        self._tail = Tail(self.journal)
        self.port = free_port()
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(_kubeconfig(self.url)))
        self._folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self.process.pid if self.process is not None and self.process.poll() is None else 0

    def start(self) -> None:
        with (self._folder / "target.log").open("ab") as out:
            command = [sys.executable, "-P", "-m", "tests.chaos.target", str(self.port), str(self.journal)]
            self.process = subprocess.Popen(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=out, stderr=out)
        eventually(self._is_up)

    def kill(self) -> None:
        if self.pid:
            assert self.process is not None
            self.process.kill()
        if self.process is not None:
            self.process.wait()

    def records(self) -> list[Record]:
        """What it has done, from its journal."""
        return self._tail.records()

    def be(self, mode: str = "well", *, faults: list[str] | None = None, seed: int = 0, delay: float = 0.0) -> None:
        """Set its mode, faults, and the seconds that a create takes; they hold until it is started again."""
        body = json.dumps({"mode": mode, "faults": faults or [], "seed": seed, "delay": delay}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/chaos", data=body, method="PUT"), timeout=10).close()

    def _is_up(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/version", timeout=2).close()
        except OSError:
            return False
        return True


def _kubeconfig(url: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "double", "cluster": {"server": url}}],
        "users": [{"name": "admin", "user": {"token": "token"}}],
        "contexts": [{"name": "double", "context": {"cluster": "double", "user": "admin"}}],
        "current-context": "double",
    }


class RealTarget:
    """A real kube-apiserver in the place of the double: not killed, without faults, and what it has is what it lists."""

    pid = 0

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._stack = ExitStack()
        self._server = self._stack.enter_context(kube.api_server(folder))
        self.kubeconfig = self._server.kubeconfig
        self.url = self._server.url
        self._listed: list[Record] = []
        self._asked = 0.0

    def start(self) -> None:
        """Install the stand-in for Argo's CRD."""
        self._call("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", kube.crd("Workflow", "workflows"))
        eventually(self._is_up)

    def kill(self) -> None:
        self._stack.close()

    def records(self) -> list[Record]:
        """A record ``created`` for each Workflow, asked for at most once in two seconds."""
        if time.monotonic() - self._asked > 2.0:
            items = self._call("/apis/argoproj.io/v1alpha1/workflows")["items"]
            self._listed = [{"what": "created", "t": _created(item), "object": item} for item in items]
            self._asked = time.monotonic()
        return self._listed

    def be(self, *args: Any, **options: Any) -> None:
        """It is what it is."""
        assert not any([*args, *options.values()]), "a real API server has no faults to order"

    def _is_up(self) -> bool:
        try:
            self._call("/apis/argoproj.io/v1alpha1/workflows")
        except urllib.error.HTTPError:
            return False
        return True

    def _call(self, path: str, body: object | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._server.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._server.url + path, data=data, headers=headers)
        trusting = ssl._create_unverified_context()  # its certificate is made at its start
        with urllib.request.urlopen(request, context=trusting, timeout=30) as answer:
            return dict(json.load(answer))


def _created(item: dict[str, Any]) -> int:
    """When it was created (ns); the server tells whole seconds."""
    return int(datetime.fromisoformat(item["metadata"]["creationTimestamp"]).timestamp()) * 10**9


class Up:
    """``pointsman up`` and its children."""

    def __init__(
        self,
        folder: Path,
        *options: str,
        kubeconfig: Path | None = None,
        patches: Sequence[str] = (),
        environment: dict[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.manifests = folder / "manifests"
        self._options = [*options, *(["--kube"] if kubeconfig else [])]
        self.environment = {
            **os.environ,
            **({"KUBECONFIG": str(kubeconfig)} if kubeconfig else {}),
            "PYTHONPATH": f"{INJECT}{os.pathsep}{ROOT}",
            "CHAOS_PATCHES": ",".join(patches),
            **(environment or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What it printed to stderr, in all its lives."""
        file = self.folder / "stderr"
        return file.read_text(errors="replace") if file.exists() else ""

    @property
    def pid(self) -> int:
        return self.process.pid if self.process is not None and self.process.poll() is None else 0

    def start(self) -> None:
        """Start it; it need not become ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-P", "-m", "events", "up", str(self.manifests), "--state", str(self.state)]
        command += ["--admin-port", "0", *self._options]
        with (self.folder / "stdout").open("wb") as out, (self.folder / "stderr").open("ab") as err:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )

    async def started(self, seconds: float = 60) -> None:
        """Start it and wait until it is ready."""
        self.start()
        await until(lambda: self.is_ready or not self.pid, seconds, "up is ready")
        assert self.pid, f"up ended with {self.process.returncode if self.process else None}\n{self.log[-4000:]}"

    @property
    def is_ready(self) -> bool:
        return b"Ready." in (self.folder / "stdout").read_bytes()

    @property
    def admin(self) -> str:
        """The URL of /readyz and /metrics."""
        return str(json.loads((self.state / "up.json").read_text())["admin"])

    def says_ready(self) -> bool:
        """What /readyz says."""
        try:
            urllib.request.urlopen(f"{self.admin}/readyz", timeout=10).close()
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            return False
        return True

    def metrics(self) -> str:
        with urllib.request.urlopen(f"{self.admin}/metrics", timeout=10) as answer:
            return str(answer.read().decode())

    def child(self, role: str) -> int:
        """The process id of its child of this role; 0 when there is none."""
        for pid, words in _children(self.pid):
            if (role == "bus" and words[0].endswith(b"nats-server")) or role.encode() in words[-3:]:
                return pid
        return 0

    def get(self, *words: str) -> list[dict[str, Any]]:
        """``pointsman get …``, as JSON."""
        done = self.say("get", *words, "-o", "json")
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        return found if isinstance(found, list) else list(found.get("items", [found]))

    def outcomes(self) -> list[dict[str, Any]]:
        """What the product says became of the events."""
        return list(ledger.read_outcomes(self.state)) if (self.state / ledger.FILE).exists() else []

    def events(self) -> list[dict[str, Any]]:
        return list(ledger.read_events(self.state)) if (self.state / ledger.FILE).exists() else []

    def say(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Another command of ours on its state folder, to its end."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "events", *words, "--state", str(self.state)],
            cwd=self.folder, env={**self.environment, **QUIET}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def accounts(self) -> list[dict[str, Any]]:
        """What the product counts, a row for each trigger."""
        return self.get("accounting")

    async def stop(self, seconds: float = 25) -> int:
        """SIGTERM; its exit status, which is -9 when it had to be killed."""
        if self.process is None:
            return 0
        for role in ROLES:  # what was stopped with SIGSTOP cannot end
            if pid := self.child(role):
                signal_to(pid, signal.SIGCONT)
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGTERM)
        try:
            return await asyncio.to_thread(self.process.wait, seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL

    def kill(self) -> None:
        """SIGKILL; its children end with it."""
        if self.pid:
            assert self.process is not None
            self.process.kill()
        if self.process is not None:
            self.process.wait()


def _children(parent: int) -> list[tuple[int, list[bytes]]]:
    """(id, command line) of the children of one of our processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            stat = (path / "stat").read_text()
            if int(stat.rpartition(")")[2].split()[1]) == parent:
                found.append((int(path.name), (path / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")))
        except OSError:
            continue
    return found if parent else []


def signal_to(pid: int, number: signal.Signals) -> bool:
    """Send a signal to a process that we started (or that a child of ours did); False when it has just ended."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def resident(pid: int, field: str = "VmHWM") -> int:
    """Bytes of memory of a process: its peak, or ``VmRSS`` at present."""
    match = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(match[1]) * 1024 if match else 0


async def until(ask: Callable[[], Any], seconds: float, what: str, *, every: float = 0.1) -> Any:
    """Ask (in a thread, since it may read files) until the answer is true, and return it."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not (answer := await asyncio.to_thread(ask)):
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(every)
    return answer
