"""How sprig makes a number of anything: what cannot be read counts as 0. Follows https://pkg.go.dev/github.com/spf13/cast v1.10."""

from __future__ import annotations

import re
from typing import Any

from events.expressions.golang.numbers import parse_float, parse_int
from events.expressions.golang.values import SizedInt, float_to_int64, wrap_int64

__all__ = ["to_float", "to_int"]

_DECIMAL = re.compile(r"([-+]?[0-9]*)(\.[0-9]*)?")


def to_int(value: Any) -> int:
    """The ``int64`` of a value: floats lose their fraction, texts may have a prefix (``0x1f``, ``017``) or a fraction."""
    if isinstance(value, SizedInt):
        return wrap_int64(value)
    if value is None or isinstance(value, bool):
        return int(bool(value))
    if isinstance(value, (int, float)):
        return float_to_int64(float(value))
    if type(value) is str:
        return parse_int(_without_fraction(value), base=0) or 0
    return 0


def _without_fraction(text: str) -> str:
    match = _DECIMAL.fullmatch(text) if "." in text else None
    if match is None:
        return text
    whole = match.group(1)
    return whole if whole[-1:].isdigit() else whole + "0"


def to_float(value: Any) -> float:
    """The ``float64`` of a value."""
    if isinstance(value, (int, float)):
        return float(value)
    if type(value) is str:
        return parse_float(value) or 0.0
    return 0.0
