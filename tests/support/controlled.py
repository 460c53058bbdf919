"""A controller of this process, with no more rights than its own, on a real API server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from events.cli.judges import JUDGES
from events.controller import names
from events.controller.access import ACCESS, CLUSTER_ACCESS, LEASE_ACCESS, Access
from events.controller.process import Controller
from events.controller.settings import Settings
from events.kube.control import Control, Selection
from tests.support.kube import ApiServer

Object = dict[str, Any]
T = TypeVar("T")

API = "argoproj.io/v1alpha1"
USER = "controller"
"""Who the controller is; it may do what ``events.controller.access`` says, and nothing else."""

CRDS = Path(__file__).parents[2] / "crds"
SETTINGS = Settings("pointsman:test", "nats:test")


def prepare(server: ApiServer) -> None:
    """The definitions, and the rights of the user ``controller``."""
    for name in ("eventbus", "eventsources", "sensors"):
        server.kubectl("apply", "--server-side", "-f", CRDS / f"argoproj.io_{name}.yaml")
    crds = [f"crd/{name}.argoproj.io" for name in ("eventbus", "eventsources", "sensors")]
    server.kubectl("wait", "--for=condition=Established", *crds)
    rules = [_rule(access) for access in (*ACCESS, *CLUSTER_ACCESS, *LEASE_ACCESS)]
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": USER},
        "rules": rules,
    }
    server.kubectl("apply", "-f", "-", stdin=json.dumps(role))
    server.kubectl("create", "clusterrolebinding", USER, f"--clusterrole={USER}", f"--user={USER}")


def _rule(access: Access) -> Object:
    return {"apiGroups": [access.group], "resources": [access.resource], "verbs": list(access.verbs)}


@dataclass
class World:
    """A namespace of its own, seen as the admin."""

    admin: Control
    server: ApiServer
    namespace: str

    async def apply(self, *objects: Object) -> None:
        """As ``kubectl apply``."""
        for obj in objects:
            placed = {**obj, "metadata": {"namespace": self.namespace, **obj["metadata"]}}
            await self.admin.apply(placed, force=True)

    async def get(self, kind: str, name: str, api_version: str = API) -> Object:
        """The object, as soon as there is one."""
        return await until(lambda: self.admin.get(api_version, kind, self.namespace, name))

    async def find(self, kind: str, api_version: str = API) -> list[Object]:
        """All of a kind."""
        return await self.admin.find(Selection(api_version, kind, self.namespace))

    async def delete(self, kind: str, name: str, api_version: str = API) -> None:
        """Ask for its end."""
        await self.admin.delete(
            {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": self.namespace}}
        )

    async def condition(self, kind: str, name: str, type: str, status: str, *, seconds: float = 60) -> Object:
        """The condition, as soon as it has this status for the newest generation."""

        async def ask() -> Object | None:
            obj = await self.admin.get(API, kind, self.namespace, name)
            generation = obj["metadata"]["generation"] if obj else 0
            found = (obj or {}).get("status") or {}
            conditions = found.get("conditions") or [] if found.get("observedGeneration") == generation else []
            return next((c for c in conditions if (c["type"], c["status"]) == (type, status)), None)

        return await until(ask, seconds)


async def until(ask: Callable[[], Awaitable[T | None]], seconds: float = 60) -> T:
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + seconds
    while not (answer := await ask()):
        assert time.monotonic() < deadline, "nothing came of it in time"
        await asyncio.sleep(0.02)
    return answer


@contextlib.asynccontextmanager
async def running(control: Control, *, elect: bool = False, **options: Any) -> AsyncIterator[Controller]:
    """A controller that works as long as the ``with`` lasts."""
    controller = Controller(control, JUDGES, SETTINGS, "default", secrets.token_hex(4), **options)
    task = asyncio.create_task(controller.run(elect=elect))
    try:
        yield controller
        assert not task.done(), task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def settled(controller: Controller, quiet: float = 0.5) -> None:
    """Wait until it has had nothing to do for a while."""
    since = time.monotonic()
    deadline = since + 90
    while time.monotonic() - since < quiet:
        await asyncio.sleep(0.02)
        assert time.monotonic() < deadline, "it does not come to rest"
        if controller.manager is None or not controller.manager.settled:
            since = time.monotonic()


# -- Objects


def bus(name: str = "default", **jetstream: Any) -> Object:
    """A bus that the controller makes."""
    return _object(names.EVENT_BUS, name, {"jetstream": {"version": "latest", "replicas": 1, **jetstream}})


def exotic_bus(name: str = "default") -> Object:
    """A bus of others."""
    return _object(
        names.EVENT_BUS, name, {"jetstreamExotic": {"url": "nats://elsewhere:4222", "tls": {"enabled": True}}}
    )


def source(name: str = "hooks", **spec: Any) -> Object:
    """A webhook with a Service."""
    webhook = {"push": {"port": "12000", "endpoint": "/push", "method": "POST"}}
    return _object(names.EVENT_SOURCE, name, {"webhook": webhook, "service": {"ports": [{"port": 12000}]}, **spec})


def sensor(name: str = "build", *, parameter: str = "body.a", **spec: Any) -> Object:
    """A trigger that logs."""
    dependencies = [{"name": "push", "eventSourceName": "hooks", "eventName": "push"}]
    parameters = [{"src": {"dependencyName": "push", "dataKey": parameter}, "dest": "intervalSeconds"}]
    triggers = [{"template": {"name": "log", "log": {"intervalSeconds": 1}}, "parameters": parameters}]
    return _object(names.SENSOR, name, {"dependencies": dependencies, "triggers": triggers, **spec})


def _object(kind: str, name: str, spec: Object) -> Object:
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec}


def said(requests: Iterable[Object]) -> list[str]:
    """Requests of the audit log in words."""
    fields = ("resource", "subresource", "name")
    return [
        " ".join((one["verb"], *(one.get("objectRef", {}).get(field, "-") for field in fields))) for one in requests
    ]
