"""A real cluster, through kubernetes-asyncio. The only door to that library.

Objects go as they are, without the library's models. Its exceptions, and those of the HTTP client below it, end here.
"""

from __future__ import annotations

import asyncio
import copy
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import yaml
from kubernetes_asyncio import client, config
from kubernetes_asyncio.client.exceptions import ApiException
from kubernetes_asyncio.config.config_exception import ConfigException

from events.connecting import why
from events.errors import Refused, SpecError, Unavailable
from events.kube import Object
from events.kube.answers import decoded, field, named
from events.version import __version__

__all__ = ["Cluster", "open_cluster", "segment"]

_TIMEOUT = 10.0
_STARTING = 30.0
"""Seconds for which a server that does not even tell whether it is ready may be about to start; then its refusals are believed."""
_STAYS_READY = 1.0
"""Seconds for which a server that said so is taken for ready: none is started anew in less."""
_JSON = "application/json"
_UNUSABLE = (ConfigException, OSError, yaml.YAMLError, AttributeError, LookupError, TypeError, ValueError)
"""What the library raises for a kubeconfig: it does not look at its shape before it uses it."""


@asynccontextmanager
async def open_cluster(context: str | None = None) -> AsyncIterator[Cluster]:
    """The cluster of the kubeconfig (or of the pod that we run in); raises SpecError when there is none."""
    configuration = client.Configuration()
    # Read here, since the library looks at the environment only once, when it is imported.
    where = os.environ.get("KUBECONFIG") or "~/.kube/config"
    problem = "" if _is_there(where) else f"there is no kubeconfig {where}"
    if not problem:
        try:
            await config.load_kube_config(where, context=context, client_configuration=configuration)
        except _UNUSABLE as error:
            problem = f"the kubeconfig {where} cannot be used: {' '.join(str(error).split())}"
    if problem and context is not None:
        raise SpecError(problem, hint="see kubectl config get-contexts")
    if problem:
        try:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        except ConfigException:
            raise SpecError(f"no cluster: {problem}", hint="set KUBECONFIG") from None
    configuration.retries = False
    async with client.ApiClient(configuration) as api, client.ApiClient(_without_credentials(configuration)) as bare:
        api.user_agent = bare.user_agent = f"pointsman/{__version__}"
        yield Cluster(api, bare)


def _is_there(kubeconfig: str) -> bool:
    """Whether one of the files is there. (The library takes none for an empty one, and says what that lacks.)"""
    return any(Path(file).expanduser().exists() for file in kubeconfig.split(os.pathsep))


def _without_credentials(configuration: client.Configuration) -> client.Configuration:
    """The same server without our token and client certificate, for requests in the name of others."""
    bare = copy.copy(configuration)
    bare.api_key, bare.api_key_prefix, bare.refresh_api_key_hook = {}, {}, None
    bare.username = bare.password = bare.cert_file = bare.key_file = None
    return bare


class Cluster:
    """A real API server (see ``events.kube.ClusterApi``), as ourselves or, when made by ``acting``, with another's credentials."""

    def __init__(self, api: client.ApiClient, bare: client.ApiClient) -> None:
        self._api = api
        self._bare = bare
        self._ourselves = self
        self._authorization = ""
        self._resources: dict[tuple[str, str], tuple[str, bool]] = {}
        self._silent_since: float | None = None
        self._ready_until = 0.0

    def acting(self, authorization: str) -> Cluster:
        """The same server, asked with these credentials and none of our own."""
        other = Cluster(self._bare, self._bare)
        other._ourselves = self._ourselves  # which tells what kinds there are: not everybody may ask that
        other._authorization = authorization
        return other

    async def create(self, obj: Object) -> Object:
        """Create an object. A repeated create after a timeout is safe when the object has a name of its own."""
        path = await self.collection(obj["apiVersion"], obj["kind"], obj["metadata"].get("namespace", ""))
        return named(await self.request("POST", path, obj), obj["metadata"].get("name"))

    async def rehearse(self, obj: Object) -> None:
        """A create without its effect; raises as ``create`` does."""
        path = await self.collection(obj["apiVersion"], obj["kind"], obj["metadata"].get("namespace", ""))
        named(await self.request("POST", path, obj, [("dryRun", "All")]), obj["metadata"].get("name"))

    async def find(
        self, api_version: str, kind: str, namespace: str, *, labels: str = "", page: int = 0
    ) -> list[Object]:
        """The objects of a kind in a namespace (empty: in all), in order of their names; ``page`` of them at a time, where they are many."""
        path = await self.collection(api_version, kind, namespace)
        query = [("labelSelector", labels)] if labels else []
        query += [("limit", str(page))] if page else []
        found = await self.request("GET", path, query=query)
        items = list(field(found, "items") or [])
        while following := field(found, "metadata").get("continue"):
            found = await self.request("GET", path, query=[*query, ("continue", following)])
            items += field(found, "items") or []
        # One that is nested too deeply is null here; the others go on.
        objects: list[Object] = [{"apiVersion": api_version, "kind": kind, **item} for item in items if item]
        return sorted(objects, key=lambda obj: (obj["metadata"].get("namespace", ""), obj["metadata"]["name"]))

    async def get(self, api_version: str, kind: str, namespace: str, name: str) -> Object | None:
        """The object, or None."""
        path = await self.collection(api_version, kind, namespace)
        try:
            return named(await self.request("GET", f"{path}/{segment(name)}"), name)
        except Refused as error:
            if error.status == 404:
                return None
            raise

    async def check(self) -> str:
        """The server's version; raises Unavailable when it cannot be reached."""
        version = await self.request("GET", "/version")
        return str(version.get("gitVersion", "?"))

    async def collection(self, api_version: str, kind: str, namespace: str) -> str:
        """The path of the collection of a kind, found by discovery (the reference guesses the plural, its quirk 18)."""
        if self._ourselves is not self:
            return await self._ourselves.collection(api_version, kind, namespace)
        base = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        if (api_version, kind) not in self._resources:
            found = await self.request("GET", base)
            for resource in field(found, "resources"):
                if "/" not in resource["name"]:
                    self._resources[api_version, resource["kind"]] = (resource["name"], resource["namespaced"])
        if (api_version, kind) not in self._resources:
            raise Refused(f"the cluster knows no {kind} of {api_version}", hint="is its CRD installed?", status=404)
        plural, namespaced = self._resources[api_version, kind]
        return f"{base}/namespaces/{segment(namespace)}/{plural}" if namespaced and namespace else f"{base}/{plural}"

    async def request(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        query: Sequence[tuple[str, str]] = (),
        *,
        content_type: str = _JSON,
    ) -> Any:
        """One request, and the answer as JSON; what the server or the connection says against it is raised.

        A server that has just been started knows no roles and accounts yet, and forbids what it will allow. So we believe that we may not
        do something only when the server says that it is ready, and forbids it still. The same holds for others in whose name we ask; anybody
        may send us credentials that are refused, so for them a server that was ready a moment ago is not asked again.
        """
        ours = self._ourselves
        try:
            return await self._once(method, path, body, query, content_type)
        except Refused as error:
            if error.status not in (401, 403) or (ours is not self and time.monotonic() < ours._ready_until):
                raise
            await ours._wait_for_roles(error)
        return await self._once(method, path, body, query, content_type)

    async def _wait_for_roles(self, refusal: Refused) -> None:
        """Raises Unavailable while the server may be starting."""
        try:
            await self._ask_whether_ready()
        except Unavailable:
            raise Unavailable(f"the API server is starting: {refusal}") from None
        except Refused:  # it is starting, or tells this to nobody, ever
            self._silent_since = self._silent_since or time.monotonic()
            if time.monotonic() - self._silent_since < _STARTING:
                raise Unavailable(f"the API server may be starting: {refusal}") from None
        else:
            self._silent_since = None
            self._ready_until = time.monotonic() + _STAYS_READY

    async def _ask_whether_ready(self) -> None:
        """Raises Unavailable when it is not, Refused when it does not say so."""
        try:
            await Cluster(self._bare, self._bare)._once("GET", "/readyz")
        except Refused:  # some tell it only to who is known
            await self._once("GET", "/readyz")

    async def _once(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        query: Sequence[tuple[str, str]] = (),
        content_type: str = _JSON,
    ) -> Any:
        try:
            async with asyncio.timeout(_TIMEOUT):
                response = await self._send(method, path, body, query, content_type)
                if response.method != method:  # a redirect makes a GET of it
                    raise Unavailable(
                        f"the API server cannot be reached: what answers redirects to {response.url.origin()}{response.url.path}"
                    )
                text = await response.read()
                status = response.status
        except TimeoutError:
            raise Unavailable(f"the API server did not answer within {_TIMEOUT:g} s") from None
        except RecursionError:
            raise Refused("the object is nested too deeply for the client of the API server") from None
        except ApiException as error:
            status, text = error.status or 0, (error.body or b"")
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"the API server cannot be reached: {why(error)}") from None
        return decoded(status, text)

    async def lines(self, path: str, query: Sequence[tuple[str, str]], *, silence: float) -> AsyncIterator[bytes]:
        """The lines of an answer that goes on, such as a watch. Raises Unavailable after ``silence`` seconds without a byte."""
        try:
            async with asyncio.timeout(_TIMEOUT):
                response = await self._send("GET", path, None, query, _JSON)
            async with response:
                if response.status != 200:
                    decoded(response.status, await response.read())
                rest = b""
                while True:
                    async with asyncio.timeout(silence):
                        chunk = await response.content.readany()
                    if not chunk:
                        return
                    *complete, rest = (rest + chunk).split(b"\n")
                    for line in complete:
                        yield line
        except TimeoutError:
            raise Unavailable("the API server says nothing any more") from None
        except ApiException as error:
            decoded(error.status or 0, error.body or b"")
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"the API server cannot be reached: {why(error)}") from None

    async def _send(
        self, method: str, path: str, body: Object | None, query: Sequence[tuple[str, str]], content_type: str
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": _JSON, "Content-Type": content_type}
        if self._authorization:
            headers["Authorization"] = self._authorization
        response: aiohttp.ClientResponse = await self._api.call_api(
            path,
            method,
            query_params=list(query),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
            response_types_map={},
            _preload_content=False,
        )
        return response


def segment(name: str) -> str:
    """A part of a path; a request may have brought it."""
    if name in ("", ".", "..") or "/" in name:
        raise Refused(f"'{name}' cannot be the name of anything in a cluster", status=404)
    return quote(name, safe="")
