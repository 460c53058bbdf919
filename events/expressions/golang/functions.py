"""A Go function that programs may call: its parameter types, and how arguments are checked against them.

Go checks types at each call (``text/template`` and ``reflect``): an ``int`` parameter takes an ``int`` and neither an
``int64`` nor a ``float64``; ``nil`` goes where an interface or a map is wanted.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from events.errors import EvaluationError
from events.expressions.golang.values import Int, StringMap, type_of

__all__ = ["CHECKS", "Context", "Function", "by_name"]


class Context:
    """What an evaluation may know of the world: the time, and a seed from which all random values follow.

    The same seed gives the same random values, so that a retried event is submitted with the same names. They are not secret.
    """

    def __init__(self, now: Callable[[], datetime] | None = None, seed: bytes = b"") -> None:
        self._now = now
        self._seed = seed

    @cached_property
    def now(self) -> datetime:
        """The time of the evaluation, the same for all of its calls. Raises ``EvaluationError`` when none was given."""
        if self._now is None:
            raise EvaluationError("the time is not known here")
        now = self._now()
        return now if now.tzinfo is not None else now.replace(tzinfo=UTC)

    @cached_property
    def random(self) -> random.Random:
        """The source of random values, started from the seed."""
        return random.Random(self._seed)


_NO_CONTEXT = Context()


@dataclass(frozen=True)
class Function:
    """One function: ``parameters`` are Go types, a last one ending in ``...`` takes any number of arguments.

    Called directly it checks its arguments and raises ``EvaluationError``; ``implementation`` takes checked arguments. With
    ``needs_context`` a ``Context`` goes first; ``mutates`` tells that the first argument may be changed in place;
    ``heavy`` that the time of a call does not follow from the length of its arguments.
    """

    name: str
    implementation: Callable[..., Any]
    parameters: tuple[str, ...] = ()
    needs_context: bool = False
    mutates: bool = False
    heavy: bool = False
    variadic: str | None = field(init=False)
    fixed: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        last = self.parameters[-1] if self.parameters else ""
        variadic = last.endswith("...")
        object.__setattr__(self, "variadic", last[:-3] if variadic else None)
        object.__setattr__(self, "fixed", self.parameters[:-1] if variadic else self.parameters)

    def check_count(self, count: int) -> None:
        """Raise ``EvaluationError`` when the function does not take ``count`` arguments."""
        wanted = len(self.fixed)
        if self.variadic is not None:
            if count < wanted:
                raise EvaluationError(f"wrong number of args for {self.name}: want at least {wanted} got {count}")
        elif count != wanted:
            raise EvaluationError(f"wrong number of args for {self.name}: want {wanted} got {count}")

    def parameter(self, index: int) -> str:
        """The type of the argument at ``index``."""
        return self.fixed[index] if index < len(self.fixed) else self.variadic or "any"

    def __call__(self, *arguments: Any, context: Context = _NO_CONTEXT) -> Any:
        """Check the arguments and call. Raises ``EvaluationError``."""
        self.check_count(len(arguments))
        checked = [CHECKS[self.parameter(i)](argument) for i, argument in enumerate(arguments)]
        return self.implementation(context, *checked) if self.needs_context else self.implementation(*checked)


def by_name(functions: Iterable[Function]) -> dict[str, Function]:
    """The functions under their names."""
    return {function.name: function for function in functions}


def _refuse(wanted: str, value: Any) -> EvaluationError:
    if value is None:
        return EvaluationError(f"invalid value; expected {wanted}")
    return EvaluationError(f"wrong type for value; expected {wanted}; got {type_of(value)}")


def _any(value: Any) -> Any:
    return value


def _string(value: Any) -> Any:
    if type(value) is str:
        return value
    raise _refuse("string", value)


def _int(value: Any) -> Any:
    if type(value) is Int:
        return value
    raise _refuse("int", value)


def _bool(value: Any) -> Any:
    if value is True or value is False:
        return value
    raise _refuse("bool", value)


def _float64(value: Any) -> Any:
    if type(value) is float or type(value) is int:
        return float(value)
    raise _refuse("float64", value)


def _map(value: Any) -> Any:
    if value is None or (isinstance(value, dict) and not isinstance(value, StringMap)):
        return value
    raise _refuse("map[string]interface {}", value)


def _object(go_type: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if value is not None and type_of(value) == go_type:
            return value
        raise _refuse(go_type, value)

    return check


CHECKS: dict[str, Callable[[Any], Any]] = {
    "any": _any,
    "string": _string,
    "int": _int,
    "bool": _bool,
    "float64": _float64,
    "map": _map,
    "uint32": _object("uint32"),
    "time.Time": _object("time.Time"),
    "time.Duration": _object("time.Duration"),
    "*time.Location": _object("*time.Location"),
    "*semver.Version": _object("*semver.Version"),
}
