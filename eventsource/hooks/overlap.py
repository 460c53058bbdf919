"""While a secret is changed: its old value is good until ten minutes after all hooks that it is used for have the new one. Shell."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import structlog

from events.errors import SpecError
from events.secrets import Vault
from eventsource.hooks import Forge
from eventsource.hooks.memory import Memory

__all__ = ["OVERLAP", "Overlap"]

log = structlog.get_logger("hooks")

OVERLAP = 600.0
"""Seconds for which a secret's old value is good after the forge has confirmed the new one: deliveries may be under way, or sent again."""


_PAUSE = 1.0
"""Seconds between two looks, however many ask for one."""


class Overlap:
    """Of the hooks of one process. Several may share a secret, also those of several EventSources."""

    def __init__(self, vault: Vault, memory: Memory, *, now: Callable[[], float] = time.time) -> None:
        self._vault = vault
        self._memory = memory
        self._now = now
        self._next = 0.0
        self._users: dict[tuple[str, str, str], list[tuple[str, Forge[Any]]]] = defaultdict(list)

    def add(self, name: str, namespace: str, forge: Forge[Any]) -> None:
        """Accept old values of the secret of these hooks; ``name`` is that of their EventSource in the memory."""
        secret = forge.config.secret
        if secret is not None:
            self._vault.hold(namespace, secret)
            self._users[namespace, secret.name, secret.key].append((name, forge))

    async def let_go(self) -> None:
        """Accept old values no more where they are not needed any more."""
        if self._now() < self._next:
            return
        self._next = self._now() + _PAUSE
        for (namespace, _, _), users in self._users.items():
            secret = users[0][1].config.secret
            if self._vault.holds(namespace, secret) and await self._confirmed(users):
                self._vault.let_go(namespace, secret)
                log.info("a secret's old value is not accepted any more", secret=secret.name, key=secret.key)

    async def _confirmed(self, users: list[tuple[str, Forge[Any]]]) -> bool:
        """Whether all hooks have had the new value for long enough."""
        for name, forge in users:
            try:
                secret = forge.sealed()
            except SpecError:
                return False  # told by the look at the hooks
            assert secret is not None
            since = (await self._memory.load(name)).confirmed(forge.instance, forge.url, secret)
            if since is None or self._now() - since < OVERLAP:
                return False
        return True
