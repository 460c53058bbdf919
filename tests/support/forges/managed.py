"""What manages the hooks of a configuration, at a fake forge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from events.errors import SpecError
from events.models.base import parse
from events.models.shared import SecretKeySelector
from eventsource import kinds
from eventsource.hooks import Forge, registry
from eventsource.hooks.memory import Memory
from eventsource.hooks.reconcile import Reconciler
from tests.support.forges.base import FakeForge

WEBHOOK = {"endpoint": "/push", "port": "12000", "method": "POST", "url": "https://events.example"}
URL = "https://events.example/push"


def selector(key: str) -> dict[str, str]:
    """A reference to a key of the only Secret."""
    return {"name": "forge", "key": key}


def manager(fake: FakeForge, kind: str, config: Mapping[str, Any], secrets: Mapping[str, bytes]) -> Forge[Any]:
    """For one event; ``secrets`` by key, read at each use."""

    def secret(wanted: SecretKeySelector) -> bytes:
        if wanted.key not in secrets:
            raise SpecError(f"there is no '{wanted.key}'")
        return secrets[wanted.key]

    whole = {"webhook": WEBHOOK, **config}
    return registry[kind](parse(kinds.get(kind).config_model, whole), "push", secret, fake.connect)


class Store(dict[str, bytes]):
    """Remembers as long as it lives."""

    async def get(self, key: str) -> bytes | None:  # type: ignore[override]
        return super().get(key)

    async def put(self, key: str, value: bytes) -> None:
        self[key] = value


def reconciler(*forges: Forge[Any], store: Store | None = None) -> Reconciler:
    """For an EventSource with these events."""
    return Reconciler("source", forges, Memory(Store() if store is None else store))
