"""A real cluster, through kubernetes-asyncio. The only door to that library.

Objects go as they are, without the library's models. Its exceptions, and those of the HTTP client below it, end here.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from kubernetes_asyncio import client, config
from kubernetes_asyncio.client.exceptions import ApiException
from kubernetes_asyncio.config.config_exception import ConfigException

from events.errors import Refused, SpecError, Unavailable
from events.kube import AlreadyExists, Object

__all__ = ["Cluster", "open_cluster"]

_TIMEOUT = 10.0
_FORMAT = {"Accept": "application/json", "Content-Type": "application/json"}


@asynccontextmanager
async def open_cluster(context: str | None = None) -> AsyncIterator[Cluster]:
    """The cluster of the kubeconfig (or of the pod that we run in); raises SpecError when there is none."""
    configuration = client.Configuration()
    try:
        # Named here, since the library looks at the environment only once, when it is imported.
        where = os.environ.get("KUBECONFIG") or "~/.kube/config"
        await config.load_kube_config(where, context=context, client_configuration=configuration)
    except (ConfigException, FileNotFoundError) as problem:
        if context is not None:
            raise SpecError(
                f"the kubeconfig cannot be used: {problem}", hint="see kubectl config get-contexts"
            ) from None
        try:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        except ConfigException:
            raise SpecError(f"no cluster: {problem}", hint="set KUBECONFIG, or leave --kube out") from None
    configuration.retries = False
    async with client.ApiClient(configuration) as api:
        yield Cluster(api)


class Cluster:
    """Create and get on a real API server."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api
        self._resources: dict[tuple[str, str], tuple[str, bool]] = {}

    async def create(self, obj: Object) -> Object:
        """Create an object. A repeated create after a timeout is safe when the object has a name of its own."""
        path = await self._path(obj["apiVersion"], obj["kind"], obj["metadata"].get("namespace", ""))
        created: Object = await self._call("POST", path, obj)
        return created

    async def get(self, api_version: str, kind: str, namespace: str, name: str) -> Object | None:
        """The object, or None."""
        path = await self._path(api_version, kind, namespace)
        try:
            found: Object = await self._call("GET", f"{path}/{name}")
        except Refused as error:
            if error.status == 404:
                return None
            raise
        return found

    async def check(self) -> str:
        """The server's version; raises Unavailable when it cannot be reached."""
        version = await self._call("GET", "/version")
        return str(version.get("gitVersion", "?"))

    async def _path(self, api_version: str, kind: str, namespace: str) -> str:
        """The collection of a kind, found by discovery (the reference guesses the plural, its quirk 18)."""
        base = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        if (api_version, kind) not in self._resources:
            found = await self._call("GET", base)
            for resource in found.get("resources", []):
                if "/" not in resource["name"]:
                    self._resources[api_version, resource["kind"]] = (resource["name"], resource["namespaced"])
        if (api_version, kind) not in self._resources:
            raise Refused(f"the cluster knows no {kind} of {api_version}", hint="is its CRD installed?", status=404)
        plural, namespaced = self._resources[api_version, kind]
        return f"{base}/namespaces/{namespace}/{plural}" if namespaced else f"{base}/{plural}"

    async def _call(self, method: str, path: str, body: Object | None = None) -> Any:
        try:
            async with asyncio.timeout(_TIMEOUT):
                response = await self._api.call_api(
                    path,
                    method,
                    header_params=dict(_FORMAT),
                    body=body,
                    auth_settings=["BearerToken"],
                    response_types_map={},
                    _preload_content=False,
                )
                text = await response.read()
                status = response.status
        except TimeoutError:
            raise Unavailable(f"the API server did not answer within {_TIMEOUT:g} s") from None
        except ApiException as error:
            status, text = error.status or 0, (error.body or b"")
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"the API server cannot be reached: {error}") from None
        return _decoded(status, text)


def _decoded(status: int, text: bytes | str) -> Any:
    try:
        answer = json.loads(text)
    except ValueError:
        answer = {}
    if 200 <= status < 300:
        return answer
    words = answer.get("message") or (text if isinstance(text, str) else text.decode("utf-8", "replace"))[:500]
    if status == 409 and answer.get("reason") == "AlreadyExists":
        raise AlreadyExists(words, status=409)
    if status == 429 or status >= 500 or status == 0:
        seconds = (answer.get("details") or {}).get("retryAfterSeconds")
        raise Unavailable(f"the API server answered {status}: {words}", retry_after=seconds)
    raise Refused(words, status=status)
