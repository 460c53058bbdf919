"""A small Argo Server: the lists of Workflows and of the archive, after its documented REST API (bindings spec §6.3)."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Object = dict[str, Any]


@dataclass
class FakeArgoServer:
    """``live`` and ``archive`` are its Workflows; since 3.5 (``merged``) a list of the live ones goes on with those of the archive.

    ``asked`` has the queries that came, by path.
    """

    live: list[Object] = field(default_factory=list)
    archive: list[Object] = field(default_factory=list)
    token: str = ""
    merged: bool = False
    has_archive: bool = True
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        """Any request."""
        self.asked.append((request.path, dict(request.query)))
        if self.token and request.headers.get("Authorization") != self.token:
            return _status(401, 16, "token not valid. see https://argo-workflows.readthedocs.io/en/latest/faq/")
        match request.path.removeprefix("/api/v1/").split("/"):
            case ["workflows", namespace]:
                gone = [w for w in self.archive if _uid(w) not in set(map(_uid, self.live))] if self.merged else []
                return _page([*self.live, *gone], namespace, request.query)
            case ["workflows", namespace, name]:
                found = [w for w in [*self.live, *self.archive] if _key(w) == (namespace, name)]
                return web.json_response(found[0]) if found else _status(404, 5, f'workflows "{name}" not found')
            case ["archived-workflows"]:
                if not self.has_archive:
                    return _status(403, 7, "Permission denied, you are not allowed to list workflows")
                selected = request.query.get("listOptions.fieldSelector", "")
                namespace = selected.removeprefix("metadata.namespace=")
                assert request.query.get("namespace", "") in ("", namespace)
                return _page(self.archive, namespace, request.query)
        return _status(501, 12, "Not Implemented")


def _page(workflows: list[Object], namespace: str, query: Mapping[str, str]) -> web.Response:
    found = [w for w in workflows if namespace in ("", _key(w)[0]) and _selected(w, query)]
    start, limit = int(query.get("listOptions.continue", "0")), int(query["listOptions.limit"])
    limit = min(limit, 2)  # so that there are several pages
    metadata = {"continue": str(start + limit)} if len(found) > start + limit else {}
    items = [_fields(w, query.get("fields", "")) for w in found[start : start + limit]]
    return web.json_response({"metadata": metadata, "items": items or None})


def _selected(workflow: Object, query: Mapping[str, str]) -> bool:
    key, _, value = query.get("listOptions.labelSelector", "").partition("=")
    return not key or (workflow["metadata"].get("labels") or {}).get(key) == value


def _fields(workflow: Object, fields: str) -> Object:
    """The wanted fields of an item; without any, the whole item."""
    wanted = [field.removeprefix("items.").split(".") for field in fields.split(",") if field.startswith("items.")]
    if not wanted:
        return workflow
    shown: Object = {}
    for path in wanted:
        *above, last = path
        source, target = workflow, shown
        for step in above:
            source, target = source.get(step, {}), target.setdefault(step, {})
        if last in source:
            target[last] = source[last]
    return shown


def _uid(workflow: Object) -> str:
    return str(workflow["metadata"]["uid"])


def _key(workflow: Object) -> tuple[str, str]:
    return workflow["metadata"]["namespace"], workflow["metadata"]["name"]


def _status(status: int, code: int, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message}, status=status)


@contextlib.asynccontextmanager
async def argo_server(tls: ssl.SSLContext | None = None, **fields: Any) -> AsyncIterator[FakeArgoServer]:
    """One that runs; ``fields`` are those of ``FakeArgoServer``."""
    fake = FakeArgoServer(**fields)
    runner = web.ServerRunner(web.Server(fake.answer))  # type: ignore[arg-type]
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    fake.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield fake
    finally:
        await runner.cleanup()
