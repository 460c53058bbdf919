"""The built-in functions of each dialect by name; each is called with the machine first."""

from __future__ import annotations

from functools import cache
from typing import Any

from events.expressions.expr.builtins_convert import CONVERT
from events.expressions.expr.builtins_early import EARLY
from events.expressions.expr.builtins_list import LIST
from events.expressions.expr.builtins_number import NUMBER
from events.expressions.expr.builtins_text import TEXT
from events.expressions.expr.dialect import Dialect

__all__ = ["builtins"]


@cache
def builtins(dialect: Dialect) -> dict[str, Any]:
    """All functions that run no predicate."""
    table = {**TEXT, **NUMBER, **LIST, **CONVERT}
    return table if dialect.sequences else {**table, **EARLY}
