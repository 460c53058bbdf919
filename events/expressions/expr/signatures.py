"""What the built-in functions take and give, as far as it is checked when compiling.

A function has overloads (each a function type), or a ``check`` that looks at the arguments' types itself and raises
``ValueError`` with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from events.expressions.expr.dialect import Dialect
from events.expressions.expr.grammar import builtin_names, predicates
from events.expressions.expr.types import (
    ANY,
    ANY_MAP,
    ANYS,
    BOOL,
    DURATION,
    FLOAT,
    INT,
    INTS,
    LOCATION,
    STRING,
    STRINGS,
    TIME,
    FuncType,
    GoType,
    func,
    slice_of,
)

__all__ = ["Signature", "signatures"]

Check = Callable[[Sequence[GoType]], GoType]

_FLOATS = slice_of(FLOAT)
_NUMBERS = frozenset({"int", "int64", "uint8", "float64"})
_LISTS = frozenset({"interface", "slice", "array"})


@dataclass(frozen=True)
class Signature:
    """One built-in function: the type that its bare name has, and how a call of it is checked."""

    name: str
    overloads: tuple[FuncType, ...] = ()
    check: Check | None = None

    @property
    def type(self) -> FuncType:
        """The type of the bare name."""
        return self.overloads[0] if self.overloads else _ANY_FUNCTION


_ANY_FUNCTION = func(ANY, out=(ANY, ANY), variadic=True)


def _kind(argument: GoType) -> str:
    return argument.kind


def _count(arguments: Sequence[GoType], *allowed: int) -> None:
    if len(arguments) not in allowed:
        expected = " or ".join(map(str, allowed))
        raise ValueError(f"invalid number of arguments (expected {expected}, got {len(arguments)})")


def _unary(name: str, kinds: frozenset[str], gives: GoType | None) -> Check:
    """One argument of one of ``kinds``; the result is ``gives``, or the argument's type."""

    def check(arguments: Sequence[GoType]) -> GoType:
        _count(arguments, 1)
        if _kind(arguments[0]) not in kinds:
            raise ValueError(f"invalid argument for {name} (type {arguments[0]})")
        return gives or arguments[0]

    return check


def _end(what: str) -> Check:
    def check(arguments: Sequence[GoType]) -> GoType:
        _count(arguments, 1)
        if _kind(arguments[0]) not in _LISTS:
            raise ValueError(f"cannot get {what} element from {arguments[0]}")
        return arguments[0].elem or ANY

    return check


def _take(arguments: Sequence[GoType]) -> GoType:
    _count(arguments, 2)
    if _kind(arguments[0]) not in _LISTS:
        raise ValueError(f"cannot take from {arguments[0]}")
    if _kind(arguments[1]) not in ("interface", "int", "int64"):
        raise ValueError(f"cannot take {arguments[1]} elements")
    return arguments[0]


def _concat(arguments: Sequence[GoType]) -> GoType:
    if not arguments:
        raise ValueError("invalid number of arguments (expected at least 1, got 0)")
    for argument in arguments:
        if _kind(argument) not in _LISTS:
            raise ValueError(f"cannot concat {argument}")
    return ANYS


def _aggregate(name: str, *, lists: bool) -> Check:
    """Numbers, and lists of them; the result is what the first argument is."""

    def check(arguments: Sequence[GoType]) -> GoType:
        if not arguments:
            raise ValueError(f"not enough arguments to call {name}")
        for argument in arguments:
            kind = _kind(argument)
            if kind == "interface" or (lists and kind in _LISTS):
                return ANY
            if kind not in _NUMBERS:
                raise ValueError(f"invalid argument for {name} (type {argument})")
        return arguments[0]

    return check


def _of_list(name: str, gives: GoType) -> Check:
    def check(arguments: Sequence[GoType]) -> GoType:
        _count(arguments, 1)
        if _kind(arguments[0]) not in _LISTS:
            raise ValueError(f"cannot {name} {arguments[0]}")
        return gives

    return check


def _now(arguments: Sequence[GoType]) -> GoType:
    if arguments and not (len(arguments) == 1 and arguments[0].assignable_to(LOCATION)):
        raise ValueError(f"invalid number of arguments (expected 0, got {len(arguments)})")
    return TIME


def _date(arguments: Sequence[GoType]) -> GoType:
    if not arguments:
        raise ValueError("invalid number of arguments (expected at least 1, got 0)")
    rest = arguments[1:] if arguments[0].assignable_to(LOCATION) else arguments
    if len(rest) > 3:
        raise ValueError(f"invalid number of arguments (expected at most 3, got {len(rest)})")
    return TIME


def _early_sort(fields: int) -> Check:
    """1.15: ``sort(list, order?)`` and ``sortBy(list, field, order?)``, all texts but the first."""

    def check(arguments: Sequence[GoType]) -> GoType:
        _count(arguments, 1 + fields, 2 + fields)
        if _kind(arguments[0]) not in _LISTS:
            raise ValueError(f"cannot sort {arguments[0]}")
        for argument in arguments[1:]:
            if _kind(argument) not in ("string", "interface"):
                raise ValueError(f"invalid argument for sort (expected string, got {argument})")
        return ANYS

    return check


_MAPS = frozenset({"interface", "map"})
_TEXT_TO_TEXT = func(STRING, out=STRING)
_TEXTS_TO_TEXT = func(STRING, STRING, out=STRING)
_TRIM = (_TEXT_TO_TEXT, _TEXTS_TO_TEXT)
_CUT = (_TEXTS_TO_TEXT, _TEXT_TO_TEXT)
_SPLIT = (func(STRING, STRING, out=STRINGS), func(STRING, STRING, INT, out=STRINGS))
_FIND = (func(STRING, STRING, out=INT),)
_TEST = (func(STRING, STRING, out=BOOL),)
_BITS = (func(INT, INT, out=INT),)
_PREDICATE_TYPE = func(ANYS, func(ANY, out=BOOL), out=ANY)

_OVERLOADS: dict[str, tuple[FuncType, ...]] = {
    "type": (func(ANY, out=STRING),),
    "string": (func(ANY, out=STRING),),
    "trim": _TRIM,
    "trimPrefix": _CUT,
    "trimSuffix": _CUT,
    "upper": (_TEXT_TO_TEXT,),
    "lower": (_TEXT_TO_TEXT,),
    "split": _SPLIT,
    "splitAfter": _SPLIT,
    "replace": (func(STRING, STRING, STRING, INT, out=STRING), func(STRING, STRING, STRING, out=STRING)),
    "repeat": (func(STRING, INT, out=STRING),),
    "join": (
        func(STRINGS, STRING, out=STRING),
        func(ANYS, STRING, out=STRING),
        func(ANYS, out=STRING),
        func(STRINGS, out=STRING),
    ),
    "indexOf": _FIND,
    "lastIndexOf": _FIND,
    "hasPrefix": _TEST,
    "hasSuffix": _TEST,
    "toJSON": (func(ANY, out=STRING),),
    "fromJSON": (func(STRING, out=ANY),),
    "toBase64": (_TEXT_TO_TEXT,),
    "fromBase64": (_TEXT_TO_TEXT,),
    "duration": (func(STRING, out=(DURATION, ANY)),),
    "timezone": (func(STRING, out=(LOCATION, ANY)),),
    "sort": tuple(
        func(elements, *order, out=ANYS) for order in ((STRING,), ()) for elements in (ANYS, INTS, _FLOATS, STRINGS)
    ),
    **dict.fromkeys(("bitand", "bitor", "bitxor", "bitnand", "bitshl", "bitshr", "bitushr"), _BITS),
    "bitnot": (func(INT, out=INT),),
}

_CHECKS: dict[str, Check] = {
    "len": _unary("len", frozenset({"array", "map", "slice", "string", "interface"}), INT),
    "abs": _unary("abs", _NUMBERS | {"interface"}, None),
    "ceil": _unary("ceil", _NUMBERS | {"interface"}, FLOAT),
    "floor": _unary("floor", _NUMBERS | {"interface"}, FLOAT),
    "round": _unary("round", _NUMBERS | {"interface"}, FLOAT),
    "int": _unary("int", _NUMBERS | {"interface", "string"}, INT),
    "float": _unary("float", _NUMBERS | {"interface", "string"}, FLOAT),
    **{name: _aggregate(name, lists=True) for name in ("max", "min", "mean", "median")},
    "now": _now,
    "date": _date,
    "first": _end("first"),
    "last": _end("last"),
    "take": _take,
    "keys": _unary("keys", _MAPS, ANYS),
    "values": _unary("values", _MAPS, ANYS),
    "toPairs": _unary("toPairs", _MAPS, ANYS),
    "fromPairs": _of_list("fromPairs", ANY_MAP),
    "reverse": _of_list("reverse", ANYS),
    "uniq": _of_list("uniq", ANYS),
    "concat": _concat,
    "flatten": _of_list("flatten", ANYS),
}

_EARLY_CHECKS: dict[str, Check] = {
    **_CHECKS,
    "max": _aggregate("max", lists=False),
    "min": _aggregate("min", lists=False),
    "sum": _of_list("sum", ANY),
    "mean": _of_list("avg", FLOAT),
    "median": _of_list("median", FLOAT),
    "sort": _early_sort(0),
    "sortBy": _early_sort(1),
}

_EARLY_OVERLOADS: dict[str, tuple[FuncType, ...]] = {
    **_OVERLOADS,
    "now": (func(out=TIME),),
    "date": tuple(func(*(STRING,) * count, out=TIME) for count in (1, 2, 3)),
}


@cache
def signatures(dialect: Dialect) -> dict[str, Signature]:
    """All built-in functions of a dialect."""
    checks, overloads = (_CHECKS, _OVERLOADS) if dialect.sequences else (_EARLY_CHECKS, _EARLY_OVERLOADS)
    table: dict[str, Signature] = {}
    for name in builtin_names(dialect):
        if name in predicates(dialect):
            table[name] = Signature(name, (_PREDICATE_TYPE,))
        elif name in checks and not (name in overloads and not dialect.sequences and name in ("now", "date")):
            table[name] = Signature(name, check=checks[name])
        else:
            table[name] = Signature(name, overloads.get(name, ()))
    return table
