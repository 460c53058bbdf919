"""Built-in functions on numbers and bits."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator
from typing import Any

from events.errors import EvaluationError
from events.expressions.expr.comparing import order
from events.expressions.expr.machine import Machine
from events.expressions.expr.operators import wrap
from events.expressions.expr.values import FLOATS, is_integer, is_number, items_of, to_float, truncated
from events.expressions.golang.numbers import parse_float, parse_int
from events.expressions.golang.values import Int, SizedInt, kind_of, type_of

__all__ = ["NUMBER", "convert_float", "convert_int", "convert_own_int"]

_MAX_NESTING = 10_000
_WORD = (1 << 64) - 1


def _is_list(value: Any) -> bool:
    return kind_of(value) in ("slice", "array")


def convert_int(m: Machine, value: Any) -> Int:
    """``int(x)``: a float is cut, a text read in base 10; durations and months count too."""
    if isinstance(value, SizedInt) and not is_integer(value):
        return Int(value)
    return convert_own_int(m, value)


def convert_own_int(m: Machine, value: Any) -> Int:
    """``int(x)`` of numbers and texts only."""
    if type(value) in FLOATS:
        return Int(truncated(to_float(value)))
    if is_integer(value):
        return Int(value)
    if type(value) is str:
        number = parse_int(value)
        if number is not None:
            return Int(number)
        raise EvaluationError(f"invalid operation: int({value[:80]})")
    raise EvaluationError(f"invalid operation: int({type_of(value)})")


def convert_float(m: Machine, value: Any) -> float:
    """``float(x)``."""
    if type(value) is str:
        number = parse_float(value)
        if number is not None:
            return number
        raise EvaluationError(f"invalid operation: float({value[:80]})")
    return to_float(value)


def _abs(m: Machine, value: Any) -> Any:
    if not is_number(value):
        raise EvaluationError(f"invalid argument for abs (type {type_of(value)})")
    if type(value) in FLOATS:
        return abs(to_float(value)) if value else to_float(value)
    return value if value >= 0 else wrap(-value)


def _rounding(name: str, compute: Callable[[float], float]) -> Callable[[Machine, Any], float]:
    def apply(m: Machine, value: Any) -> float:
        if not is_number(value):
            raise EvaluationError(f"invalid argument for {name} (type {type_of(value)})")
        number = to_float(value)
        if not math.isfinite(number):
            return number
        return math.copysign(float(compute(number)), number)

    return apply


def _round_half_away(number: float) -> float:
    whole = math.floor(abs(number))
    return math.copysign(whole + (abs(number) - whole >= 0.5), number)


def _extreme(name: str, sign: str) -> Callable[..., Any]:
    """``max`` (``sign`` <) and ``min`` (``sign`` >): of numbers and lists of them, however nested."""

    def better(best: Any, value: Any) -> bool:
        compared = order(sign, best, value)
        return compared < 0 if sign == "<" else compared > 0

    def apply(m: Machine, *arguments: Any) -> Any:
        if len(arguments) == 1 and not _is_list(arguments[0]) and not isinstance(arguments[0], SizedInt):
            return arguments[0]
        best: Any = None
        for value in _numbers(m, name, arguments):
            if best is None or better(best, value):
                best = value
        return best

    return apply


def _numbers(m: Machine, name: str, values: tuple[Any, ...]) -> Iterator[Any]:
    """The numbers in ``values`` and in the lists among them, in order."""
    open_lists = [iter(values)]
    while open_lists:
        for value in open_lists[-1]:
            m.spend(1)
            if type(value) in FLOATS or isinstance(value, SizedInt):
                yield value
            elif _is_list(value):
                if len(open_lists) > _MAX_NESTING:
                    raise EvaluationError("recursion depth exceeded")
                open_lists.append(iter(items_of(value)))
                break
            else:
                raise EvaluationError(f"invalid argument for {name} (type {type_of(value)})")
        else:
            open_lists.pop()


def _mean(m: Machine, *arguments: Any) -> float:
    total, count = 0.0, 0
    for value in _numbers(m, "mean", arguments):
        total += float(value)
        count += 1
    return total / count if count else 0.0


def _median(m: Machine, *arguments: Any) -> float:
    values = [float(value) for value in _numbers(m, "median", arguments)]
    if any(value != value for value in values):
        values.sort(key=lambda value: (value == value, value))
        middle = len(values) // 2
        return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2
    return float(statistics.median(values)) if values else 0.0


def _whole(name: str, value: Any) -> int:
    if not is_integer(value):
        raise EvaluationError(f"cannot use {type_of(value)} as argument (type int) to call {name}")
    return int(value)


def _bits(name: str, compute: Callable[[int, int], int]) -> Callable[[Machine, Any, Any], Int]:
    def apply(m: Machine, x: Any, y: Any) -> Int:
        return wrap(compute(_whole(name, x), _whole(name, y)))

    return apply


def _shift(name: str, compute: Callable[[int, int], int]) -> Callable[[Machine, Any, Any], Int]:
    def apply(m: Machine, x: Any, y: Any) -> Int:
        number, count = _whole(name, x), _whole(name, y)
        if count < 0:
            raise EvaluationError(f"invalid operation: negative shift count {count} (type int)")
        return wrap(compute(number, min(count, 64)))

    return apply


NUMBER: dict[str, Any] = {
    "abs": _abs,
    "ceil": _rounding("ceil", math.ceil),
    "floor": _rounding("floor", math.floor),
    "round": _rounding("round", _round_half_away),
    "int": convert_int,
    "float": convert_float,
    "max": _extreme("max", "<"),
    "min": _extreme("min", ">"),
    "mean": _mean,
    "median": _median,
    "bitand": _bits("bitand", lambda x, y: x & y),
    "bitor": _bits("bitor", lambda x, y: x | y),
    "bitxor": _bits("bitxor", lambda x, y: x ^ y),
    "bitnand": _bits("bitnand", lambda x, y: x & ~y),
    "bitshl": _shift("bitshl", lambda x, y: x << y),
    "bitshr": _shift("bitshr", lambda x, y: x >> y),
    "bitushr": _shift("bitushr", lambda x, y: (x & _WORD) >> y),
    "bitnot": lambda m, x: wrap(~_whole("bitnot", x)),
}
