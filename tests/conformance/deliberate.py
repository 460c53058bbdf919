"""Where we differ from the reference on purpose.

A rule is a predicate on the inputs of a case (never its id, never what was recorded) and the outcome that we promise instead.
Each rule has its line in ``docs/compatibility.md``, under the rule's name; a rule without hits fails the suite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Inputs = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """One difference: for cases of ``format`` where ``applies``, ``outcome`` is what must come out."""

    name: str
    format: str
    applies: Callable[[Inputs], bool]
    outcome: Callable[[Inputs], Any]


RULES: list[Rule] = []


def rule(format: str, name: str, applies: Callable[[Inputs], bool]) -> Callable[[Callable[[Inputs], Any]], Callable[[Inputs], Any]]:
    """Decorator of the function that gives the promised outcome."""

    def decorate(outcome: Callable[[Inputs], Any]) -> Callable[[Inputs], Any]:
        RULES.append(Rule(name, format, applies, outcome))
        return outcome

    return decorate


def find(format: str, inputs: Inputs) -> Rule | None:
    """The first rule that applies to these inputs."""
    return next((r for r in RULES if r.format == format and r.applies(inputs)), None)
