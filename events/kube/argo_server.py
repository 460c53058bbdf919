"""Argo Server over its REST API: Workflows that live in the cluster, and those that only its archive has (bindings spec §6.3). Shell.

https://argo-workflows.readthedocs.io/en/latest/rest-api/
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson

from events.connecting import why
from events.errors import Refused, SpecError, Unavailable
from events.kube import Object
from events.models.urls import is_http_url

__all__ = ["ArgoServer", "open_argo_server"]

_TIMEOUT = 30.0
_PAGE = 200
_API = "argoproj.io/v1alpha1"


@asynccontextmanager
async def open_argo_server(url: str, authorization: str = "", *, verify: bool = True) -> AsyncIterator[ArgoServer]:
    """The server at ``url``, asked with this ``Authorization`` header; without ``verify`` any certificate will do."""
    if not is_http_url(url):
        raise SpecError(f"'{url[:200]}' is no address of an Argo Server", hint="write https://HOST:2746")
    if not (authorization.isascii() and authorization.isprintable()):
        raise SpecError("the token for Argo Server has characters that no token has")
    headers = {"Authorization": authorization} if authorization else {}
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout, trust_env=True) as session:
        yield ArgoServer(session, url.rstrip("/"), verify)


class ArgoServer:
    """Made by ``open_argo_server``. Raises Refused with the server's words, Unavailable when it cannot be reached."""

    def __init__(self, session: aiohttp.ClientSession, url: str, verify: bool) -> None:
        self._session = session
        self._url = url
        self._verify = verify

    async def workflow(self, namespace: str, name: str) -> Object | None:
        """The Workflow, also from the archive; None when there is none."""
        try:
            found = await self._get(f"/api/v1/workflows/{quote(namespace, safe='')}/{quote(name, safe='')}", {})
        except Refused as error:
            if error.status == 404:
                return None
            raise
        return _typed(found)

    async def workflows(self, namespace: str, labels: str = "", fields: Sequence[str] = ()) -> list[Object]:
        """Those of a namespace (empty: of all) where the label selector holds; with ``fields`` only these of each."""
        query = {"fields": ",".join(["metadata", *(f"items.{field}" for field in fields)])} if fields else {}
        return await self._listed(f"/api/v1/workflows/{quote(namespace, safe='')}", labels, query)

    async def archived(self, namespace: str, labels: str = "") -> list[Object]:
        """The same from the archive, which knows less of each."""
        query = {"namespace": namespace} if namespace else {}
        if namespace:  # before 3.5 this alone counts
            query["listOptions.fieldSelector"] = f"metadata.namespace={namespace}"
        found = await self._listed("/api/v1/archived-workflows", labels, query)
        return [one for one in found if not namespace or _metadata(one).get("namespace") == namespace]

    async def _listed(self, path: str, labels: str, query: Mapping[str, str]) -> list[Object]:
        found: list[Object] = []
        asked = {**query, "listOptions.limit": str(_PAGE)}
        if labels:
            asked["listOptions.labelSelector"] = labels
        while True:
            answer = await self._get(path, asked)
            items = answer.get("items") or []
            if not isinstance(items, list):
                raise Refused(f"Argo Server's answer to {path} is no list")
            found += [_typed(item) for item in items if isinstance(item, dict)]
            following = _metadata(answer).get("continue")
            if not items or not following or following == asked.get("listOptions.continue"):
                return found
            asked["listOptions.continue"] = str(following)

    async def _get(self, path: str, query: Mapping[str, str]) -> Any:
        try:
            async with self._session.get(
                f"{self._url}{path}", params=query, ssl=self._verify, allow_redirects=False
            ) as answer:
                text = await answer.read()
                status = answer.status
        except TimeoutError:
            raise Unavailable(f"Argo Server did not answer within {_TIMEOUT:g} s") from None
        except aiohttp.ClientSSLError as error:
            hint = "--insecure-skip-verify takes any certificate"
            raise Unavailable(f"Argo Server: {why(error)}", hint=hint) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unavailable(f"Argo Server cannot be reached: {why(error)}") from None
        return _decoded(status, text)


def _decoded(status: int, text: bytes) -> Any:
    try:
        answer = orjson.loads(text)
    except orjson.JSONDecodeError:
        answer = None
    if status == 200:
        if isinstance(answer, dict):
            return answer
        raise Refused("what answers is no Argo Server", hint="is it the address of its API?")
    words = answer.get("message") if isinstance(answer, dict) else None
    words = str(words or text[:200].decode("utf-8", "replace").strip() or "nothing")
    if status == 429 or (status >= 500 and status != 501):
        raise Unavailable(f"Argo Server answered {status}: {words}")
    hint = "set ARGO_TOKEN, or give --token-file" if status == 401 else ""
    raise Refused(f"Argo Server answered {status}: {words}", status=status, hint=hint)


def _metadata(value: Object) -> dict[str, Any]:
    metadata = value.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _typed(item: Object) -> Object:
    """The object with what lists leave out."""
    return {"apiVersion": _API, "kind": "Workflow", **item}
