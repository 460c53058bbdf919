"""Which EventBuses of the manifests are servers of somebody else, for ``up``: where they are, and how to log in. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from eventbus.addressing import exotic_address, read_stream_config, read_tls
from eventbus.interface import Address
from eventbus.stream import THEIRS, StreamSettings
from events.errors import SpecError
from events.models.base import Finding
from events.models.eventbus import EventBus, JetStreamExotic
from events.models.shared import SecretKeySelector
from events.secrets import Vault

__all__ = ["TheirBus", "read_theirs", "runs_here", "their_jetstream"]

BusName = tuple[str, str]
"""Namespace and name of an EventBus."""


@dataclass(frozen=True, slots=True)
class TheirBus:
    """A server of somebody else. ``stream`` is asked for when there is none yet; one that exists is used as it is."""

    address: Address
    stream: StreamSettings


def their_jetstream(bus: EventBus) -> JetStreamExotic | None:
    """The part that names somebody's own JetStream, where that is what counts."""
    spec = bus.spec
    return spec.jetstream_exotic if spec.nats is None and spec.jetstream is None and spec.kafka is None else None


def runs_here(bus: EventBus) -> bool:
    """Whether it names a server that we cannot use, so that the embedded bus takes its place."""
    spec = bus.spec
    if spec.nats is not None:
        return spec.nats.exotic is not None
    return spec.jetstream is None and spec.kafka is not None


def read_theirs(
    names: Iterable[BusName], buses: Mapping[BusName, EventBus], vault: Vault
) -> tuple[dict[BusName, TheirBus], list[tuple[BusName, Finding]]]:
    """Those among ``names`` that are servers of somebody else, and what keeps one from being used."""
    found: dict[BusName, TheirBus] = {}
    findings: list[tuple[BusName, Finding]] = []
    for name in sorted(names):
        exotic = their_jetstream(buses[name]) if name in buses else None
        if exotic is None:
            continue
        try:
            found[name] = _read(exotic, name[0], vault)
        except SpecError as error:
            findings.append((name, Finding("error", "spec.jetstreamExotic", error.message, error.hint)))
    return found, findings


def _read(exotic: JetStreamExotic, namespace: str, vault: Vault) -> TheirBus:
    def secret(name: str, key: str) -> bytes:
        return vault.get(namespace, SecretKeySelector(name=name, key=key))

    access = exotic.access_secret
    address = exotic_address(
        exotic.url,
        None if access is None else secret(access.name, access.key),
        None if exotic.tls is None else read_tls(exotic.tls, secret),
    )
    stream, _ = read_stream_config(exotic.stream_config, THEIRS)  # its findings are told with the manifest's
    return TheirBus(address, stream)
