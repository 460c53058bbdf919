"""What one evaluation carries: the environment, variables, the current element, and what it may still spend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from events.errors import EvaluationError
from events.expressions.expr.values import NO_ITEM
from events.expressions.golang.functions import Context

__all__ = ["MEMORY_BUDGET", "STEP_BUDGET", "Machine", "Run", "Scope"]

MEMORY_BUDGET = 1_000_000
"""Elements of all lists and maps that a program makes, as in the reference."""
STEP_BUDGET = 120_000
"""Rounds of predicates and the like; 64 KiB of JSON have at most 32,768 elements."""


class Scope:
    """The list that a predicate walks, and where it is."""

    __slots__ = ("acc", "index", "item")

    def __init__(self) -> None:
        self.item: Any = None
        self.index = 0
        self.acc: Any = None


_NO_SCOPE = Scope()


class Machine:
    """The state of one evaluation. ``spend`` and ``grow`` raise ``EvaluationError`` at the bounds."""

    __slots__ = ("_context", "_now", "_seed", "env", "memory", "scope", "steps", "variables")

    def __init__(self, env: Mapping[str, Any], variables: int, now: Callable[[], datetime], seed: bytes) -> None:
        self.env = env
        self.variables: list[Any] = [None] * variables
        self.scope = _NO_SCOPE
        self.steps = STEP_BUDGET
        self.memory = 0
        self._now = now
        self._seed = seed
        self._context: Context | None = None

    @property
    def context(self) -> Context:
        """The time and the source of random values, made when first asked for."""
        if self._context is None:
            self._context = Context(self._now, self._seed)
        return self._context

    def current(self) -> Any:
        """The current element."""
        item = self.scope.item
        if item is NO_ITEM:
            raise EvaluationError("reflect: call of reflect.Value.Index on map Value")
        return item

    def spend(self, steps: int) -> None:
        """Count work that grows with the data."""
        self.steps -= steps
        if self.steps < 0:
            raise EvaluationError("evaluation takes too long")

    def grow(self, size: int) -> None:
        """Count elements of a new list or map."""
        self.memory += size
        if self.memory >= MEMORY_BUDGET:
            raise EvaluationError("memory budget exceeded")
        self.spend(size >> 4)


Run = Callable[[Machine], Any]
"""A compiled node."""
