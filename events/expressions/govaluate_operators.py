"""govaluate, third part: what the operators do with Go's values. Numbers are floats; no operator converts between types.

https://github.com/Knetic/govaluate/blob/9aa49832a739/evaluationStage.go, https://pkg.go.dev/math#Pow
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from events.errors import EvaluationError, ExpressionError
from events.expressions import regex
from events.expressions.golang.printing import format_value
from events.expressions.golang.values import deep_equal

__all__ = ["BINARY", "MAX_FOREIGN_PATTERNS", "PREFIX", "Literal", "mismatch"]

MAX_TEXT = 1_048_576  # characters of what + makes
MAX_FOREIGN_PATTERNS = 8  # uses of regular expressions that do not stand in the program

_2_63, _2_64 = 2.0**63, 2.0**64


@dataclass(frozen=True, slots=True)
class Literal:
    """A regular expression that stands in the program. Where text is joined to it, it is its own text.

    ``program_size`` is the size of all the program's patterns together: one evaluation may search with each of them.
    """

    pattern: regex.Pattern
    program_size: int

    def __str__(self) -> str:
        return self.pattern.text

    def found_in(self, text: str) -> bool:
        """Whether it matches anywhere in ``text``."""
        regex.check_effort(self.program_size, len(text))
        return self.pattern.found_in(text)


def mismatch(value: Any, operator: str, wanted: str) -> EvaluationError:
    """A value of a type that an operator doesn't take."""
    return EvaluationError(f"{_described(value)} cannot be used with '{operator}': it is not {wanted}")


def _described(value: Any) -> str:
    if value is None:
        return "nil"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, str):
        return f"the string '{value[:40]}{'…' if len(value) > 40 else ''}'"
    return f"the {'boolean' if isinstance(value, bool) else 'number'} {format_value(value)}"


def _numeric(operator: str, function: Callable[[float, float], float]) -> Callable[[Any, Any], float]:
    def apply(left: Any, right: Any) -> float:
        if type(left) is float and type(right) is float:
            return function(left, right)
        raise mismatch(right if type(left) is float else left, operator, "a number")

    return apply


def _ordering(operator: str, function: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def apply(left: Any, right: Any) -> bool:
        kind = type(left)
        if kind is type(right) and (kind is float or kind is str):
            return function(left, right)
        if kind is float or kind is str:
            raise mismatch(right, operator, "a number" if kind is float else "a string")
        raise mismatch(left, operator, "a number or a string")

    return apply


def _add(left: Any, right: Any) -> float | str:
    if type(left) is float and type(right) is float:
        return left + right
    if type(left) is str or type(right) is str:
        first, second = format_value(left), format_value(right)
        if len(first) + len(second) > MAX_TEXT:
            raise EvaluationError(f"a text is longer than the limit of {MAX_TEXT} characters", reason="LimitReached")
        return first + second
    raise mismatch(right if type(left) is float else left, "+", "a number or a string")


def _equal(left: Any, right: Any) -> bool:
    kind = type(left)
    if kind is type(right) and (kind is str or kind is float or kind is bool):
        return bool(left == right)
    return deep_equal(left, right)


def _in(left: Any, right: Any) -> bool:
    if not isinstance(right, list):
        raise mismatch(right, "in", "a list; a list has two values or more, as in (a, b)")
    if isinstance(left, (list, dict)):
        if any(isinstance(item, type(left)) for item in right):
            raise EvaluationError("'in' cannot look for a list or an object")  # the reference crashes
        return False
    return any(not isinstance(item, (list, dict)) and _equal(left, item) for item in right)


def _found(operator: str, left: Any, right: Any) -> bool:
    if type(left) is not str:
        raise mismatch(left, operator, "a string")
    if type(right) is str:
        try:
            pattern = regex.pattern(right)
            regex.check_effort(pattern.size * MAX_FOREIGN_PATTERNS, len(left))
            return pattern.found_in(left)
        except ExpressionError as problem:
            raise EvaluationError(problem.message) from None
    if type(right) is not Literal:
        raise mismatch(right, operator, "a regular expression")
    return right.found_in(left)


def _divide(left: float, right: float) -> float:
    if right:
        return left / right
    if not left or left != left:
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def _remainder(left: float, right: float) -> float:
    if not math.isfinite(left) or not right:
        return math.nan
    return math.fmod(left, right)


def _int64(number: float) -> int:
    """Go's conversion on amd64: what doesn't fit is the smallest int64."""
    return int(number) if -_2_63 <= number < _2_63 else -(1 << 63)


def _uint64(number: float) -> int:
    """Go's conversion on amd64: negative numbers wrap around, what doesn't fit is 2⁶³."""
    return int(number) & 0xFFFFFFFFFFFFFFFF if -_2_63 <= number < _2_64 else 1 << 63


def _shift_left(left: float, right: float) -> float:
    count = _uint64(right)
    return float(_uint64(left) << count & 0xFFFFFFFFFFFFFFFF) if count < 64 else 0.0


def _shift_right(left: float, right: float) -> float:
    return float(_uint64(left) >> min(_uint64(right), 64))


def _power(x: float, y: float) -> float:
    """Go's ``math.Pow``: the power by squaring for the whole part of ``y``, so that the last bit is the same."""
    special = _special_power(x, y)
    if special is not None:
        return special
    fraction, whole = math.modf(abs(y))
    if fraction and x < 0:
        return math.nan
    if whole >= _2_63:
        return 1.0 if x == -1 else 0.0 if (abs(x) < 1) == (y > 0) else math.inf
    mantissa, exponent = 1.0, 0
    if fraction:
        if fraction > 0.5:
            fraction, whole = fraction - 1, whole + 1
        mantissa = math.exp(fraction * math.log(x))
    square, square_exponent = math.frexp(x)
    bits = int(whole)
    while bits:
        if abs(square_exponent) > 1 << 12:  # too large or too small for a float, whatever follows
            exponent += square_exponent
            break
        if bits & 1:
            mantissa *= square
            exponent += square_exponent
        square, square_exponent = square * square, square_exponent * 2
        if square < 0.5:
            square, square_exponent = square * 2, square_exponent - 1
        bits >>= 1
    if y < 0:
        mantissa, exponent = 1 / mantissa, -exponent
    try:
        return math.ldexp(mantissa, exponent)
    except OverflowError:
        return math.copysign(math.inf, mantissa)


def _special_power(x: float, y: float) -> float | None:
    """The powers of and to zero, one, infinity and NaN, and the square roots; None for all others."""
    if not y or x == 1:
        return 1.0
    if y == 1:
        return x
    if x and math.isfinite(x) and math.isfinite(y):
        if abs(y) != 0.5:
            return None
        root = math.sqrt(x) if x > 0 else math.nan
        return root if y > 0 else 1 / root
    if x == -1 and math.isinf(y):
        return 1.0
    try:
        return math.pow(x, y)  # IEEE 754 and Go agree on these
    except ValueError:  # zero to a negative power
        return math.copysign(math.inf, x) if y % 2 == 1 else math.inf


def _negate(right: Any) -> float:
    if type(right) is not float:
        raise mismatch(right, "-", "a number")
    return -right


def _invert(right: Any) -> bool:
    if type(right) is not bool:
        raise mismatch(right, "!", "a boolean")
    return not right


def _complement(right: Any) -> float:
    if type(right) is not float:
        raise mismatch(right, "~", "a number")
    return float(~_int64(right))


PREFIX: dict[str, Callable[[Any], Any]] = {"-": _negate, "!": _invert, "~": _complement}

#: The operators that always look at both sides; ``&& || ? : ??`` and the comma are the compiler's.
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    ">": _ordering(">", lambda left, right: left > right),
    ">=": _ordering(">=", lambda left, right: left >= right),
    "<": _ordering("<", lambda left, right: left < right),
    "<=": _ordering("<=", lambda left, right: left <= right),
    "=~": lambda left, right: _found("=~", left, right),
    "!~": lambda left, right: not _found("!~", left, right),
    "in": _in,
    "&": _numeric("&", lambda left, right: float(_int64(left) & _int64(right))),
    "|": _numeric("|", lambda left, right: float(_int64(left) | _int64(right))),
    "^": _numeric("^", lambda left, right: float(_int64(left) ^ _int64(right))),
    "<<": _numeric("<<", _shift_left),
    ">>": _numeric(">>", _shift_right),
    "+": _add,
    "-": _numeric("-", lambda left, right: left - right),
    "*": _numeric("*", lambda left, right: left * right),
    "/": _numeric("/", _divide),
    "%": _numeric("%", _remainder),
    "**": _numeric("**", _power),
}
