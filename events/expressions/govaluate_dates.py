"""String literals that look like a date or a time of day: for govaluate they are numbers, seconds since 1970.

This follows ``tryParseTime`` of govaluate and what Go's ``time.Parse`` accepts for its fourteen layouts: one-digit hours, any run of
spaces where a layout has one, a fraction of a second after any seconds. Times without a zone are UTC.
https://github.com/Knetic/govaluate/blob/9aa49832a739/parsing.go, https://pkg.go.dev/time#Parse
"""

from __future__ import annotations

import re

__all__ = ["unix_seconds"]

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONGEST = 1024  # characters; only a fraction of a second could be longer

_DATE = r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
_MINUTES = r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})"
_SECONDS = _MINUTES + r":(?P<second>[0-9]{2})(?:[.,][0-9]+)?"
_OFFSET = r"(?P<sign>[+-])(?P<offset_hour>[0-9]{2})(?P<offset_minute>[0-9]{2})"
_OFFSET_WITH_COLON = _OFFSET.replace("(?P<offset_minute>", ":(?P<offset_minute>")
_DAY_AND_MONTH = r"(?i:sun|mon|tue|wed|thu|fri|sat) +(?P<name>(?i:" + "|".join(_MONTHS) + ")) +"
_HOURS_FROM_UTC = r"[+-]0*(?:1?[0-9]|2[0-3])"
_ZONE_NAME = rf"(?:UTC|ChST|MeST|GMT(?:{_HOURS_FROM_UTC})?|{_HOURS_FROM_UTC}|(?!UTC|GMT)(?:[A-Z]{{3}}|[A-Z]{{3}}T|WITA|[A-Z]{{4}}T))"

_LAYOUTS = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        rf"{_DAY_AND_MONTH}(?P<day>[0-9]{{1,2}}) +{_SECONDS} +(?P<year>[0-9]{{4}})",  # ANSIC
        rf"{_DAY_AND_MONTH}(?P<day>[0-9]{{1,2}}) +{_SECONDS} +{_ZONE_NAME} +(?P<year>[0-9]{{4}})",  # UnixDate
        rf"{_DAY_AND_MONTH}(?P<day>[0-9]{{2}}) +{_SECONDS} +{_OFFSET} +(?P<year>[0-9]{{4}})",  # RubyDate
        r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?P<half>[AP]M)",  # Kitchen
        rf"{_DATE}T{_SECONDS}(?:Z|{_OFFSET_WITH_COLON})",  # RFC 3339
        _DATE,
        rf"{_DATE} +{_MINUTES}",
        rf"{_DATE} +{_SECONDS}",
        rf"{_DATE} +{_SECONDS}{_OFFSET_WITH_COLON}",
        rf"{_DATE}T(?P<hour>[0-9]{{1,2}})(?:Z|{_OFFSET})",  # ISO 8601 with hours, minutes, seconds
        rf"{_DATE}T{_MINUTES}(?:Z|{_OFFSET})",
        rf"{_DATE}T{_SECONDS}(?:Z|{_OFFSET})",
    )
)


def unix_seconds(text: str) -> float | None:
    """Whole seconds since 1970-01-01 UTC, or None where ``text`` is no date. A time of day alone is of 1 January of year 0."""
    if len(text) > _LONGEST or not text.isascii():
        return None
    for layout in _LAYOUTS:
        match = layout.fullmatch(text)
        if match is not None:
            seconds = _seconds({key: value for key, value in match.groupdict().items() if value is not None})
            if seconds is not None:
                return seconds
    return None


def _seconds(parts: dict[str, str]) -> float | None:
    """The moment of the parts of a date, None where one is out of its range."""
    hour, minute, second = (int(parts.get(key, 0)) for key in ("hour", "minute", "second"))
    if "half" in parts:
        if hour > 12:
            return None
        hour = hour % 12 + (12 if parts["half"] == "PM" else 0) if hour else 12 * (parts["half"] == "PM")
    year, day = int(parts.get("year", 0)), int(parts.get("day", 1))
    month = _MONTHS.index(parts["name"].lower()) + 1 if "name" in parts else int(parts.get("month", 1))
    if hour > 23 or minute > 59 or second > 59 or not 1 <= month <= 12 or not 1 <= day <= _month_length(year, month):
        return None
    offset_hour, offset_minute = int(parts.get("offset_hour", 0)), int(parts.get("offset_minute", 0))
    if offset_hour > 24 or offset_minute > 60:
        return None
    offset = (offset_hour * 60 + offset_minute) * 60 * (-1 if parts.get("sign") == "-" else 1)
    return float(_days(year, month, day) * 86400 + (hour * 60 + minute) * 60 + second - offset)


def _month_length(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _days(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 in the Gregorian calendar, also for year 0, which Python's ``date`` doesn't have."""
    year, month = (
        (year, month - 3) if month > 2 else (year - 1, month + 9)
    )  # years begin in March: the leap day is the last
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * month + 2) // 5 + day - 1 - 719468
