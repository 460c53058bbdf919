"""Calls of functions that are values: methods of times, the helpers that the environment brings."""

from __future__ import annotations

from typing import Any

from events.errors import EvaluationError
from events.expressions.expr.dialect import Dialect
from events.expressions.expr.machine import Machine
from events.expressions.expr.values import Callee
from events.expressions.golang.functions import CHECKS
from events.expressions.golang.times import ZERO_TIME
from events.expressions.golang.values import Int, deep_copy, type_of

__all__ = ["call_value"]

_ZEROS: dict[str, Any] = {"string": "", "int": Int(0), "bool": False, "float64": 0.0, "time.Time": ZERO_TIME}
_CALL_COST = 16
_HEAVY_COST = 4096


def call_value(m: Machine, target: Any, arguments: list[Any], dialect: Dialect) -> Any:
    """``target(arguments…)``, each argument of exactly the parameter's type. What changes its argument changes a copy."""
    if target is None:
        raise EvaluationError("invalid operation: cannot call nil")
    if not isinstance(target, Callee):
        raise EvaluationError(f"invalid operation: cannot call non-function of type {type_of(target)}")
    function = target.function
    function.check_count(len(arguments))
    m.spend(_HEAVY_COST if function.heavy else _CALL_COST)
    checked: list[Any] = []
    for index, argument in enumerate(arguments):
        parameter = function.parameter(index)
        if argument is None and dialect.nil_becomes_zero:
            argument = _ZEROS.get(parameter)
        if type(argument) is str:
            m.spend(len(argument) >> 8)
        checked.append(CHECKS[parameter](argument))
    if function.mutates and checked:
        checked[0] = deep_copy(checked[0])
    context = (m.context,) if function.needs_context else ()
    result = function.implementation(*context, *target.bound, *checked)
    if isinstance(result, (list, dict)):
        m.grow(len(result))
    return result
