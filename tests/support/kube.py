"""A real Kubernetes API server for tests: etcd and kube-apiserver of ``KUBEBUILDER_ASSETS``, on loopback, with RBAC on."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ASSETS = os.environ.get("KUBEBUILDER_ASSETS", "")

needs_kube = pytest.mark.skipif(not ASSETS, reason="KUBEBUILDER_ASSETS is not set: no kube-apiserver to test with")


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


@contextlib.contextmanager
def api_server(folder: Path) -> Iterator[ApiServer]:
    """Start etcd and kube-apiserver in ``folder``; they end with the ``with``."""
    token, etcd_port, port = secrets.token_hex(16), free_port(), free_port()
    key = folder / "sa.key"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    (folder / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
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
            f"--service-account-signing-key-file={key}", "--service-cluster-ip-range=10.0.0.0/24",
            "--disable-admission-plugins=ServiceAccount",
        ],
    ]  # fmt: skip
    url = f"https://127.0.0.1:{port}"
    with contextlib.ExitStack() as stack:
        for command in commands:
            log = stack.enter_context((folder / f"{Path(command[0]).name}.log").open("wb"))
            process = subprocess.Popen(command, stdout=log, stderr=log)
            stack.callback(_end, process)
        _wait_until_ready(url, token, folder)
        yield ApiServer(url, token, _kubeconfig(folder, url, token))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until_ready(url: str, token: str, folder: Path) -> None:
    import ssl

    context = ssl._create_unverified_context()  # its certificate is made at its start
    deadline = time.monotonic() + 90
    while True:
        request = urllib.request.Request(f"{url}/readyz", headers={"Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, context=context, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        if time.monotonic() > deadline:
            log = (folder / "kube-apiserver.log").read_text()[-2000:]
            raise AssertionError(f"kube-apiserver did not become ready:\n{log}")
        time.sleep(0.2)


def _kubeconfig(folder: Path, url: str, token: str) -> Path:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": url, "insecure-skip-tls-verify": True}}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        "current-context": "test",
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


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
