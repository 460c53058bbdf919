"""The two Secrets of a bus: made when one is missing or has lost a key, and left alone otherwise. Shell."""

from __future__ import annotations

import base64

import structlog

from events.controller import names
from events.controller.certificates import SERVER_KEYS, bus_secret_data, digest
from events.controller.desired import Json
from events.controller.status import owner_of
from events.controller.workload import child
from events.errors import Refused
from events.kube.control import Control

__all__ = ["ensure_secrets"]

log = structlog.get_logger("controller")


async def ensure_secrets(control: Control, obj: Json) -> str:
    """Returns what changes with the certificate. Raises Refused when a Secret of this name belongs to somebody else."""
    name, namespace, uid = (obj["metadata"][field] for field in ("name", "namespace", "uid"))
    found: list[dict[str, str]] = []
    for secret in names.bus_secrets(name):
        there = await control.get("v1", "Secret", namespace, secret)
        if there is not None and owner_of(there)[2] != uid and not names.is_left_behind(there):
            raise Refused(f"there is a Secret '{secret}' already, and it is not of this EventBus", status=409)
        found.append((there or {}).get("data") or {})
    server, client = found
    if set(SERVER_KEYS) <= server.keys() and _belong_together(server, client):
        if "ca.crt" not in client:  # Argo Events made it, whose clients do not check certificates
            await _write(control, obj, names.bus_secrets(name)[1], {**client, "ca.crt": server["ca-cert"]})
        return digest(server["cert"])
    log.info("making credentials", namespace=namespace, eventbus=name)
    new_server, new_client = map(_encoded, bus_secret_data(name, namespace))
    if "encryption" in server:  # what is stored can only be read with it
        new_server["encryption"] = server["encryption"]
    for secret, data in zip(names.bus_secrets(name), (new_server, new_client), strict=True):
        await _write(control, obj, secret, data)
    return digest(new_server["cert"])


def _belong_together(server: dict[str, str], client: dict[str, str]) -> bool:
    """Whether the servers know the password of the clients: somebody may have ended between writing the one and the other."""
    told = base64.b64decode(client.get("client-auth", "")).decode("utf-8", "replace")
    password = told.partition("password:")[2].strip()
    return bool(password) and password in base64.b64decode(server["auth"]).decode("utf-8", "replace")


def _encoded(values: dict[str, str]) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}


async def _write(control: Control, obj: Json, name: str, data: dict[str, str]) -> None:
    await control.apply(child(obj, "v1", "Secret", name, type="Opaque", data=data), force=True)
