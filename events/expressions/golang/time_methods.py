"""What a template may call on Go's times and durations (``{{ (now).Year }}``). Follows https://pkg.go.dev/time."""

from __future__ import annotations

from events.expressions.golang.durations import MAX_DURATION, Duration
from events.expressions.golang.functions import Function, by_name
from events.expressions.golang.layouts import format_time
from events.expressions.golang.times import LOCAL, UTC_LOCATION, ZERO_TIME, Location, Month, Time, Weekday
from events.expressions.golang.values import Int, Int64, wrap_int64

__all__: list[str] = []


def _quotient(number: int, divisor: int) -> int:
    quotient = abs(number) // divisor
    return -quotient if number < 0 else quotient


def _rounded(time: Time, unit: int, *, half: bool) -> Time:
    if unit <= 0:
        return time
    rest = (time.nanoseconds - ZERO_TIME.nanoseconds) % unit
    return time.add(unit - rest if half and rest * 2 >= unit else -rest)


Duration.methods = by_name(
    [
        Function("Hours", lambda d: d / 3.6e12),
        Function("Minutes", lambda d: d / 6e10),
        Function("Seconds", lambda d: d / 1e9),
        Function("Milliseconds", lambda d: Int64(_quotient(d, 10**6))),
        Function("Microseconds", lambda d: Int64(_quotient(d, 1000))),
        Function("Nanoseconds", lambda d: Int64(d)),
        Function("Abs", lambda d: Duration(min(abs(d), MAX_DURATION))),
        Function("Round", Duration.rounded, ("time.Duration",)),
        Function("Truncate", Duration.truncated, ("time.Duration",)),
        Function("String", str),
    ]
)
_ONLY_TEXT = by_name([Function("String", str)])
Month.methods = _ONLY_TEXT
Weekday.methods = _ONLY_TEXT
Location.methods = _ONLY_TEXT
Time.methods = by_name(
    [
        Function("Format", format_time, ("string",)),
        Function("String", str),
        Function("Year", lambda t: Int(t.date[0])),
        Function("Month", lambda t: Month(t.date[1])),
        Function("Day", lambda t: Int(t.date[2])),
        Function("Hour", lambda t: Int(t.clock[0])),
        Function("Minute", lambda t: Int(t.clock[1])),
        Function("Second", lambda t: Int(t.clock[2])),
        Function("Nanosecond", lambda t: Int(t.nanosecond)),
        Function("YearDay", lambda t: Int(t.year_day)),
        Function("Weekday", lambda t: t.weekday),
        Function("Unix", lambda t: Int64(t.unix)),
        Function("UnixMilli", lambda t: wrap_int64(t.nanoseconds // 10**6)),
        Function("UnixMicro", lambda t: wrap_int64(t.nanoseconds // 1000)),
        Function("UnixNano", lambda t: wrap_int64(t.nanoseconds)),
        Function("UTC", lambda t: t.in_location(UTC_LOCATION)),
        Function("Local", lambda t: t.in_location(LOCAL)),
        Function("In", Time.in_location, ("*time.Location",)),
        Function("Location", lambda t: t.location),
        Function("IsZero", lambda t: t.nanoseconds == ZERO_TIME.nanoseconds),
        Function("Add", Time.add, ("time.Duration",)),
        Function("AddDate", Time.add_date, ("int", "int", "int")),
        Function("Sub", Time.since, ("time.Time",)),
        Function("After", lambda t, u: t.nanoseconds > u.nanoseconds, ("time.Time",)),
        Function("Before", lambda t, u: t.nanoseconds < u.nanoseconds, ("time.Time",)),
        Function("Equal", lambda t, u: t.nanoseconds == u.nanoseconds, ("time.Time",)),
        Function(
            "Compare",
            lambda t, u: Int((t.nanoseconds > u.nanoseconds) - (t.nanoseconds < u.nanoseconds)),
            ("time.Time",),
        ),
        Function("Round", lambda t, d: _rounded(t, d, half=True), ("time.Duration",)),
        Function("Truncate", lambda t, d: _rounded(t, d, half=False), ("time.Duration",)),
    ]
)
