"""Operators with their precedence, and the names of the built-in functions of each dialect."""

from __future__ import annotations

from functools import cache

from events.expressions.expr.dialect import Dialect

__all__ = ["BINARY", "COMPARISONS", "NEGATABLE", "RIGHT", "UNARY", "builtin_names", "predicates"]

BINARY = {
    "|": 0,
    "or": 10,
    "||": 10,
    "and": 15,
    "&&": 15,
    **dict.fromkeys(("==", "!=", "<", ">", ">=", "<=", "in", "matches", "contains", "startsWith", "endsWith"), 20),
    "..": 25,
    "+": 30,
    "-": 30,
    "*": 60,
    "/": 60,
    "%": 60,
    "**": 100,
    "^": 100,
    "??": 500,
}
UNARY = {"not": 50, "!": 50, "-": 90, "+": 90}
RIGHT = frozenset({"**", "^"})
COMPARISONS = frozenset({"<", ">", ">=", "<="})
NEGATABLE = frozenset({"in", "matches", "contains", "startsWith", "endsWith"})

_PREDICATE = ("list", "predicate")
_PREDICATES = {
    **dict.fromkeys(
        ("all", "none", "any", "one", "filter", "map", "find", "findIndex", "findLast", "findLastIndex", "groupBy"),
        _PREDICATE,
    ),
    "count": ("list", "predicate?"),
    "sum": ("list", "predicate?"),
    "sortBy": ("list", "predicate", "order?"),
    "reduce": ("list", "predicate", "initial?"),
}
_EARLY_PREDICATES = {
    **{name: parameters for name, parameters in _PREDICATES.items() if name not in ("sum", "sortBy")},
    "count": _PREDICATE,
}

_FUNCTIONS = frozenset(
    [
        "len",
        "type",
        "abs",
        "ceil",
        "floor",
        "round",
        "int",
        "float",
        "string",
        "trim",
        "trimPrefix",
        "trimSuffix",
        "upper",
        "lower",
        "split",
        "splitAfter",
        "replace",
        "repeat",
        "join",
        "indexOf",
        "lastIndexOf",
        "hasPrefix",
        "hasSuffix",
        "max",
        "min",
        "mean",
        "median",
        "toJSON",
        "fromJSON",
        "toBase64",
        "fromBase64",
        "now",
        "duration",
        "date",
        "first",
        "last",
        "get",
        "take",
        "keys",
        "values",
        "toPairs",
        "fromPairs",
        "sort",
    ]
)
_LATER = frozenset(
    [
        "timezone",
        "reverse",
        "uniq",
        "concat",
        "flatten",
        "bitand",
        "bitor",
        "bitxor",
        "bitnand",
        "bitshl",
        "bitshr",
        "bitushr",
        "bitnot",
    ]
)


def predicates(dialect: Dialect) -> dict[str, tuple[str, ...]]:
    """The functions that run a predicate, with their parameters (``?`` marks what may be left out)."""
    return _PREDICATES if dialect.sequences else _EARLY_PREDICATES


@cache
def builtin_names(dialect: Dialect) -> frozenset[str]:
    """All built-in functions."""
    early = _FUNCTIONS | frozenset(predicates(dialect))
    return early | _LATER if dialect.sequences else early | {"sum", "sortBy"}
