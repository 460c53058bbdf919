"""A control plane with a node, and a namespace of it for each test: what the tests of ``tests/cluster`` run on."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.kube import ApiServer
from tests.support.kubelet import Kubelet
from tests.support.up import eventually

Object = dict[str, Any]


@dataclass(frozen=True)
class Space:
    """One namespace."""

    server: ApiServer
    node: Kubelet
    name: str

    def kubectl(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """kubectl in this namespace, as the admin."""
        return self.server.kubectl(f"--namespace={self.name}", *arguments, stdin=stdin)

    def apply(self, *manifests: str | Object) -> None:
        """``kubectl apply`` of texts or objects."""
        texts = [one if isinstance(one, str) else yaml.safe_dump(one) for one in manifests]
        self.kubectl("apply", "-f", "-", stdin="\n---\n".join(texts))

    def find(self, kind: str, labels: str = "") -> list[Object]:
        """The objects of a kind."""
        found: list[Object] = json.loads(self.kubectl("get", kind, "-o", "json", "-l", labels))["items"]
        return found

    def get(self, kind: str, name: str) -> Object | None:
        """The object, or None."""
        text = self.kubectl("get", kind, name, "-o", "json", "--ignore-not-found")
        return json.loads(text) if text else None

    def rolled_out(self, name: str, seconds: int = 60) -> None:
        """Wait until a workload is there and its newest generation runs, as ``kind/name``."""
        kind, _, bare = name.partition("/")
        eventually(lambda: self.get(kind, bare), seconds)
        self.kubectl("rollout", "status", name, f"--timeout={seconds}s")

    def address(self, service: str) -> str:
        """The ClusterIP of a Service; an API server that has just started gives it after a while."""
        found = eventually(lambda: self.get("service", service))
        assert found is not None, service
        return str(found["spec"]["clusterIP"])

    def emptied(self, *kinds: str, seconds: float = 60) -> None:
        """Wait until no object of these kinds is left."""
        eventually(lambda: not self.kubectl("get", ",".join(kinds), "-o", "name").strip(), seconds)

    def deliveries(self) -> Counter[str]:
        """How many Workflows there are for each delivery id."""
        return Counter(one["metadata"]["annotations"]["pointsman/delivery-id"] for one in self.find("workflows"))

    def process(self, pod: Object) -> int:
        """The process id of the first container of a pod; 0 while there is none."""
        for status in pod["status"].get("containerStatuses", ()):
            if "running" in status["state"]:
                return int(status["containerID"].partition("//")[2])
        return 0

    @property
    def host(self) -> str:
        """The address of this machine for pods."""
        return f"{self.server.network}.1.1"

    def story(self) -> str:
        """What is there and what the containers printed: for the report of a test that failed."""
        logs = [
            f"--- {name}\n{text[-3000:]}" for name, text in self.node.logs().items() if name.startswith(self.name + "_")
        ]
        return "\n".join([self.kubectl("get", "all,events,configmaps,secrets", "-o", "wide"), *logs])


@dataclass(frozen=True)
class Bed:
    """The cluster."""

    server: ApiServer
    node: Kubelet

    @contextmanager
    def space(self, labels: Mapping[str, str] | None = None) -> Iterator[Space]:
        """A new namespace, which enforces the Pod Security Standard ``restricted``. It is removed at the end."""
        name = f"t{secrets.token_hex(3)}"
        labels = {"pod-security.kubernetes.io/enforce": "restricted", **(labels or {})}
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        self.server.kubectl("create", "-f", "-", stdin=json.dumps(namespace))
        space = Space(self.server, self.node, name)
        eventually(lambda: space.get("serviceaccount", "default"))
        try:
            yield space
        finally:
            print(space.story())
            self.server.kubectl("delete", "namespace", name, "--wait=false")
