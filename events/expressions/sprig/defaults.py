"""sprig's functions about what a value is: defaults, conditions, types.

Follows https://masterminds.github.io/sprig/defaults.html and https://masterminds.github.io/sprig/reflection.html with their
sources, v3.3.
"""

from __future__ import annotations

from typing import Any

from events.expressions.golang.functions import Function, by_name
from events.expressions.golang.values import deep_equal, is_empty, kind_of, type_of

__all__ = ["FUNCTIONS"]


def _default(fallback: Any, *given: Any) -> Any:
    return given[0] if given and not is_empty(given[0]) else fallback


def _coalesce(*values: Any) -> Any:
    return next((value for value in values if not is_empty(value)), None)


def _all(*values: Any) -> bool:
    return not any(map(is_empty, values))


def _any(*values: Any) -> bool:
    return not all(map(is_empty, values))


def _ternary(when_true: Any, when_false: Any, condition: bool) -> Any:
    return when_true if condition else when_false


def _type_is(target: str, value: Any) -> bool:
    return target == type_of(value)


def _type_is_like(target: str, value: Any) -> bool:
    return type_of(value) in (target, "*" + target)


def _kind_is(target: str, value: Any) -> bool:
    return target == kind_of(value)


FUNCTIONS = by_name(
    [
        Function("all", _all, ("any...",)),
        Function("any", _any, ("any...",)),
        Function("coalesce", _coalesce, ("any...",)),
        Function("deepEqual", deep_equal, ("any", "any"), heavy=True),
        Function("default", _default, ("any", "any...")),
        Function("empty", is_empty, ("any",)),
        Function("kindIs", _kind_is, ("string", "any")),
        Function("kindOf", kind_of, ("any",)),
        Function("ternary", _ternary, ("any", "any", "bool")),
        Function("typeIs", _type_is, ("string", "any")),
        Function("typeIsLike", _type_is_like, ("string", "any")),
        Function("typeOf", type_of, ("any",)),
    ]
)
