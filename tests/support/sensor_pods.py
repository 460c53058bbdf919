"""``pointsman sensor`` as processes of a test, as pods of one Deployment: on one bus, each with a state folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eventbus.interface import Address
from tests.support.pods import write_files
from tests.support.up import ROOT

__all__ = ["Deployment", "SensorPod", "deployment", "sensor"]


class SensorPod:
    """One process. ``lose`` takes its disk away."""

    def __init__(self, name: str, folder: Path, command: list[str], environment: dict[str, str]) -> None:
        self.name = name
        self.state = folder / f"state-{name}"
        self.environment = {**environment, "POD_NAME": name}
        self._log = folder / f"{name}.log"
        self._command = [*command, "--state", str(self.state)]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    @property
    def pid(self) -> int:
        return self.process.pid if self.process is not None and self.process.poll() is None else 0

    def start(self) -> SensorPod:
        with self._log.open("ab") as out:
            self.process = subprocess.Popen(self._command, cwd=ROOT, env=self.environment, stdout=out, stderr=out)
        return self

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def ended(self, seconds: float = 20) -> int:
        """Its exit code."""
        assert self.process is not None
        return self.process.wait(seconds)

    def lose(self) -> None:
        """The pod is gone with its disk."""
        if self.pid:
            self.signal(signal.SIGKILL)
            self.ended()
        shutil.rmtree(self.state, ignore_errors=True)

    def ask(self, path: str) -> tuple[int, str]:
        """Its health port's answer; status 0 when there is none."""
        try:
            admin = json.loads((self.state / "up.json").read_text())["admin"]
            with urllib.request.urlopen(f"{admin}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except (OSError, ValueError, KeyError):
            return 0, ""

    @property
    def is_ready(self) -> bool:
        return bool(self.pid) and self.ask("/readyz")[0] == 200

    @property
    def is_active(self) -> bool:
        return (
            bool(self.pid)
            and "pointsman_sensor_active{" in (text := self.ask("/metrics")[1])
            and "} 1.0" in next(line for line in text.splitlines() if line.startswith("pointsman_sensor_active{"))
        )

    def say(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``kubectl exec``: a command of ours in this pod."""
        command = [sys.executable, "-P", "-m", "events", *words]
        environment = {**self.environment, "POINTSMAN_STATE": str(self.state)}
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    def get(self, *words: str) -> list[dict[str, Any]]:
        done = self.say("get", *words, "-o", "json")
        assert done.returncode == 0, done.stderr
        return list(json.loads(done.stdout)["items"])


class Deployment:
    """The pods of one sensor. ``pod(name)`` starts one."""

    def __init__(self, folder: Path, sensor: dict[str, Any], address: Address, kubeconfig: Path) -> None:
        self._folder = folder
        self.pods: list[SensorPod] = []
        write_files(folder, sensor, address)
        self._command = [sys.executable, "-P", "-m", "events", "sensor", "--port", "0", "--host", "127.0.0.1"]
        for option, path in (
            ("object", "object.json"),
            ("bus", "bus.json"),
            ("secrets", "secrets"),
            ("configmaps", "config"),
        ):
            self._command += [f"--{option}", str(folder / path)]
        self._environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "PYTHONPATH": str(ROOT),
            "POD_NAMESPACE": "default",
        }

    def pod(self, name: str, **environment: str) -> SensorPod:
        pod = SensorPod(name, self._folder, self._command, {**self._environment, **environment})
        self.pods.append(pod)
        return pod.start()


@contextmanager
def deployment(folder: Path, sensor: dict[str, Any], address: Address, kubeconfig: Path) -> Iterator[Deployment]:
    """Its processes end with this."""
    made = Deployment(folder, sensor, address, kubeconfig)
    try:
        yield made
    finally:
        for pod in made.pods:
            if pod.pid:
                pod.signal(signal.SIGCONT)
                pod.signal(signal.SIGKILL)
                pod.ended()


def sensor(*triggers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A Sensor as the controller writes it into a pod. Without triggers: one Workflow for each push."""
    resource = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "start-"},
        "spec": {},
    }
    submit = {"operation": "submit", "source": {"resource": resource}}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Sensor",
        "metadata": {"name": "ci", "namespace": "default", "generation": 1},
        "spec": {
            "dependencies": [{"name": "push", "eventSourceName": "es", "eventName": "push"}],
            "triggers": list(triggers) or [{"template": {"name": "start", "argoWorkflow": submit}}],
            **spec,
        },
    }
