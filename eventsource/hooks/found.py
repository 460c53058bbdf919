"""Which events of an EventSource have hooks that we look after: those of the forges with credentials and a ``webhook.url``."""

from __future__ import annotations

from typing import Any

from events.errors import SpecError
from events.models.base import parse
from events.models.eventsource import EventSource
from events.models.shared import SecretKeySelector
from events.secrets import Vault
from eventsource import kinds
from eventsource.hooks import Connect, Forge, registry

__all__ = ["configuration", "forges_of"]


def configuration(kind: str, raw: Any) -> Any:
    """The configuration of an event whose hooks are ours to make; None for all others. Raises SpecError for one that is wrong."""
    if kind not in registry:
        return None
    config: Any = parse(kinds.get(kind).config_model, raw)
    return config if config.registers_hooks else None


def forges_of(
    source: EventSource, vault: Vault, connect: Connect, *, namespace: str = "default"
) -> tuple[list[Forge[Any]], list[tuple[str, SpecError]]]:
    """The forges of an EventSource's events, and by event what is wrong where there is none."""
    where = source.metadata.namespace or namespace

    def secret(selector: SecretKeySelector) -> bytes:
        return vault.get(where, selector)

    forges, errors = [], []
    for kind, event, raw in source.spec.events():
        try:
            config = configuration(kind, raw)
            if config is not None:
                forges.append(registry[kind](config, event, secret, connect))
        except SpecError as error:
            errors.append((event, error))
    return forges, errors
