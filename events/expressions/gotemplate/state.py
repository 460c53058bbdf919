"""What one rendering holds: variables, the text so far, and the bounds on time, size and recursion."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from events.errors import EvaluationError
from events.expressions.golang.functions import Context
from events.expressions.golang.limits import check_items, check_text

__all__ = ["LARGE", "MAX_OUTPUT", "UNDEFINED", "Body", "CompiledTemplate", "State", "checked"]

MAX_OUTPUT = 4 * 1024 * 1024
MAX_LEVELS = 200
"""Levels of nesting that may be open at once, over all templates that call each other."""
MAX_SECONDS = 0.12
LARGE = 200
"""The work of an operation whose time does not follow from its arguments: the clock is read at once."""
_TEXT_SHIFT = 5  # so many characters (as a power of two) are one unit of work

Body = Callable[["State", Any], int]
"""Runs statements; gives 0, or what a range has to do (break, continue)."""


class CompiledTemplate:
    """One named template, ready to run."""

    __slots__ = ("body", "depth", "slots")

    def __init__(self, body: Body, slots: int, depth: int) -> None:
        self.body = body
        self.slots = slots
        self.depth = depth


class State:
    """One rendering. ``work`` counts small steps; now and then it is weighed against the clock of this thread."""

    __slots__ = ("check_at", "context", "level", "parts", "size", "started", "templates", "variables", "work")

    def __init__(self, templates: Mapping[str, CompiledTemplate], context: Context) -> None:
        self.templates = templates
        self.context = context
        self.variables: list[Any] = []
        self.parts: list[str] = []
        self.size = 0
        self.level = 0
        self.work = 0
        self.check_at = LARGE
        self.started = 0.0

    def write(self, text: str) -> None:
        """Add to the output. Raises ``EvaluationError`` when it grows too large."""
        self.parts.append(text)
        self.size += len(text)
        if self.size > MAX_OUTPUT:
            raise EvaluationError(f"the output is larger than {MAX_OUTPUT} characters", reason="LimitReached")

    def charge(self, work: int) -> None:
        """Count work done. Raises ``EvaluationError`` when the rendering has taken too long."""
        self.work += work
        if self.work >= self.check_at:
            self.check_at = self.work + LARGE
            now = time.thread_time()
            self.started = self.started or now
            if now - self.started > MAX_SECONDS:
                raise EvaluationError(f"the template takes longer than {MAX_SECONDS} s", reason="LimitReached")

    def charge_arguments(self, arguments: list[Any]) -> None:
        """Count the work of a call by the size of its arguments."""
        work = 1
        for argument in arguments:
            if type(argument) is str:
                work += len(argument) >> _TEXT_SHIFT
            elif isinstance(argument, (list, dict)):
                work += LARGE
        self.charge(work)

    def run(self, template: CompiledTemplate, dot: Any) -> None:
        """Run a template with variables of its own."""
        self.level += template.depth + 1
        if self.level > MAX_LEVELS:
            raise EvaluationError("templates call each other too deeply", reason="LimitReached")
        self.charge(10)
        outer = self.variables
        self.variables = [dot] + [UNDEFINED] * (template.slots - 1)
        template.body(self, dot)
        self.variables = outer
        self.level -= template.depth + 1


UNDEFINED: Any = object()
"""The value of a variable before its declaration has run."""


def checked(result: Any) -> Any:
    """The result of a function, unless it is larger than any event needs."""
    if type(result) is str:
        if len(result) > MAX_OUTPUT:
            check_text(len(result))
    elif isinstance(result, list):
        check_items(len(result))
    return result
