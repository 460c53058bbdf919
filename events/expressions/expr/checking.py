"""Which operands a binary operator accepts, and what it gives, told from static types alone."""

from __future__ import annotations

from collections.abc import Callable

from events.errors import ExpressionError
from events.expressions import regex
from events.expressions.expr.ast import BinaryNode, StringNode
from events.expressions.expr.dialect import Dialect
from events.expressions.expr.types import (
    ANYS,
    BOOL,
    BYTES,
    DURATION,
    FLOAT,
    INT,
    INTS,
    NIL,
    STRING,
    TIME,
    UNKNOWN,
    Nature,
    known,
)

__all__ = ["BinaryRules"]

Test = Callable[[Nature], bool]
_MAX_PATTERNS = 4096  # characters of all regular expressions that stand in the program
_WHOLE = frozenset({"int", "int64", "uint8"})


def _is_string(nature: Nature) -> bool:
    return nature.is_string


def _is_time(nature: Nature) -> bool:
    return nature.is_time


def _is_duration(nature: Nature) -> bool:
    return nature.is_duration


class BinaryRules:
    """The rules of one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._patterns: set[str] = set()

    def is_integer(self, nature: Nature) -> bool:
        """Whether it counts as an integer."""
        return nature.kind in _WHOLE if self.dialect.named_numbers else nature.is_integer

    def is_number(self, nature: Nature) -> bool:
        """Whether it counts as a number."""
        return nature.is_float or self.is_integer(nature)

    def result(self, node: BinaryNode, left: Nature, right: Nature) -> Nature:
        """The nature of ``node``. Raises ``ValueError`` with the reason when the operands don't fit."""
        found = _RULES[node.operator](self, node, left, right)
        if found is None:
            raise ValueError(f"invalid operation: {node.operator} (mismatched types {left} and {right})")
        return found

    def comparable(self, a: Nature, b: Nature) -> bool:
        """Whether ``==`` may have two outcomes."""
        if a.unknown or b.unknown or a.nil or b.nil or (self.is_number(a) and self.is_number(b)):
            return True
        if not self.dialect.typed_env:
            return a.kind == b.kind
        return (a.is_array and b.is_array) or a.assignable_to(b)

    def maybe(self, a: Nature, b: Nature, *tests: Test) -> bool:
        """Whether operands of which at least one is unknown may turn out to fit."""
        if a.unknown:
            return b.unknown or any(test(b) for test in tests)
        return b.unknown and any(test(a) for test in tests)

    def promoted(self, a: Nature, b: Nature) -> Nature:
        """What two numbers give together."""
        if self.dialect.named_numbers and a.kind == b.kind:
            return a
        return known(FLOAT) if a.is_float or b.is_float else known(INT)

    # -- one rule an operator: the nature, or None when the operands don't fit

    def _equality(self, _: BinaryNode, a: Nature, b: Nature) -> Nature | None:
        return known(BOOL) if self.comparable(a, b) else None

    def _logic(self, _: BinaryNode, a: Nature, b: Nature) -> Nature | None:
        fits = (a.is_bool and b.is_bool) or self.maybe(a, b, lambda n: n.is_bool)
        return known(BOOL) if fits else None

    def _ordering(self, _: BinaryNode, a: Nature, b: Nature) -> Nature | None:
        tests: tuple[Test, ...] = (self.is_number, _is_string, _is_time)
        if not self.dialect.named_numbers:
            tests = (*tests, _is_duration)
        fits = any(test(a) and test(b) for test in tests) or self.maybe(a, b, *tests)
        return known(BOOL) if fits else None

    def _plus(self, _: BinaryNode, a: Nature, b: Nature) -> Nature | None:
        if self.is_number(a) and self.is_number(b):
            return self.promoted(a, b)
        if a.is_string and b.is_string:
            return known(STRING)
        if (a.is_time and b.is_duration) or (a.is_duration and b.is_time):
            return known(TIME)
        if a.is_duration and b.is_duration:
            return known(DURATION)
        return UNKNOWN if self.maybe(a, b, self.is_number, _is_string, _is_time, _is_duration) else None

    def _minus(self, _: BinaryNode, a: Nature, b: Nature) -> Nature | None:
        if self.is_number(a) and self.is_number(b):
            return self.promoted(a, b)
        if a.is_time and b.is_time:
            return known(DURATION)
        if a.is_time and b.is_duration:
            return known(TIME)
        if a.is_duration and b.is_duration:
            return known(DURATION)
        return UNKNOWN if self.maybe(a, b, self.is_number, _is_time, _is_duration) else None

    def _times(self, _: BinaryNode, a: Nature, b: Nature) -> Nature | None:
        if self.is_number(a) and self.is_number(b):
            return self.promoted(a, b)
        if self.dialect.named_numbers:
            return UNKNOWN if self.maybe(a, b, self.is_number) else None
        if any(n.is_duration for n in (a, b)) and all(n.is_duration or n.is_number for n in (a, b)):
            return known(DURATION)
        return UNKNOWN if self.maybe(a, b, self.is_number, _is_duration) else None

    def _real(self, _: BinaryNode, a: Nature, b: Nature) -> Nature | None:
        fits = (self.is_number(a) and self.is_number(b)) or self.maybe(a, b, self.is_number)
        return known(FLOAT) if fits else None

    def _remainder(self, _: BinaryNode, a: Nature, b: Nature) -> Nature | None:
        if self.is_integer(a) and self.is_integer(b):
            return self.promoted(a, b) if self.dialect.named_numbers else known(INT)
        if self.maybe(a, b, self.is_integer):
            return UNKNOWN if self.dialect.named_numbers else known(INT)
        return None

    def _range(self, _: BinaryNode, a: Nature, b: Nature) -> Nature | None:
        if not (self.is_integer(a) and self.is_integer(b)) and not self.maybe(a, b, self.is_integer):
            return None
        return Nature(ANYS, elem=known(INT)) if self.dialect.typed_elements else known(INTS)

    def _in(self, _: BinaryNode, a: Nature, b: Nature) -> Nature | None:
        if b.is_time and (a.is_string or a.unknown):
            return known(BOOL)
        if a.nil and (b.is_map or b.is_array) and not self.dialect.typed_env:
            return known(BOOL)
        if b.is_map:
            key = known(b.declared.key)
            if not a.unknown and not a.assignable_to(key):
                raise ValueError(f"cannot use {a} as type {key} in map key")
            return known(BOOL)
        if b.is_array:
            if not self.comparable(a, b.element()):
                raise ValueError(f"cannot use {a} as type {b.element()} in array")
            return known(BOOL)
        fits = b.unknown or (a.unknown and b.is_string)
        return known(BOOL) if fits else None

    def _matches(self, node: BinaryNode, a: Nature, b: Nature) -> Nature | None:
        if isinstance(node.right, StringNode):
            self._patterns.add(node.right.value)
            if sum(map(len, self._patterns)) > _MAX_PATTERNS:
                raise ValueError("the regular expressions are too long")
            try:
                regex.pattern(node.right.value)
            except ExpressionError as error:
                raise ValueError(error.message) from None
        if self.dialect.typed_env and a.type is BYTES and b.is_string:
            return known(BOOL)
        return self._text(node, a, b)

    def _text(self, _: BinaryNode, a: Nature, b: Nature) -> Nature | None:
        return known(BOOL) if (a.is_string and b.is_string) or self.maybe(a, b, _is_string) else None

    def _coalesce(self, _: BinaryNode, a: Nature, b: Nature) -> Nature | None:
        if a.nil or b.nil:
            return NIL if a.nil and b.nil else b if a.nil else a
        return a if b.assignable_to(a) else UNKNOWN


_RULES = {
    **dict.fromkeys(("==", "!="), BinaryRules._equality),
    **dict.fromkeys(("or", "||", "and", "&&"), BinaryRules._logic),
    **dict.fromkeys(("<", ">", ">=", "<="), BinaryRules._ordering),
    "+": BinaryRules._plus,
    "-": BinaryRules._minus,
    "*": BinaryRules._times,
    **dict.fromkeys(("/", "**", "^"), BinaryRules._real),
    "%": BinaryRules._remainder,
    "..": BinaryRules._range,
    "in": BinaryRules._in,
    "matches": BinaryRules._matches,
    **dict.fromkeys(("contains", "startsWith", "endsWith"), BinaryRules._text),
    "??": BinaryRules._coalesce,
}
