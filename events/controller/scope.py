"""Which namespaces a controller looks after, so that it can stand beside Argo's own. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Scope"]


@dataclass(slots=True)
class Scope:
    """All namespaces; or the ones that are named; or those whose labels a selector fits, as they are ``found``."""

    namespaces: tuple[str, ...] = ()
    selector: str = ""
    found: dict[str, str] = field(default_factory=dict)
    """The uid of each, by name."""

    @property
    def watched(self) -> tuple[str, ...]:
        """Namespaces to watch one by one; one empty name for the whole cluster."""
        return self.namespaces or ("",)

    def covers(self, namespace: str) -> bool:
        """Whether its objects are ours to look after."""
        return namespace in self.found if self.selector else not self.namespaces or namespace in self.namespaces

    def retain(self, uids: frozenset[str]) -> None:
        """Only these are there now."""
        self.found = {name: uid for name, uid in self.found.items() if uid in uids}
