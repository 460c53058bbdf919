"""Step 10 · what is to be written down about events on their way through the triggers. A value that is filled step by step."""

from __future__ import annotations

from dataclasses import dataclass, field

from eventbus.ledger import Entry
from eventbus.rounds import KeptRound

__all__ = ["Settled"]


@dataclass(slots=True)
class Settled:
    """Outcomes, rounds that are kept from now on, and keys of kept rounds that have come to their end."""

    entries: list[Entry] = field(default_factory=list)
    kept: list[KeptRound] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    def add(self, other: Settled) -> None:
        """Take in what another one says."""
        self.entries += other.entries
        self.kept += other.kept
        self.gone += other.gone
