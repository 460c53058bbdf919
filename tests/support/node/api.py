"""The API server as a node sees it: requests on plain objects, and mirrors of whole collections, kept by watches."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable
from typing import Any

import aiohttp

Object = dict[str, Any]
Key = tuple[str, str]
AWAY = (aiohttp.ClientError, OSError, TimeoutError, ValueError)
"""What a request raises while the server is away, or dies in the middle of an answer."""


class Api:
    """The server, as its admin."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        context = ssl._create_unverified_context()
        self.session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {token}"},
            connector=aiohttp.TCPConnector(ssl=context, limit=0),
            timeout=aiohttp.ClientTimeout(total=10),
        )

    async def call(self, method: str, path: str, body: Object | None = None, patch: str = "merge") -> Object:
        """The object that the server answers with; raises ``aiohttp.ClientResponseError`` for an error."""
        kind = f"application/{patch}-patch+json" if method == "PATCH" else "application/json"
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": kind}
        async with self.session.request(method, self.url + path, data=data, headers=headers) as answer:
            if answer.status >= 400:
                raise aiohttp.ClientResponseError(
                    answer.request_info, (), status=answer.status, message=await answer.text()
                )
            found: Object = await answer.json()
            return found


class Mirror(dict[Key, Object]):
    """The objects of a collection as the server has them, by namespace and name. ``changed(old, new)`` is told of each change."""

    def __init__(
        self, api: Api, path: str, changed: Callable[[Object | None, Object | None], None] = lambda old, new: None
    ) -> None:
        super().__init__()
        self.filled = asyncio.Event()
        self._api = api
        self._path = path
        self._changed = changed

    async def follow(self) -> None:
        """Keep the mirror, also while the server restarts."""
        while True:
            try:
                found = await self._api.call("GET", self._path)
                now = {_key(obj): obj for obj in found["items"]}
                for key in [*self.keys() - now.keys(), *now]:
                    self._set(key, now.get(key))
                self.filled.set()
                await self._watch(found["metadata"]["resourceVersion"])
            except AWAY:
                pass
            await asyncio.sleep(0.2)

    async def _watch(self, version: str) -> None:
        path = f"{self._api.url}{self._path}?watch=1&resourceVersion={version}"
        endless = aiohttp.ClientTimeout(total=None, sock_connect=5)
        async with self._api.session.get(path, timeout=endless, read_bufsize=2**24) as answer:
            async for line in answer.content:
                change = json.loads(line)
                if change["type"] == "ERROR":
                    return
                gone = change["type"] == "DELETED"
                self._set(_key(change["object"]), None if gone else change["object"])

    def _set(self, key: Key, new: Object | None) -> None:
        old = self.pop(key, None)
        if new is not None:
            self[key] = new
        if old != new:
            self._changed(old, new)


def _key(obj: Object) -> Key:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
