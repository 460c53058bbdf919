"""Sources with a loop of their own (brokers, calendars, files …), one kind a file, found by the name in a manifest.

A kind file holds its configuration and a ``Poller`` that judges it. Kinds with ``built = False`` are only known to ``lint``: their
manifests are judged as the reference judges them (spec §3.5, §5.5).
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

from events.models.base import Finding, Spec
from events.models.eventsource import SourceFilter
from events.registry import Registry

__all__ = ["Poller", "PollerConfig", "register", "registry"]

C = TypeVar("C", bound=Spec)


class PollerConfig(Spec):
    """What the configurations of almost all kinds share."""

    metadata: dict[str, str] = {}
    """Added to the event's data."""
    filter: SourceFilter | None = None
    """Which events count."""


class Poller(Generic[C]):
    """A kind of source: what it is configured with, and what can be wrong with that."""

    kind: ClassVar[str]
    built: ClassVar[bool] = True
    config_model: ClassVar[type[Spec]] = PollerConfig
    exclusive: ClassVar[bool] = True
    """Whether only one process may read at a time; the reference then replaces processes instead of rolling them over."""

    @classmethod
    def validate(cls, config: C, path: str = "") -> list[Finding]:
        """What the reference's controller finds wrong with ``config``, which stands at ``path``; empty when it is valid."""
        return []

    @classmethod
    def advise(cls, config: C, path: str = "") -> list[Finding]:
        """What the reference lets pass although it cannot work, or not as it reads."""
        return []


registry: Registry[type[Poller[Any]]] = Registry("eventsource.pollers", "event source")
register = registry.register
