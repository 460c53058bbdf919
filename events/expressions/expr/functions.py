"""What an environment brings besides the event: nothing, or the helpers of ``submit.metadata`` and of source filters.

``asInt``, ``asFloat``, ``toJson``, ``jsonpath`` and ``sprig.<name>`` (spec: argo-workflows-events.md §4.5, argo-events.md §3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from events.errors import EvaluationError
from events.expressions.expr.builtins_number import convert_float, convert_own_int
from events.expressions.expr.jsonpath import query
from events.expressions.expr.types import ANY, MAP, STRING, Nature, func
from events.expressions.expr.values import Callee, weigh
from events.expressions.golang.functions import Function
from events.expressions.golang.jsons import decode_json, encode_json

__all__ = ["HELPERS", "PLAIN", "Functions"]


@dataclass(frozen=True)
class Functions:
    """Names beside those of the event: what is known of them when compiling, and how their values are made."""

    name: str
    natures: Mapping[str, Nature]
    make: Callable[[], dict[str, Any]]

    @cached_property
    def values(self) -> dict[str, Any]:
        """The values, made when first asked for."""
        return self.make()


def _to_json(value: Any) -> str:
    weigh(value)
    try:
        return encode_json(value)
    except EvaluationError:
        return ""


def _refused(name: str, reason: str) -> Function:
    def refuse(*_: Any) -> Any:
        raise EvaluationError(f"{name} is not available: {reason}")

    return Function(name, refuse, ("any...",))


def _helpers() -> dict[str, Any]:
    from events.expressions import sprig

    known = {name: Callee(function) for name, function in sprig.FUNCTIONS.items()}
    for name, reason in sprig.REFUSED.items():
        if name not in ("env", "expandenv"):
            known[name] = Callee(_refused(name, reason))
    return {
        "asInt": Callee(Function("asInt", lambda value: convert_own_int(None, value), ("any",))),  # type: ignore[arg-type]
        "asFloat": Callee(Function("asFloat", lambda value: convert_float(None, value), ("any",))),  # type: ignore[arg-type]
        "toJson": Callee(Function("toJson", _to_json, ("any",))),
        "jsonpath": Callee(
            Function("jsonpath", lambda text, path: query(decode_json(text), path), ("string", "string"))
        ),
        "sprig": known,
    }


PLAIN = Functions("plain", {}, dict)

HELPERS = Functions(
    "helpers",
    {
        "asInt": Nature(func(ANY, out=ANY)),
        "asFloat": Nature(func(ANY, out=ANY)),
        "toJson": Nature(func(ANY, out=STRING)),
        "jsonpath": Nature(func(STRING, STRING, out=ANY)),
        "sprig": Nature(MAP),
    },
    _helpers,
)
