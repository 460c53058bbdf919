"""Go's ``time.Duration``: nanoseconds, written as ``1h2m3.5s``. Follows https://pkg.go.dev/time#Duration."""

from __future__ import annotations

import re
from typing import ClassVar

from events.errors import EvaluationError
from events.expressions.golang.values import Int64

__all__ = ["MAX_DURATION", "SECOND", "Duration", "parse_duration"]

SECOND = 1_000_000_000
MAX_DURATION = 2**63 - 1
_UNITS = {"ns": 1, "us": 1000, "µs": 1000, "μs": 1000, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]+)")


class Duration(Int64):
    """``time.Duration``: nanoseconds."""

    __slots__ = ()
    go_type: ClassVar[str] = "time.Duration"
    has_text: ClassVar[bool] = True

    def __str__(self) -> str:
        """``1h2m3.5s``; less than a second in ``ms``, ``µs`` or ``ns``."""
        size = abs(int(self))
        sign = "-" if self < 0 else ""
        if size == 0:
            return "0s"
        if size < SECOND:
            unit, factor = ("ns", 1) if size < 1000 else ("µs", 1000) if size < 10**6 else ("ms", 10**6)
            return sign + _decimal(size, factor) + unit
        minutes, rest = divmod(size, 60 * SECOND)
        hours, minutes = divmod(minutes, 60)
        text = _decimal(rest, SECOND) + "s"
        if hours or minutes:
            text = f"{minutes}m{text}"
        return sign + (f"{hours}h" if hours else "") + text

    def rounded(self, unit: int) -> Duration:
        """To the nearest multiple of ``unit``, halves away from zero."""
        if unit <= 0:
            return self
        rest = abs(self) % unit
        size = abs(self) - rest + (unit if rest * 2 >= unit else 0)
        return Duration(max(-(2**63), min(MAX_DURATION, -size if self < 0 else size)))

    def truncated(self, unit: int) -> Duration:
        """Towards zero to a multiple of ``unit``."""
        size = abs(self) - (abs(self) % unit if unit > 0 else 0)
        return Duration(-size if self < 0 else size)


def _decimal(number: int, factor: int) -> str:
    whole, rest = divmod(number, factor)
    fraction = f"{rest:0{len(str(factor)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{fraction}" if fraction else str(whole)


def parse_duration(text: str) -> Duration:
    """``time.ParseDuration``: ``1h30m``, ``-1.5h``, ``0``. Raises ``EvaluationError``."""
    body = text[1:] if text[:1] in ("+", "-") else text
    if body == "0":
        return Duration(0)
    total = at = 0
    for match in _PART.finditer(body):
        whole, fraction, unit = match.group(1), match.group(2) or "", match.group(3)
        if match.start() != at or not (whole or fraction) or unit not in _UNITS or len(whole) > 20:
            break
        total += int(whole or 0) * _UNITS[unit]
        if fraction:
            digits = fraction[:18]
            total += int(float(int(digits)) * (_UNITS[unit] / 10.0 ** len(digits)))
        at = match.end()
    limit = MAX_DURATION + (text[:1] == "-")
    if at != len(body) or not body or total > limit:
        raise EvaluationError(f'time: invalid duration "{text}"')
    return Duration(-total if text[:1] == "-" else total)
