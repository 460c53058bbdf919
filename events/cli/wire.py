"""What ``up`` hands to its child processes, as JSON, and back. Pure."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Mapping
from typing import Any

from eventbus.interface import Address, Tls
from eventbus.stream import StreamSettings
from events.secrets import Vault

__all__ = ["read_addresses", "read_streams", "read_vault", "write_addresses", "write_streams", "write_vault"]


def write_vault(values: Mapping[tuple[str, str, str, str], bytes]) -> list[list[str]]:
    """Secret and ConfigMap values; they travel over the control channel only, never over a file or the environment."""
    return [[*key, base64.b64encode(value).decode()] for key, value in values.items()]


def read_vault(config: dict[str, Any]) -> Vault:
    """The values that were written."""
    return Vault({(k, ns, n, key): base64.b64decode(v) for k, ns, n, key, v in config["vault"]})


def write_addresses(addresses: Mapping[tuple[str, str], Address]) -> list[list[Any]]:
    """Addresses by namespace and EventBus."""
    return [[ns, bus, dataclasses.asdict(address)] for (ns, bus), address in addresses.items()]


def read_addresses(config: dict[str, Any]) -> dict[tuple[str, str], Address]:
    """The addresses that were written."""
    return {(ns, bus): _address(**fields) for ns, bus, fields in config["buses"]}


def write_streams(streams: Mapping[tuple[str, str], StreamSettings]) -> list[list[Any]]:
    """The streams that are asked for, by namespace and EventBus."""
    return [[ns, bus, dataclasses.asdict(stream)] for (ns, bus), stream in streams.items()]


def read_streams(config: dict[str, Any]) -> dict[tuple[str, str], StreamSettings]:
    """The streams that were written."""
    return {(ns, bus): StreamSettings(**fields) for ns, bus, fields in config["streams"]}


def _address(tls: dict[str, Any] | None, **fields: str) -> Address:
    return Address(tls=None if tls is None else Tls(**tls), **fields)
