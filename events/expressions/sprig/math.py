"""sprig's arithmetic: ``int64`` that wraps around, and floats by way of exact decimals.

Follows https://masterminds.github.io/sprig/math.html, https://masterminds.github.io/sprig/mathf.html and
https://masterminds.github.io/sprig/integer_slice.html with their sources, v3.3.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from events.errors import EvaluationError
from events.expressions.golang.functions import Context, Function, by_name
from events.expressions.golang.limits import check_items
from events.expressions.golang.numbers import parse_int, shortest
from events.expressions.golang.printing import text_of
from events.expressions.golang.values import Int, Int64, Ints, wrap_int64
from events.expressions.sprig.casting import to_float, to_int

__all__ = ["FUNCTIONS"]

_EXACT = decimal.Context(prec=20_000, traps=[decimal.Inexact, decimal.Overflow, decimal.InvalidOperation])
_DIVISION_PLACES = 16


def _add(*values: Any) -> Int64:
    return wrap_int64(sum(to_int(value) for value in values))


def _add1(value: Any) -> Int64:
    return wrap_int64(to_int(value) + 1)


def _sub(a: Any, b: Any) -> Int64:
    return wrap_int64(to_int(a) - to_int(b))


def _mul(first: Any, *others: Any) -> Int64:
    product = wrap_int64(to_int(first))
    for value in others:
        product = wrap_int64(product * to_int(value))
    return product


def _div(a: Any, b: Any) -> Int64:
    dividend, divisor = to_int(a), to_int(b)
    if divisor == 0:
        raise EvaluationError("integer divide by zero")
    quotient = abs(dividend) // abs(divisor)
    return wrap_int64(quotient if (dividend < 0) == (divisor < 0) else -quotient)


def _mod(a: Any, b: Any) -> Int64:
    dividend, divisor = to_int(a), to_int(b)
    if divisor == 0:
        raise EvaluationError("integer divide by zero")
    rest = abs(dividend) % abs(divisor)
    return Int64(-rest if dividend < 0 else rest)


def _max(*values: Any) -> Int64:
    return Int64(max(map(to_int, values)))


def _min(*values: Any) -> Int64:
    return Int64(min(map(to_int, values)))


def _maxf(*values: Any) -> float:
    numbers = [to_float(value) for value in values]
    return math.nan if any(map(math.isnan, numbers)) and math.inf not in numbers else max(numbers)


def _minf(*values: Any) -> float:
    numbers = [to_float(value) for value in values]
    return math.nan if any(map(math.isnan, numbers)) and -math.inf not in numbers else min(numbers)


def _decimal(value: Any) -> Decimal:
    number = to_float(value)
    if not math.isfinite(number):
        raise EvaluationError(f"Cannot create a Decimal from {shortest(number)}")
    return Decimal(repr(number))


def _exactly(operation: Callable[[Decimal, Decimal], Decimal], first: Any, others: tuple[Any, ...]) -> float:
    result = _decimal(first)
    try:
        for value in others:
            result = operation(result, _decimal(value))
    except decimal.DecimalException:
        raise EvaluationError("the number has too many digits", reason="LimitReached") from None
    return float(result) or 0.0


def _quotient(a: Decimal, b: Decimal) -> Decimal:
    """Rounded to 16 places, halves away from zero."""
    if not b:
        raise EvaluationError("decimal division by 0")
    scaled = abs(Fraction(a) / Fraction(b)) * 10**_DIVISION_PLACES
    rounded = math.floor(scaled + Fraction(1, 2))
    sign = -1 if (a < 0) != (b < 0) else 1
    return Decimal(sign * rounded).scaleb(-_DIVISION_PLACES, context=_EXACT)


def _addf(*values: Any) -> float:
    return _exactly(_EXACT.add, 0.0, values)


def _add1f(value: Any) -> float:
    return _exactly(_EXACT.add, value, (1.0,))


def _subf(first: Any, *others: Any) -> float:
    return _exactly(_EXACT.subtract, first, others)


def _mulf(first: Any, *others: Any) -> float:
    return _exactly(_EXACT.multiply, first, others)


def _divf(first: Any, *others: Any) -> float:
    return _exactly(_quotient, first, others)


def _whole(number: float, rounding: Callable[[float], int]) -> float:
    """Go's ``math.Floor`` and ``Ceil``: infinities, NaN and the sign of zero stay."""
    return math.copysign(float(rounding(number)), number) if math.isfinite(number) else number


def _floor(value: Any) -> float:
    return _whole(to_float(value), math.floor)


def _ceil(value: Any) -> float:
    return _whole(to_float(value), math.ceil)


def _round(value: Any, places: int, *round_on: float) -> float:
    threshold = round_on[0] if round_on else 0.5
    try:
        power = math.pow(10.0, places)
    except OverflowError:
        power = math.inf
    digits = power * to_float(value)
    fraction = math.modf(digits)[0]
    rounded = _whole(digits, math.ceil if fraction >= threshold else math.floor)
    if power == 0:
        return math.nan if not rounded or math.isnan(rounded) else math.copysign(math.inf, rounded)
    return rounded / power


def _until(count: int) -> Ints:
    return _until_step(0, count, -1 if count < 0 else 1)


def _until_step(start: int, stop: int, step: int) -> Ints:
    if step == 0 or (stop < start) != (step < 0):
        return Ints()
    numbers = range(start, stop, step)
    check_items(max(0, (stop - start) // step))
    return Ints(map(Int, numbers))


def _seq(*parameters: int) -> str:
    if not 1 <= len(parameters) <= 3:
        return ""
    start = parameters[0] if len(parameters) > 1 else 1
    end = parameters[-1]
    direction = -1 if end < start else 1
    step = parameters[1] if len(parameters) == 3 else direction
    if len(parameters) == 3 and end < start and step > 0:
        return ""
    return " ".join(map(str, map(int, _until_step(start, end + direction, step))))


def _to_decimal(value: Any) -> Int64:
    return Int64(parse_int(text_of(value), base=8) or 0)


def _to_int64(value: Any) -> Int64:
    return Int64(to_int(value))


def _to_int(value: Any) -> Int:
    return Int(to_int(value))


def _rand_int(context: Context, low: int, high: int) -> Int:
    if high <= low:
        raise EvaluationError("invalid argument to Intn")
    return Int(context.random.randrange(low, high))


FUNCTIONS = by_name(
    [
        Function("add", _add, ("any...",)),
        Function("add1", _add1, ("any",)),
        Function("add1f", _add1f, ("any",)),
        Function("addf", _addf, ("any...",), heavy=True),
        Function("biggest", _max, ("any", "any...")),
        Function("ceil", _ceil, ("any",)),
        Function("div", _div, ("any", "any")),
        Function("divf", _divf, ("any", "any..."), heavy=True),
        Function("float64", to_float, ("any",)),
        Function("floor", _floor, ("any",)),
        Function("int", _to_int, ("any",)),
        Function("int64", _to_int64, ("any",)),
        Function("max", _max, ("any", "any...")),
        Function("maxf", _maxf, ("any", "any...")),
        Function("min", _min, ("any", "any...")),
        Function("minf", _minf, ("any", "any...")),
        Function("mod", _mod, ("any", "any")),
        Function("mul", _mul, ("any", "any...")),
        Function("mulf", _mulf, ("any", "any..."), heavy=True),
        Function("randInt", _rand_int, ("int", "int"), needs_context=True),
        Function("round", _round, ("any", "int", "float64...")),
        Function("seq", _seq, ("int...",), heavy=True),
        Function("sub", _sub, ("any", "any")),
        Function("subf", _subf, ("any", "any..."), heavy=True),
        Function("toDecimal", _to_decimal, ("any",)),
        Function("until", _until, ("int",), heavy=True),
        Function("untilStep", _until_step, ("int", "int", "int"), heavy=True),
    ]
)
