"""Kubernetes in a few verbs on plain objects. ``client`` is the only door to a real cluster; ``local`` is the store of ``up``.

Errors: ``AlreadyExists`` for a name that is taken, ``Refused`` for what the API server will never take (with its words),
``Unavailable`` for what may work later (timeouts, 429, 5xx, no connection).
"""

from __future__ import annotations

from typing import Any, Protocol

from events.errors import Refused

__all__ = ["AlreadyExists", "ClusterApi", "Kube", "Object"]

Object = dict[str, Any]
"""A Kubernetes object as JSON."""


class AlreadyExists(Refused):
    """The name is taken (409)."""

    reason = "AlreadyExists"


class Kube(Protocol):
    """What triggers need of an API server."""

    async def create(self, obj: Object) -> Object:
        """Create an object; returns it as the server has it."""

    async def get(self, api_version: str, kind: str, namespace: str, name: str) -> Object | None:
        """The object, or None."""


class ClusterApi(Kube, Protocol):
    """What else a whole API server can do: the event endpoint asks it, also in the name of others."""

    async def find(self, api_version: str, kind: str, namespace: str, *, labels: str = "") -> list[Object]:
        """The objects of a kind in a namespace (empty: in all), where the label selector holds, in order of their names."""

    async def rehearse(self, obj: Object) -> None:
        """Ask for a create without its effect (a dry run): returns when the server would create the object, or raises as ``create``."""

    def acting(self, authorization: str) -> ClusterApi:
        """The same server, asked with these credentials (an ``Authorization`` header) and none of our own."""
