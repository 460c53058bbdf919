"""The process of a node: ``python -m tests.support.node SETTINGS.json``. Until SIGTERM it runs every pod of the cluster."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.node.api import AWAY, Api, Mirror, Object
from tests.support.node.containers import Image, run
from tests.support.node.pods import Node, PodRunner
from tests.support.node.services import Dns, Endpoints, Proxy
from tests.support.node.volumes import Sources


class Kubelet:
    """Binds pods, runs them, and gives them names and addresses."""

    def __init__(self, api: Api, settings: Mapping[str, Any], session: aiohttp.ClientSession) -> None:
        self._api = api
        self._folder = Path(settings["folder"])
        self._network: str = settings["network"]
        self._bridge: str = settings["bridge"]
        self._configmaps = Mirror(api, "/api/v1/configmaps", self._config_changed)
        self._secrets = Mirror(api, "/api/v1/secrets", self._config_changed)
        self._claims = Mirror(api, "/api/v1/persistentvolumeclaims")
        self._pods = Mirror(api, "/api/v1/pods", self._pod_changed)
        self._namespaces = Mirror(api, "/api/v1/namespaces", self._namespace_changed)
        self._services = Mirror(api, "/api/v1/services", lambda old, new: self._proxy.changed.set())
        self._slices = Mirror(api, "/apis/discovery.k8s.io/v1/endpointslices")
        self._endpoints = Endpoints(self._services, self._slices)
        self._proxy = Proxy(self._endpoints, self._bridge, settings["api_port"])
        images = {name: Image(**image) for name, image in settings["images"].items()}
        sources = Sources(self._configmaps, self._secrets, self._token)
        name = f"node-{self._bridge}"
        self._node = Node(api, sources, images, self._folder, self._network, self._bridge, name, session, self._claim)
        self._runners: dict[str, tuple[PodRunner, asyncio.Task[None]]] = {}
        self._finished: set[str] = set()
        """Pods that were run; some object to their removal for a while, by a finalizer."""
        self._binding: set[asyncio.Task[None]] = set()
        self._numbers = itertools.cycle(range(2, 255))

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``; then every pod is ended, without a word to the API server."""
        gateway = f"{self._network}.1.1"
        await run("ip", "link", "add", self._bridge, "up", "type", "bridge")
        await run("ip", "addr", "add", f"{gateway}/24", "dev", self._bridge)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: Dns(self._endpoints), local_addr=(gateway, 53))
        await self._register()
        others = (self._configmaps, self._secrets, self._claims, self._namespaces, self._services, self._slices)
        following = [asyncio.create_task(mirror.follow()) for mirror in others]
        for mirror in others:
            await mirror.filled.wait()
        following += [asyncio.create_task(self._pods.follow()), asyncio.create_task(self._proxy.follow())]
        (self._folder / "ready").touch()
        stopping = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait([stopping, *following], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            transport.close()
            tasks = [*following, *(task for _, task in self._runners.values()), *self._binding]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await run("ip", "link", "del", self._bridge)

    async def _register(self) -> None:
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self._node.name}}
        with contextlib.suppress(aiohttp.ClientResponseError):
            await self._api.call("POST", "/api/v1/nodes", node)
        status = {"conditions": [{"type": "Ready", "status": "True"}], "capacity": {"pods": "250"}}
        await self._api.call("PATCH", f"/api/v1/nodes/{self._node.name}/status", {"status": status})

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None or (old is not None and old["metadata"]["uid"] != new["metadata"]["uid"]):
            runner, _ = self._runners.get(old["metadata"]["uid"], (None, None)) if old else (None, None)
            if runner is not None:
                runner.pod["metadata"]["deletionGracePeriodSeconds"] = 0
                runner.leaving.set()
        if new is None:
            return
        uid = new["metadata"]["uid"]
        if not new["spec"].get("nodeName"):
            task = asyncio.create_task(self._bind(new))
            self._binding.add(task)
            task.add_done_callback(self._binding.discard)
        elif uid in self._runners:
            self._runners[uid][0].pod = new
        elif uid not in self._finished:
            runner = PodRunner(self._node, new, self._free_number())
            self._runners[uid] = runner, asyncio.create_task(runner.live(), name=new["metadata"]["name"])
            self._runners[uid][1].add_done_callback(lambda task: self._ended(uid, task))
        if new["metadata"].get("deletionTimestamp") and uid in self._runners:
            self._runners[uid][0].leaving.set()

    def _free_number(self) -> int:
        taken = {runner.address for runner, _ in self._runners.values()}
        return next(n for n in self._numbers if f"{self._network}.1.{n}" not in taken)

    def _ended(self, uid: str, task: asyncio.Task[None]) -> None:
        del self._runners[uid]
        self._finished.add(uid)
        if not task.cancelled() and (error := task.exception()):
            print(f"pod {task.get_name()}: {error!r}", file=sys.stderr, flush=True)

    async def _bind(self, pod: Object) -> None:
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name},
            "target": {"kind": "Node", "name": self._node.name},
        }
        while current := self._pods.get((namespace, name)):
            if current["spec"].get("nodeName") or current["metadata"]["uid"] != pod["metadata"]["uid"]:
                return
            try:
                await self._api.call("POST", f"/api/v1/namespaces/{namespace}/pods/{name}/binding", binding)
                return
            except AWAY:
                await asyncio.sleep(0.3)

    def _config_changed(self, old: Object | None, new: Object | None) -> None:
        for runner, _ in list(self._runners.values()):
            task = asyncio.create_task(runner.refresh())
            self._binding.add(task)
            task.add_done_callback(self._binding.discard)

    def _namespace_changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None:
            name = new["metadata"]["name"]
            text = f"nameserver {self._network}.1.1\nsearch {name}.svc.cluster.local svc.cluster.local\noptions ndots:5 timeout:1\n"
            (self._folder / "resolv").mkdir(exist_ok=True)
            (self._folder / "resolv" / name).write_text(text)

    def _claim(self, namespace: str, name: str) -> Path:
        claim = self._claims.get((namespace, name))
        folder = self._folder / "claims" / (claim["metadata"]["uid"] if claim else f"{namespace}-{name}")
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)
        return folder

    async def _token(self, pod: Object, wanted: Mapping[str, Any]) -> str:
        metadata = pod["metadata"]
        account = pod["spec"].get("serviceAccountName", "default")
        bound = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        spec = {"expirationSeconds": wanted.get("expirationSeconds", 3607), "boundObjectRef": bound}
        if audience := wanted.get("audience"):
            spec["audiences"] = [audience]
        path = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{account}/token"
        answer = await self._api.call(
            "POST", path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        )
        return str(answer["status"]["token"])


async def main() -> None:
    settings = json.loads(Path(sys.argv[1]).read_text())
    folder = Path(settings["folder"])
    for name in ("pods", "logs", "claims", "resolv"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    api = Api(settings["url"], settings["token"])
    insecure = aiohttp.TCPConnector(ssl=False, force_close=True)
    async with api.session, aiohttp.ClientSession(connector=insecure) as session:
        await Kubelet(api, settings, session).run(stop)
    shutil.rmtree(folder / "pods", ignore_errors=True)


asyncio.run(main())
