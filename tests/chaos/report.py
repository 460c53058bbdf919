"""What a row found, and how it is printed: the seed first, so that every run can be repeated; then counts and the bound."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Report:
    """``failures`` are sentences; none means that the row holds."""

    row: str
    seed: int
    figures: dict[str, Any] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    skipped: str = ""
    """Why it cannot be run here."""
    seconds: float = 0.0

    def expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.failures.append(otherwise)

    def take_in(self, other: Report) -> None:
        """Add the counts and failures of a part that had a seed of its own."""
        for name, value in other.figures.items():
            before = self.figures.get(name)
            summed = type(before) is int and type(value) is int
            self.figures[name] = before + value if summed else value
        self.failures += [f"seed {other.seed}: {failure}" for failure in other.failures]

    def __str__(self) -> str:
        verdict = f"SKIPPED, {self.skipped}" if self.skipped else "FAILS" if self.failures else "HOLDS"
        lines = [f"{self.row}: {verdict}  (seed {self.seed}, {self.seconds:.0f} s)"]
        lines += [f"  {name.replace('_', ' ')}: {value}" for name, value in self.figures.items()]
        lines += [f"  ! {failure}" for failure in self.failures]
        return "\n".join(lines)


def upper_bound(trials: int) -> float:
    """With no failure in so many trials: the failure rate that is not exceeded, at 95 % confidence (about 3 / trials)."""
    return 1.0 if trials == 0 else 1.0 - 0.05 ** (1.0 / trials)


def bound(failed: int, trials: int) -> str:
    if failed:
        return f"none: {failed} of {trials} failed"
    return f"≤ {upper_bound(trials):.2e} at 95 % (0 of {trials})"


def percentile(values: list[float], part: float) -> float:
    """The value that this part (0…1) does not exceed; 0 without values."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))] if values else 0.0
