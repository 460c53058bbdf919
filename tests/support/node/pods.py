"""The life of one pod on the node: volumes, containers, restarts, probes, status, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.node.api import AWAY, Api, Object
from tests.support.node.containers import Image, Mount, Sandbox, kill
from tests.support.node.volumes import Missing, Sources, environment, expand, files, write

_BACKOFF = (0.5, 5.0)
"""Seconds before the first restart of a container and at most; ten times as fast as in a cluster."""
_LIVED = 10.0
"""Seconds after which a container counts as one that has worked."""
_EAGER = 0.2
"""Seconds between probes of what is not ready yet, whatever the pod asks for."""


@dataclass
class Node:
    """What the pods of a node share."""

    api: Api
    sources: Sources
    images: Mapping[str, Image]
    folder: Path
    network: str
    bridge: str
    name: str
    session: aiohttp.ClientSession
    claim: Callable[[str, str], Path]


@dataclass
class Container:
    """The state of a container, as its status tells it."""

    spec: Object
    initial: bool = False
    process: asyncio.subprocess.Process | None = None
    state: Object = field(default_factory=lambda: {"waiting": {"reason": "ContainerCreating"}})
    last: Object = field(default_factory=dict)
    restarts: int = 0
    ready: bool = False
    started: float = 0.0

    def status(self) -> Object:
        pid = self.process.pid if self.process else ""
        return {
            "name": self.spec["name"], "image": self.spec["image"], "imageID": self.spec["image"], "restartCount": self.restarts,
            "containerID": f"process://{pid}", "ready": self.ready, "started": "running" in self.state,
            "state": self.state, "lastState": self.last,
        }  # fmt: skip


class PodRunner:
    """Runs one pod; ``pod`` is replaced when the object changes."""

    def __init__(self, node: Node, pod: Object, number: int) -> None:
        self.node = node
        self.pod = pod
        self.uid = pod["metadata"]["uid"]
        self.leaving = asyncio.Event()
        self._number = number
        self.address = f"{node.network}.1.{number}"
        self._folder = node.folder / "pods" / self.uid
        self._started = _now()
        self._containers = [Container(c) for c in pod["spec"]["containers"]]
        self._initial = [Container(c, initial=True) for c in pod["spec"].get("initContainers", ())]
        self._changed = asyncio.Event()
        self._told: Object = {}
        self._mounted = False

    @property
    def path(self) -> str:
        metadata = self.pod["metadata"]
        return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"

    async def live(self) -> None:
        """From its binding to its removal from the API server."""
        telling = asyncio.create_task(self._tell())
        running = asyncio.create_task(self._run())
        try:
            gone = asyncio.create_task(self.leaving.wait())
            await asyncio.wait([gone, running], return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            await gone
            await self._stop()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            for container in [*self._containers, *self._initial]:
                if container.process is not None:
                    kill(container.process, signal.SIGKILL)
                    await container.process.wait()
            telling.cancel()
            shutil.rmtree(self._folder, ignore_errors=True)
        await self._tell_once()
        await self._remove()

    async def refresh(self) -> None:
        """Write the files of the volumes again, where they changed."""
        if self._mounted:
            with contextlib.suppress(Missing, *AWAY):
                await self._volumes()

    # -- start ---------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        name = f"pm{self.node.bridge[2:]}{self._number}"
        gateway = f"{self.node.network}.1.1"
        hostname = self.pod["spec"].get("hostname") or self.pod["metadata"]["name"]
        sandbox = await Sandbox.open(self.node.bridge, name, self.address, gateway, hostname)
        try:
            await self._until_there(self._volumes)
            self._mounted = True
            for container in self._initial:
                await self._supervise(sandbox, container)
            async with asyncio.TaskGroup() as group:
                for container in self._containers:
                    group.create_task(self._supervise(sandbox, container))
        finally:
            for container in [*self._containers, *self._initial]:
                if container.process is not None:
                    kill(container.process, signal.SIGKILL)
            await sandbox.close()

    async def _until_there(self, make: Callable[[], Any]) -> Any:
        while True:
            try:
                return await make()
            except (Missing, *AWAY) as problem:
                for container in self._containers:
                    container.state = {"waiting": {"reason": "CreateContainerConfigError", "message": str(problem)}}
                self._changed.set()
                await asyncio.sleep(0.2)

    async def _volumes(self) -> None:
        group = self.pod["spec"].get("securityContext", {}).get("fsGroup")
        for volume in self.pod["spec"].get("volumes", ()):
            folder = self._folder / "volumes" / volume["name"]
            folder.mkdir(parents=True, exist_ok=True)
            content = await files(volume, self.pod, self.node.sources)
            if content is None:
                folder.chmod(0o777)
            else:
                source = next(
                    volume[kind] for kind in ("configMap", "secret", "projected", "downwardAPI") if kind in volume
                )
                write(folder, content, source.get("defaultMode", 0o644), group)

    def _mounts(self, container: Container) -> list[Mount]:
        volumes = {volume["name"]: volume for volume in self.pod["spec"].get("volumes", ())}
        mounts = [Mount(self.node.folder / "resolv" / self.pod["metadata"]["namespace"], "/etc/resolv.conf")]
        for mount in container.spec.get("volumeMounts", ()):
            volume = volumes[mount["name"]]
            source = self._folder / "volumes" / mount["name"]
            if claim := volume.get("persistentVolumeClaim"):
                source = self.node.claim(self.pod["metadata"]["namespace"], claim["claimName"])
            if sub := mount.get("subPath"):
                source = source / sub
            mounts.append(Mount(source, mount["mountPath"], mount.get("readOnly", False)))
        return mounts

    async def _start(self, sandbox: Sandbox, container: Container) -> asyncio.subprocess.Process:
        spec = container.spec
        image = self.node.images.get(spec["image"].rpartition("/")[2].partition(":")[0])
        if image is None:
            raise Missing(f"no such image: {spec['image']}")
        security = {**self.pod["spec"].get("securityContext", {}), **spec.get("securityContext", {})}
        security.setdefault("runAsUser", image.user)
        if security.get("runAsNonRoot") and security["runAsUser"] == 0:
            raise Missing("container has runAsNonRoot and image will run as root")
        seen = {**self.pod, "status": {"podIP": self.address, "hostIP": f"{self.node.network}.1.1"}}
        variables = {
            "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/", "HOSTNAME": self.pod["metadata"]["name"],
            "KUBERNETES_SERVICE_HOST": f"{self.node.network}.0.1", "KUBERNETES_SERVICE_PORT": "443",
            **image.environment, **environment(spec, seen, self.node.sources),
        }  # fmt: skip
        command = [*(spec.get("command") or image.command), *(expand(a, variables) for a in spec.get("args", ()))]
        mounts = [Mount(Path(here), there, True) for here, there in image.folders.items()] + self._mounts(container)
        metadata = self.pod["metadata"]
        log = self.node.folder / "logs" / f"{metadata['namespace']}_{metadata['name']}_{spec['name']}.log"
        scratch = self._folder / f"{spec['name']}-{container.restarts}"
        return await sandbox.start(command, variables, mounts, security, scratch, log, spec.get("workingDir", "/"))

    async def _supervise(self, sandbox: Sandbox, container: Container) -> None:
        delay = _BACKOFF[0]
        policy = "OnFailure" if container.initial else self.pod["spec"].get("restartPolicy", "Always")
        while True:
            container.process = await self._until_there(lambda: self._start(sandbox, container))
            container.started = time.monotonic()
            container.state = {"running": {"startedAt": _now()}}
            probing = [
                asyncio.create_task(self._probe(container, kind)) for kind in ("readinessProbe", "livenessProbe")
            ]
            self._changed.set()
            code = await container.process.wait()
            kill(container.process, signal.SIGKILL)  # what it started
            for task in probing:
                task.cancel()
            ended = {
                "exitCode": code if code >= 0 else 128 - code,
                "finishedAt": _now(),
                "reason": "Error" if code else "Completed",
            }
            container.ready, container.state = False, {"terminated": ended}
            self._changed.set()
            if self.leaving.is_set() or policy == "Never" or (policy == "OnFailure" and code == 0):
                return
            container.last = container.state
            container.state = {"waiting": {"reason": "CrashLoopBackOff", "message": f"exit code {code}"}}
            if time.monotonic() - container.started > _LIVED:
                delay = _BACKOFF[0]
            await asyncio.sleep(delay)
            delay = min(2 * delay, _BACKOFF[1])
            container.restarts += 1

    # -- probes --------------------------------------------------------------------------------------------------------

    async def _probe(self, container: Container, kind: str) -> None:
        probe = container.spec.get(kind)
        if probe is None:
            if kind == "readinessProbe":
                container.ready = True
                self._changed.set()
            return
        await asyncio.sleep(_EAGER if kind == "readinessProbe" else probe.get("initialDelaySeconds", 0))
        failures = 0
        while True:
            good = await self._ask(container, probe)
            failures = 0 if good else failures + 1
            if kind == "livenessProbe" and failures >= probe.get("failureThreshold", 3):
                assert container.process is not None
                kill(container.process, signal.SIGTERM)
                await asyncio.sleep(self.pod["spec"].get("terminationGracePeriodSeconds", 30))
                kill(container.process, signal.SIGKILL)
                return
            if kind == "readinessProbe":
                ready = good or (container.ready and failures < probe.get("failureThreshold", 3))
                if ready != container.ready:
                    container.ready = ready
                    self._changed.set()
            eager = kind == "readinessProbe" and not container.ready
            await asyncio.sleep(_EAGER if eager else probe.get("periodSeconds", 10))

    async def _ask(self, container: Container, probe: Object) -> bool:
        ports = {port.get("name"): port["containerPort"] for port in container.spec.get("ports", ())}
        try:
            async with asyncio.timeout(probe.get("timeoutSeconds", 1)):
                if asked := probe.get("httpGet"):
                    port = ports.get(asked["port"], asked["port"])
                    url = f"{asked.get('scheme', 'HTTP').lower()}://{self.address}:{port}{asked.get('path', '/')}"
                    async with self.node.session.get(url, allow_redirects=False) as answer:
                        return 200 <= answer.status < 400
                if asked := probe.get("tcpSocket"):
                    _, writer = await asyncio.open_connection(self.address, ports.get(asked["port"], asked["port"]))
                    writer.close()
                    return True
        except AWAY:
            return False
        raise NotImplementedError(f"probe {probe}")

    # -- status and end ------------------------------------------------------------------------------------------------

    async def _tell(self) -> None:
        self._changed.set()
        while True:
            await self._changed.wait()
            self._changed.clear()
            if not await self._tell_once():
                self._changed.set()
                await asyncio.sleep(0.3)

    async def _tell_once(self) -> bool:
        """Write the status, if it has changed; False: the server is away."""
        status = self._status()
        if status != self._told:
            try:
                await self.node.api.call("PATCH", f"{self.path}/status", {"status": status}, patch="strategic-merge")
            except AWAY:
                return False
            self._told = status
        return True

    def _status(self) -> Object:
        ready = all(c.ready for c in self._containers) and not self.leaving.is_set()
        initialized = all(c.state.get("terminated", {}).get("exitCode") == 0 for c in self._initial)
        ended = [c.state["terminated"] for c in self._containers if "terminated" in c.state]
        phase = "Running" if any("running" in c.state or c.last for c in self._containers) else "Pending"
        if len(ended) == len(self._containers):
            phase = "Failed" if any(e["exitCode"] for e in ended) else "Succeeded"
        holds = {"PodScheduled": True, "Initialized": initialized, "ContainersReady": ready, "Ready": ready}
        before = {c["type"]: c for c in self._told.get("conditions", ())}
        conditions = []
        for kind, value in holds.items():
            status = str(value)
            since = before[kind]["lastTransitionTime"] if before.get(kind, {}).get("status") == status else _now()
            conditions.append({"type": kind, "status": status, "lastTransitionTime": since})
        return {
            "phase": phase, "podIP": self.address, "podIPs": [{"ip": self.address}], "hostIP": f"{self.node.network}.1.1",
            "startTime": self._started, "conditions": conditions,
            "containerStatuses": [c.status() for c in self._containers], "initContainerStatuses": [c.status() for c in self._initial],
        }  # fmt: skip

    async def _stop(self) -> None:
        self._changed.set()
        seconds = self.pod["metadata"].get("deletionGracePeriodSeconds", 30)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
                for container in self._containers:
                    group.create_task(self._end(container))

    async def _end(self, container: Container) -> None:
        before = container.spec.get("lifecycle", {}).get("preStop", {})
        await asyncio.sleep(before.get("sleep", {}).get("seconds", 0))
        if container.process is not None:
            kill(container.process, signal.SIGTERM)
            await container.process.wait()

    async def _remove(self) -> None:
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}}
        while True:
            try:
                await self.node.api.call("DELETE", self.path, body)
                return
            except aiohttp.ClientResponseError as answer:
                if answer.status in (404, 409):
                    return
            except AWAY:
                pass
            await asyncio.sleep(0.3)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
