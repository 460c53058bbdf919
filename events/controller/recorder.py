"""Kubernetes Events about the objects that we look after (``events.kube.notices``). Shell."""

from __future__ import annotations

import datetime
import secrets
from typing import Any

import structlog

from events.controller import names
from events.errors import Refused, Unavailable
from events.kube import notices
from events.kube.control import Control

__all__ = ["Recorder", "timestamp"]

log = structlog.get_logger("controller")


def timestamp() -> str:
    """Now, as Kubernetes writes it."""
    return notices.timestamp(datetime.datetime.now(datetime.UTC))


class Recorder:
    """Tells; that telling fails is logged, and hinders nothing."""

    def __init__(self, control: Control, identity: str) -> None:
        self._control = control
        self._identity = identity

    async def warn(self, obj: dict[str, Any], reason: str, message: str) -> None:
        """A warning about an object."""
        metadata, now = obj["metadata"], timestamp()
        about = {
            "apiVersion": names.API_VERSION,
            "kind": obj["kind"],
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "resourceVersion": metadata.get("resourceVersion", ""),
        }
        name = f"{metadata['name'][:200]}.{secrets.token_hex(8)}"
        event = {
            **notices.warning(about, name, reason[:128] or "Refused", message, now, names.MANAGER),
            "reportingComponent": names.MANAGER,
            "reportingInstance": self._identity[:128],
        }
        try:
            await self._control.create(event)
        except (Refused, Unavailable) as problem:
            log.warning("event not recorded", object=metadata["name"], reason=problem.message)
