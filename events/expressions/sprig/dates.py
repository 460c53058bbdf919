"""sprig's dates. The time is the one of the evaluation, local time is UTC.

Follows https://masterminds.github.io/sprig/date.html and its sources, v3.3.
"""

from __future__ import annotations

from typing import Any

from events.errors import EvaluationError
from events.expressions.golang import time_methods as _methods  # noqa: F401 - gives times their methods
from events.expressions.golang.durations import Duration, parse_duration
from events.expressions.golang.functions import Context, Function, by_name
from events.expressions.golang.layouts import format_time, parse_time
from events.expressions.golang.numbers import parse_saturated
from events.expressions.golang.times import (
    LOCAL,
    UTC_LOCATION,
    ZERO_TIME,
    Time,
    load_location,
)
from events.expressions.golang.values import Int, Int64, wrap_int64

__all__ = ["FUNCTIONS"]

_SECOND = 10**9
_HTML_DATE = "2006-01-02"
_SPANS = (("y", 365 * 86_400), ("mo", 30 * 86_400), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


def _now(context: Context) -> Time:
    return Time.of(context.now)


def _time_of(context: Context, value: Any) -> Time:
    """A time, or whole seconds since 1970; anything else (also a JSON number, which is a float) is now."""
    if isinstance(value, Time):
        return value
    if type(value) in (Int, Int64):
        return Time(int(value), 0, LOCAL)
    return _now(context)


def _date_in_zone(context: Context, layout: str, value: Any, zone: str) -> str:
    return format_time(_time_of(context, value).in_location(load_location(zone) or UTC_LOCATION), layout)


def _date(context: Context, layout: str, value: Any) -> str:
    return _date_in_zone(context, layout, value, "Local")


def _html_date(context: Context, value: Any) -> str:
    return _date_in_zone(context, _HTML_DATE, value, "Local")


def _html_date_in_zone(context: Context, value: Any, zone: str) -> str:
    return _date_in_zone(context, _HTML_DATE, value, zone)


def _date_modify(text: str, time: Time) -> Time:
    try:
        return time.add(parse_duration(text))
    except EvaluationError:
        return time


def _must_date_modify(text: str, time: Time) -> Time:
    return time.add(parse_duration(text))


def _ago(context: Context, value: Any) -> str:
    return str(_now(context).since(_time_of(context, value)).rounded(_SECOND))


def _duration(value: Any) -> str:
    seconds = parse_saturated(value) if type(value) is str else value if type(value) is Int64 else 0
    return str(Duration(wrap_int64(seconds * _SECOND)))


def _duration_round(context: Context, value: Any) -> str:
    """The largest unit that fits: ``2mo``."""
    span = 0
    if type(value) is str:
        try:
            span = parse_duration(value)
        except EvaluationError:
            span = 0
    elif type(value) is Int64:
        span = value
    elif isinstance(value, Time):
        span = _now(context).since(value)
    size = abs(span)
    return next((f"{size // (unit * _SECOND)}{name}" for name, unit in _SPANS if size > unit * _SECOND), "0s")


def _to_date(layout: str, text: str) -> Time:
    try:
        return parse_time(layout, text)
    except EvaluationError:
        return ZERO_TIME


def _unix_epoch(time: Time) -> str:
    return str(time.unix)


FUNCTIONS = by_name(
    [
        Function("ago", _ago, ("any",), needs_context=True),
        Function("date", _date, ("string", "any"), needs_context=True),
        Function("dateInZone", _date_in_zone, ("string", "any", "string"), needs_context=True),
        Function("date_in_zone", _date_in_zone, ("string", "any", "string"), needs_context=True),
        Function("dateModify", _date_modify, ("string", "time.Time")),
        Function("date_modify", _date_modify, ("string", "time.Time")),
        Function("mustDateModify", _must_date_modify, ("string", "time.Time")),
        Function("must_date_modify", _must_date_modify, ("string", "time.Time")),
        Function("duration", _duration, ("any",)),
        Function("durationRound", _duration_round, ("any",), needs_context=True),
        Function("htmlDate", _html_date, ("any",), needs_context=True),
        Function("htmlDateInZone", _html_date_in_zone, ("any", "string"), needs_context=True),
        Function("mustToDate", parse_time, ("string", "string")),
        Function("now", _now, needs_context=True),
        Function("toDate", _to_date, ("string", "string")),
        Function("unixEpoch", _unix_epoch, ("time.Time",)),
    ]
)
