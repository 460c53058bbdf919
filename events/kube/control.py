"""The verbs of a controller: list a page, watch, apply, patch, replace, delete. Shell.

Server-side apply: https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import orjson
import structlog

from events.errors import Refused, Unavailable
from events.kube import AlreadyExists, Object
from events.kube.client import Cluster, segment

__all__ = ["UNKNOWN_FIELD", "Control", "Page", "Selection"]

log = structlog.get_logger("kube")

_SILENCE = 330.0  # bookmarks come every minute; the server ends a watch after `timeoutSeconds`
_WATCH_SECONDS = 300
UNKNOWN_FIELD = "field not declared in schema"
"""Part of the server's words when an object to be applied has a field that it does not know."""

_UNTYPED = "failed to create typed patch object"


class Selection(NamedTuple):
    """Objects of a kind: in a namespace (empty: in all), where the label selector holds."""

    api_version: str
    kind: str
    namespace: str = ""
    labels: str = ""


class Page(NamedTuple):
    """Part of a list: its objects, the version of the list, and the token of the next page (empty: the last one)."""

    items: list[Object]
    version: str
    following: str


class Control:
    """What a controller does with an API server. Errors as in ``events.kube``."""

    def __init__(self, cluster: Cluster, manager: str) -> None:
        self._cluster = cluster
        self._manager = manager

    async def page(self, selection: Selection, *, following: str = "", size: int = 250) -> Page:
        """A page of a list, as new as the server has it."""
        query = [("limit", str(size)), *_labels(selection)]
        if following:
            query.append(("continue", following))
        path = await self._cluster.collection(selection.api_version, selection.kind, selection.namespace)
        found = await self._cluster.request("GET", path, query=query)
        metadata = found["metadata"]
        typed = {"apiVersion": selection.api_version, "kind": selection.kind}
        return Page(
            [{**typed, **item} for item in found["items"] if item],
            metadata["resourceVersion"],
            metadata.get("continue") or "",
        )

    async def watch(self, selection: Selection, version: str) -> AsyncIterator[tuple[str, Any]]:
        """``(ADDED | MODIFIED | DELETED | BOOKMARK | ERROR, object)`` since a version, until the server ends it (minutes).

        Objects that nest too deeply to be read are left out, as in a list.
        """
        path = await self._cluster.collection(selection.api_version, selection.kind, selection.namespace)
        query = [
            ("watch", "true"), ("allowWatchBookmarks", "true"), ("resourceVersion", version),
            ("timeoutSeconds", str(_WATCH_SECONDS)), *_labels(selection),
        ]  # fmt: skip
        async for line in self._cluster.lines(path, query, silence=_SILENCE):
            if line:
                try:
                    change = orjson.loads(line)
                except orjson.JSONDecodeError:
                    log.error("an object is nested too deeply, and is ignored", kind=selection.kind)
                    continue
                yield change["type"], change["object"]

    async def get(self, api_version: str, kind: str, namespace: str, name: str) -> Object | None:
        """The object, or None."""
        return await self._cluster.get(api_version, kind, namespace, name)

    async def find(self, selection: Selection) -> list[Object]:
        """All objects of a selection."""
        items: list[Object] = []
        page = await self.page(selection)
        while True:
            items += page.items
            if not page.following:
                return items
            page = await self.page(selection, following=page.following)

    async def create(self, obj: Object) -> Object:
        """Create an object. Raises AlreadyExists."""
        return await self._cluster.create(obj)

    async def apply(self, obj: Object, *, force: bool) -> Object:
        """Make an object so; fields that it does not name stay. Without ``force`` raises Refused where others set what it names."""
        query = [("fieldManager", self._manager), ("force", "true" if force else "false")]
        path = await self._path(obj)
        try:
            applied: Object = await self._cluster.request(
                "PATCH", path, obj, query, content_type="application/apply-patch+yaml"
            )
        except Unavailable as error:
            if _UNTYPED not in error.message:
                raise
            # Said with status 500, but it is about the object.
            words = " ".join(error.message.partition("): ")[2].split())
            raise Refused(words.removeprefix("errors: ") or error.message, status=422) from None
        return applied

    async def rehearse(self, obj: Object) -> Object:
        """What would be created, under a name that nobody has: with the server's defaults, and without the fields that it does not know."""
        metadata = {name: value for name, value in obj["metadata"].items() if name != "name"}
        unnamed = {**obj, "metadata": {**metadata, "generateName": "rehearsal-"}}
        path = await self._cluster.collection(obj["apiVersion"], obj["kind"], metadata.get("namespace", ""))
        query = [("dryRun", "All"), ("fieldValidation", "Ignore")]
        made: Object = await self._cluster.request("POST", path, unnamed, query)
        return made

    async def patch(self, obj: Object, patch: Object, *, part: str = "") -> Object:
        """Merge a patch (RFC 7396) into an object or, as ``part``, its ``status``."""
        path = await self._path(obj)
        query = [("fieldManager", self._manager)]
        patched: Object = await self._cluster.request(
            "PATCH", f"{path}/{part}" if part else path, patch, query, content_type="application/merge-patch+json"
        )
        return patched

    async def replace(self, obj: Object) -> Object | None:
        """Replace the version of an object that ``metadata.resourceVersion`` names; None when there is another one by now."""
        try:
            replaced: Object = await self._cluster.request("PUT", await self._path(obj), obj)
        except Refused as error:
            if error.status == 409:
                return None
            raise
        return replaced

    async def delete(self, obj: Object, *, uid: str = "") -> None:
        """Delete an object; well, too, when it is gone or another one (``uid``) has its name."""
        body: Object = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if uid:
            body["preconditions"] = {"uid": uid}
        try:
            await self._cluster.request("DELETE", await self._path(obj), body)
        except AlreadyExists:
            raise
        except Refused as error:
            if error.status not in (404, 409):
                raise

    async def _path(self, obj: Object) -> str:
        metadata = obj["metadata"]
        collection = await self._cluster.collection(obj["apiVersion"], obj["kind"], metadata.get("namespace", ""))
        return f"{collection}/{segment(metadata['name'])}"


def _labels(selection: Selection) -> list[tuple[str, str]]:
    return [("labelSelector", selection.labels)] if selection.labels else []
