"""A real Kubernetes control plane for tests: etcd, kube-apiserver and kube-controller-manager of ``KUBEBUILDER_ASSETS``, on loopback.

``api_server`` is the API server alone, with RBAC on. ``control_plane`` adds the controller manager, which makes ReplicaSets and Pods of Deployments,
endpoints of Services, tokens of service accounts, and collects garbage. Nothing runs the Pods: see ``kubelet``.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import secrets
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

ASSETS = os.environ.get("KUBEBUILDER_ASSETS", "")

needs_kube = pytest.mark.skipif(not ASSETS, reason="KUBEBUILDER_ASSETS is not set: no kube-apiserver to test with")
needs_control_plane = pytest.mark.skipif(
    not (Path(ASSETS) / "kube-controller-manager").exists(), reason="KUBEBUILDER_ASSETS has no kube-controller-manager"
)

_AUDIT = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata}
"""

_CONTROLLERS = (
    "deployment-controller", "replicaset-controller", "statefulset-controller", "job-controller", "garbage-collector-controller", "endpoints-controller",
    "endpointslice-controller", "serviceaccount-controller", "serviceaccount-token-controller", "root-ca-certificate-publisher-controller",
    "namespace-controller", "disruption-controller", "persistentvolumeclaim-protection-controller",
)  # fmt: skip


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class ApiServer:
    """A running API server and the kubeconfig of its admin (group system:masters)."""

    url: str
    token: str
    kubeconfig: Path
    folder: Path
    tokens: Mapping[str, str]
    """By user; ``admin`` is always there."""
    network: str
    """The first two numbers of its Services' addresses, as in ``10.123``; they are ``10.123.0.0/24``."""
    processes: dict[str, _Process] = field(default_factory=dict)

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1."""
        return int(self.url.rpartition(":")[2])

    def kubeconfig_of(self, user: str) -> Path:
        """A kubeconfig of one of the users."""
        return _kubeconfig_path(self.folder, user)

    def kubectl(self, *arguments: str | Path, stdin: str | None = None, user: str = "admin") -> str:
        """Run kubectl and return what it prints; fails with its words."""
        command = ["kubectl", f"--kubeconfig={self.kubeconfig_of(user)}", *map(str, arguments)]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}{done.stdout}"
        return done.stdout

    def requests(self, user: str = "", since: float = 0.0) -> list[dict[str, Any]]:
        """What was asked by users whose name contains ``user``, since a time (of ``time.time``); only with ``audit``."""
        lines = (self.folder / "audit.log").read_text().splitlines()
        asked = [json.loads(line) for line in lines if line.endswith("}")]
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(since)) + f".{int(since % 1 * 1e6):06d}Z"
        return [
            one for one in asked if user in one["user"].get("username", "") and one["requestReceivedTimestamp"] >= stamp
        ]

    def writes(self, user: str = "", since: float = 0.0) -> list[dict[str, Any]]:
        """The requests among them that change something, leases aside."""
        verbs = ("create", "update", "patch", "delete", "deletecollection")
        return [
            one
            for one in self.requests(user, since)
            if one["verb"] in verbs
            and one.get("objectRef", {}).get("resource") not in ("leases", "selfsubjectaccessreviews")
        ]

    def kill(self) -> None:
        """End the API server with -9 (etcd goes on)."""
        self.processes["kube-apiserver"].kill()

    def start(self) -> None:
        """Start it again on the same port and data, and wait until it is ready."""
        self.processes["kube-apiserver"].start()
        _wait_until_ready(self.url, self.token, self.folder)


class _Process:
    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._command = command
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def end(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()


@contextlib.contextmanager
def api_server(
    folder: Path,
    *,
    users: Mapping[str, Sequence[str]] | None = None,
    service_accounts: bool = False,
    audit: bool = False,
) -> Iterator[ApiServer]:
    """Start etcd and kube-apiserver in ``folder``; they end with the ``with``.

    ``users``: others than the admin, with their groups. ``service_accounts``: Pods need one and get its token (somebody must make the accounts).
    ``audit``: requests are logged.
    """
    groups = {"admin": ["system:masters"], **(users or {})}
    tokens = {user: secrets.token_hex(16) for user in groups}
    etcd_port, port, key = free_port(), free_port(), folder / "sa.key"
    network = f"10.{random.SystemRandom().randrange(64, 255)}"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    lines = [f'{tokens[user]},{user},{user},"{",".join(names)}"\n' for user, names in groups.items()]
    (folder / "tokens.csv").write_text("".join(lines))
    (folder / "audit.yaml").write_text(_AUDIT)
    etcd = f"http://127.0.0.1:{etcd_port}"
    peer = f"http://127.0.0.1:{free_port()}"
    commands = [
        [
            f"{ASSETS}/etcd", f"--data-dir={folder}/etcd", f"--listen-client-urls={etcd}", f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
        ],
        [
            f"{ASSETS}/kube-apiserver", f"--etcd-servers={etcd}", f"--secure-port={port}", "--bind-address=127.0.0.1",
            f"--cert-dir={folder}/certs", f"--token-auth-file={folder}/tokens.csv", "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}", f"--service-cluster-ip-range={network}.0.0/24",
            *([] if service_accounts else ["--disable-admission-plugins=ServiceAccount"]),
            *([f"--audit-policy-file={folder}/audit.yaml", f"--audit-log-path={folder}/audit.log"] if audit else []),
        ],
    ]  # fmt: skip
    url = f"https://127.0.0.1:{port}"
    for user, token in tokens.items():
        _write_kubeconfig(_kubeconfig_path(folder, user), url, user, token)
    server = ApiServer(url, tokens["admin"], _kubeconfig_path(folder, "admin"), folder, tokens, network)
    with contextlib.ExitStack() as stack:
        for command in commands:
            name = Path(command[0]).name
            server.processes[name] = process = _Process(command, folder / f"{name}.log")
            stack.callback(process.end)
            process.start()
        _wait_until_ready(url, server.token, folder)
        yield server


@contextlib.contextmanager
def control_plane(folder: Path, *, users: Mapping[str, Sequence[str]] | None = None) -> Iterator[ApiServer]:
    """An API server with service accounts and the audit log on, and the controller manager."""
    with api_server(folder, users=users, service_accounts=True, audit=True) as server:
        command = [
            f"{ASSETS}/kube-controller-manager", f"--kubeconfig={server.kubeconfig}", "--leader-elect=false", "--secure-port=0",
            f"--service-account-private-key-file={folder}/sa.key", f"--root-ca-file={folder}/certs/apiserver.crt",
            f"--controllers={','.join(_CONTROLLERS)}", "--kube-api-qps=200", "--kube-api-burst=400",
        ]  # fmt: skip
        process = server.processes["kube-controller-manager"] = _Process(
            command, folder / "kube-controller-manager.log"
        )
        process.start()
        try:
            _until(
                lambda: _answers(f"{url_of(server)}/serviceaccounts/default", server.token),
                "kube-controller-manager",
                folder,
            )
            yield server
        finally:
            process.end()


def url_of(server: ApiServer, namespace: str = "default") -> str:
    """The core objects of a namespace."""
    return f"{server.url}/api/v1/namespaces/{namespace}"


def _answers(url: str, token: str) -> bool:
    context = ssl._create_unverified_context()  # its certificate is made at its start
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, context=context, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _wait_until_ready(url: str, token: str, folder: Path) -> None:
    _until(lambda: _answers(f"{url}/readyz", token), "kube-apiserver", folder)


def _until(ready: Callable[[], bool], name: str, folder: Path) -> None:
    deadline = time.monotonic() + 90
    while not ready():
        if time.monotonic() > deadline:
            log = (folder / f"{name}.log").read_text()[-2000:]
            raise AssertionError(f"{name} did not become ready:\n{log}")
        time.sleep(0.2)


def _kubeconfig_path(folder: Path, user: str) -> Path:
    return folder / ("kubeconfig" if user == "admin" else f"kubeconfig-{user}")


def _write_kubeconfig(path: Path, url: str, user: str, token: str) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": url, "insecure-skip-tls-verify": True}}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
        "current-context": "test",
    }
    path.write_text(yaml.safe_dump(config))


def crd(kind: str, plural: str) -> dict[str, object]:
    """A minimal stand-in for a CRD of Argo."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.argoproj.io"},
        "spec": {
            "group": "argoproj.io",
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [{"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }
