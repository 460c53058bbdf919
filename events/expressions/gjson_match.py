"""Comparing in gjson paths: glob patterns, and the condition of a query ``#(path OP value)``.

Spec: argo-events.md §1.9. A glob takes time linear in the text, whatever stars the pattern has.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from itertools import pairwise

from events.expressions.gjson_scan import Slice
from events.expressions.gjson_text import number_of, to_bool

__all__ = ["Condition", "Glob", "glob"]


class Glob:
    r"""A pattern: ``*`` is any text, ``?`` any one character, ``\`` takes the next character as it is.

    A lone ``\`` at the end is a character of its own behind a star; without a star before it such a pattern matches nothing.
    """

    def __init__(self, pattern: str) -> None:
        self._accepted: list[str | None] = []  # each character of the pattern, None for "?"
        stars: set[int] = set()  # how many characters stand before each star
        escaped = False
        for char in pattern:
            if escaped or char not in "\\*?":
                self._accepted.append(char)
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == "*":
                stars.add(len(self._accepted))
            else:
                self._accepted.append(None)
        self._possible = not escaped or bool(stars)
        if escaped:
            self._accepted.append("\\")
        self._stars = stars

    def matches(self, text: str) -> bool:
        """Whether the whole text is of this pattern."""
        size = len(self._accepted)
        if not self._possible or len(text) < size or (len(text) > size and not self._stars):
            return False
        return self._matches_runs(text) if self._runs is not None else self._matches_steps(text)

    @cached_property
    def _runs(self) -> list[str] | None:
        """The literal texts between the stars, or ``None`` for a pattern with ``?``."""
        if None in self._accepted:
            return None
        literal = "".join(char for char in self._accepted if char is not None)
        cuts = [0, *sorted(self._stars), len(literal)]
        return [literal[start:stop] for start, stop in pairwise(cuts)]

    def _matches_runs(self, text: str) -> bool:
        runs = self._runs or []
        if len(runs) == 1:
            return text == runs[0]
        first, *middle, last = runs
        if not text.startswith(first) or not text.endswith(last):
            return False
        at, end = len(first), len(text) - len(last)
        for run in middle:
            at = text.find(run, at, end)
            if at < 0:
                return False
            at += len(run)
        return at <= end

    def _matches_steps(self, text: str) -> bool:
        """All positions in the pattern at once, one bit each, moved on by each character of the text."""
        anything, steps, loops = self._tables
        positions = 1
        for char in text:
            positions = ((positions & (steps.get(char, 0) | anything)) << 1) | (positions & loops)
            if not positions:
                return False
        return bool(positions >> len(self._accepted) & 1)

    @cached_property
    def _tables(self) -> tuple[int, dict[str, int], int]:
        places: dict[str | None, list[int]] = {}
        for place, char in enumerate(self._accepted):
            places.setdefault(char, []).append(place)
        anything = _bits(places.pop(None, []))
        return (
            anything,
            {char: _bits(of) for char, of in places.items() if char is not None},
            _bits(sorted(self._stars)),
        )


@lru_cache(maxsize=1024)
def glob(pattern: str) -> Glob:
    """The glob of a pattern."""
    return Glob(pattern)


def _bits(places: list[int]) -> int:
    """The number with these bits set (in rising order)."""
    mask = bytearray(places[-1] // 8 + 1 if places else 0)
    for place in places:
        mask[place // 8] |= 1 << place % 8
    return int.from_bytes(mask, "little")


_CLASSES: dict[str, Callable[[Slice], bool]] = {
    "~*": lambda value: value.exists,
    "~null": lambda value: value.type == "Null",
    "~true": lambda value: _truth(value) is True,
    "~false": lambda value: value.type == "Null" or _truth(value) is False,
}


def _truth(value: Slice) -> bool | None:
    """What a value says as a boolean; ``None`` for null, objects, lists and other texts."""
    if value.type == "String":
        return to_bool(value.string())
    if value.type == "Number":
        return value.number != 0
    return {"True": True, "False": False}.get(value.type)


class Condition:
    """``OP value`` of a query: ``= != < <= > >= % !%``; no operator asks whether there is a value at all."""

    def __init__(self, operator: str, operand: str) -> None:
        self.operator = operator
        self.operand = operand

    @cached_property
    def _number(self) -> float:
        return number_of(self.operand)

    @cached_property
    def _glob(self) -> Glob:
        return glob(self.operand)

    def holds(self, value: Slice) -> bool:
        """Whether it holds for the value. Values of other types than the operator compares do not match, also for ``!=``."""
        operand = self.operand
        if operand.startswith("~"):
            belongs = _CLASSES.get(operand)
            return belongs is not None and (not self.operator or self._compare_booleans(belongs(value), "true"))
        if not value.exists:
            return False
        if not self.operator:
            return True
        kind = value.type
        if kind == "String":
            text = value.string()
            if "%" in self.operator:
                return self._glob.matches(text) is (self.operator == "%")
            return _compare(self.operator, text, operand)
        if kind == "Number":
            return _compare(self.operator, value.number, self._number)
        return kind in ("True", "False") and self._compare_booleans(kind == "True", operand)

    def _compare_booleans(self, value: bool, operand: str) -> bool:
        """False is below true; another word differs from both, and is neither above nor below."""
        operator = self.operator
        if operator in ("=", "!="):
            return (operand == ("true" if value else "false")) is (operator == "=")
        if value:
            return operator == ">=" or (operator == ">" and operand == "false")
        return operator == "<=" or (operator == "<" and operand == "true")


def _compare(operator: str, left: str | float, right: str | float) -> bool:
    """One of the six comparisons of two texts or two numbers."""
    if operator == "=":
        return left == right
    if operator == "!=":
        return left != right
    if operator == "<":
        return left < right  # type: ignore[operator]
    if operator == "<=":
        return left <= right  # type: ignore[operator]
    if operator == ">":
        return left > right  # type: ignore[operator]
    return operator == ">=" and left >= right  # type: ignore[operator]
