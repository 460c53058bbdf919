"""The two Secrets of a bus: made when one is missing or has lost a key, and left alone otherwise. Shell."""

from __future__ import annotations

import base64

import structlog

from events.controller import names
from events.controller.certificates import CLIENT_KEYS, SERVER_KEYS, bus_secret_data, digest
from events.controller.desired import Json
from events.controller.references import keys_of
from events.controller.status import owner_of
from events.controller.workload import child
from events.errors import Refused
from events.kube.control import Control

__all__ = ["ensure_secrets"]

log = structlog.get_logger("controller")


async def ensure_secrets(control: Control, obj: Json) -> str:
    """Returns what changes with the certificate. Raises Refused when a Secret of this name belongs to somebody else."""
    name, namespace, uid = (obj["metadata"][field] for field in ("name", "namespace", "uid"))
    found = []
    for secret, keys in zip(names.bus_secrets(name), (SERVER_KEYS, CLIENT_KEYS), strict=True):
        there = await control.get("v1", "Secret", namespace, secret)
        if there is not None and owner_of(there)[2] != uid:
            raise Refused(f"there is a Secret '{secret}' already, and it is not of this EventBus", status=409)
        found.append(there if set(keys) <= (keys_of(there) or frozenset()) else None)
    server, client = found
    if server is not None and client is not None:
        return digest(base64.b64decode(server["data"]["cert"]).decode("utf-8", "replace"))
    log.info("making credentials", namespace=namespace, eventbus=name)
    data = bus_secret_data(name, namespace)
    for secret, values in zip(names.bus_secrets(name), data, strict=True):
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        await control.apply(child(obj, "v1", "Secret", secret, type="Opaque", data=encoded), force=True)
    return digest(data[0]["cert"])
