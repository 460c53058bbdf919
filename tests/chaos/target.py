"""A small double of an API server: create-once and get of Workflows, every step in a synced journal, so that it may be killed itself.

``python -m tests.chaos.target PORT JOURNAL`` serves it (``system.Target`` starts it). The names are rebuilt from the journal, so a
create that was answered is never forgotten. ``PUT /chaos`` sets its faults:
``{"mode": "well" | "away", "faults": ["cut", "hang", "error", "taken"], "seed": N, "delay": SECONDS}``.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.chaos import journal
from tests.chaos.journal import Journal

KINDS = {
    "workflows": "Workflow",
    "workflowtemplates": "WorkflowTemplate",
    "clusterworkflowtemplates": "ClusterWorkflowTemplate",
}
HANG_SECONDS = 30.0


class Double:
    """The server's side."""

    def __init__(self, journal_: Journal) -> None:
        self._journal = journal_
        self._objects: dict[str, dict[str, Any]] = {
            r["path"]: r["object"] for r in journal.read(journal_.path) if r["what"] == "created"
        }
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._mode = "well"
        self._faults: list[str] = []
        self._rng = random.Random(0)
        self._delay = 0.0

    def app(self) -> web.Application:
        app = web.Application(client_max_size=32 << 20)
        app.router.add_put("/chaos", self.set_faults)
        app.router.add_route("*", "/hook{rest:.*}", self.hook)
        app.router.add_route("*", "/{path:.*}", self.answer)
        return app

    async def set_faults(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        self._mode, self._faults = wanted.get("mode", "well"), wanted.get("faults", [])
        self._rng = random.Random(wanted.get("seed", 0))
        self._delay = float(wanted.get("delay", 0.0))
        await self._journal.append(what="chaos", mode=self._mode)
        return web.Response()

    async def hook(self, request: web.Request) -> web.Response:
        """The target of ``http`` triggers. A path that says so refuses."""
        body = (await request.read()).decode("utf-8", "replace")
        await self._journal.append(
            what="posted", path=request.path, key=request.headers.get("Idempotency-Key", ""), body=body
        )
        return web.Response(status=422 if "refuse" in request.path else 200, text="as the path wants it")

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self._mode == "away":
            self._journal.append(what="probed", path=request.path)
            return _status(503, "ServiceUnavailable", "the server is away")
        parts = request.path.strip("/").split("/")
        if parts == ["version"]:
            return web.json_response({"major": "1", "minor": "34", "gitVersion": "v1.34.0"})
        if request.method == "POST" and parts[-1].endswith("accessreviews"):
            return web.json_response({**await request.json(), "status": {"allowed": True}}, status=201)
        if parts == ["apis", "argoproj.io", "v1alpha1"]:
            names = [{"name": n, "kind": k, "namespaced": not n.startswith("cluster")} for n, k in KINDS.items()]
            return web.json_response(
                {"kind": "APIResourceList", "groupVersion": "argoproj.io/v1alpha1", "resources": names}
            )
        if request.method == "POST" and parts[-1] == "workflows":
            return await self._create(request, await request.json())
        if request.method == "GET" and parts[-2:-1] == ["workflows"]:
            found = self._objects.get(request.path)
            return (
                web.json_response(found)
                if found
                else _status(404, "NotFound", f'workflows.argoproj.io "{parts[-1]}" not found')
            )
        if request.method == "GET" and parts[-2:-1] == ["workflowtemplates"]:
            return web.json_response(
                {"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTemplate", "metadata": {"name": parts[-1]}}
            )
        return _status(404, "NotFound", "the server could not find the requested resource")

    async def _create(self, request: web.Request, obj: dict[str, Any]) -> web.StreamResponse:
        """Create once; the answer leaves after the journal has it. A fault, drawn for a first create, comes after that."""
        await asyncio.sleep(self._delay)
        name = obj["metadata"]["name"]
        path = f"{request.path}/{name}"
        if path in self._objects:
            await self._waiting.get(path, _done())
            self._journal.append(what="conflict", path=path)
            return _status(409, "AlreadyExists", f'workflows.argoproj.io "{name}" already exists')
        fault = self._rng.choice(self._faults) if self._faults else ""
        if fault == "taken":  # somebody else was here first
            self._objects[path] = {
                **obj,
                "metadata": {"name": name, "annotations": {"pointsman/event-id": "of-another"}},
            }
            await self._journal.append(what="taken", path=path, object=obj)
            return _status(409, "AlreadyExists", f'workflows.argoproj.io "{name}" already exists')
        self._objects[path] = obj
        self._waiting[path] = self._journal.append(what="created", path=path, fault=fault, object=obj)
        await self._waiting[path]
        del self._waiting[path]
        if fault == "cut":
            assert request.transport is not None
            request.transport.abort()
        elif fault == "hang":
            await asyncio.sleep(HANG_SECONDS)
        elif fault == "error":
            return _status(500, "InternalError", "etcdserver: leader changed")
        return web.json_response(obj, status=201)


def _done() -> asyncio.Future[None]:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done.set_result(None)
    return done


def _status(code: int, reason: str, message: str) -> web.Response:
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }
    return web.json_response(body, status=code)


async def serve(port: int, path: Path) -> None:
    async with Journal(path) as opened:
        runner = web.AppRunner(Double(opened).app(), access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
        ended = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        await ended.wait()
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
