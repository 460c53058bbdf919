from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from events.controller import names
from events.kube.client import open_cluster
from events.kube.control import Control
from tests.support.controlled import USER, World, prepare
from tests.support.kube import ApiServer, control_plane


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A control plane with our definitions; what the controller asks for is in its audit log."""
    with control_plane(tmp_path_factory.mktemp("plane"), users={USER: []}) as server:
        prepare(server)
        yield server


@pytest.fixture
async def admin(plane: ApiServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Control]:
    monkeypatch.setenv("KUBECONFIG", str(plane.kubeconfig))
    async with open_cluster() as cluster:
        yield Control(cluster, "the-tests")


@pytest.fixture
async def control(plane: ApiServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Control]:
    """What the controller talks through, with its own rights only."""
    monkeypatch.setenv("KUBECONFIG", str(plane.kubeconfig_of(USER)))
    async with open_cluster() as cluster:
        yield Control(cluster, names.MANAGER)


@pytest.fixture
def world(plane: ApiServer, admin: Control) -> Iterator[World]:
    """A new namespace that enforces ``restricted``."""
    name = f"t{secrets.token_hex(3)}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted", "test": name}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    plane.kubectl("create", "-f", "-", stdin=json.dumps(namespace))
    plane.kubectl("wait", "-n", name, "--for=create", "serviceaccount/default", "--timeout=100s")  # no pod without
    yield World(admin, plane, name)
    for kind in ("eventsources", "sensors", "eventbus"):  # nobody takes their finalizers away after the test
        for found in plane.kubectl("get", kind, "-n", name, "-o", "name").split():
            plane.kubectl("patch", found, "-n", name, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    plane.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("controller")
