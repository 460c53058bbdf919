"""Kubernetes in a few verbs on plain objects. ``client`` is the only door to a real cluster; ``local`` is the store of ``up``.

Errors: ``AlreadyExists`` for a name that is taken, ``Refused`` for what the API server will never take (with its words),
``Unavailable`` for what may work later (timeouts, 429, 5xx, no connection).
"""

from __future__ import annotations

from typing import Any, Protocol

from events.errors import Refused

__all__ = ["AlreadyExists", "Kube", "Object"]

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
