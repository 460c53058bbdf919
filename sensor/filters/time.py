"""Step 6 · time filter: a daily window around the event's own time (spec §1.3.5)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from events.errors import EvaluationError
from events.models.event import Event
from events.models.sensor import TimeFilter
from events.models.values import Verdict, VerdictKind
from sensor.filters.clauses import PASSED, Check, Clause, Group, error

__all__ = ["compile_filter", "parse_clock", "parse_zone"]

_CLOCK = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})(?:[.,](\d+))?")  # the layout 15:04:05 of Go; it takes a fraction, too


def parse_clock(text: str) -> timedelta:
    """``HH:MM:SS`` as the time since midnight; raises EvaluationError."""
    match = _CLOCK.fullmatch(text.lstrip(" "))  # it is parsed behind a date, where runs of spaces count as one
    if match is None or not text.isascii() or int(match[1]) > 23 or int(match[2]) > 59 or int(match[3]) > 59:
        raise EvaluationError(f"'{text}' is not a time of day", hint="write HH:MM:SS")
    fraction = float(f"0.{match[4]}") if match[4] else 0.0
    return timedelta(hours=int(match[1]), minutes=int(match[2]), seconds=int(match[3]) + fraction)


def parse_zone(name: str) -> tzinfo:
    """An IANA time zone; empty is UTC, and so is ``Local``, the zone of a container. Raises EvaluationError."""
    if name in ("", "UTC", "Local"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise EvaluationError(f"unknown time zone '{name}'", hint="an IANA name such as Europe/Berlin") from None


def compile_filter(spec: TimeFilter) -> Group:
    """Passes from ``start`` (inclusive) to ``stop`` (exclusive) of the event's day; a window that ends before it begins wraps
    around midnight, and so does an empty one (equal bounds), as in the reference.
    """
    try:
        zone = parse_zone(spec.timezone)
        start, stop = parse_clock(spec.start), parse_clock(spec.stop)
    except EvaluationError as problem:
        message = str(problem)
        never = error("time", message)
        return _group(lambda event: never)
    wants = f"between {spec.start} and {spec.stop} {spec.timezone or 'UTC'}"

    def check(event: Event) -> Verdict:
        moment = _event_time(event)
        if moment is None:
            return error("time", "the event has no time", event.time)
        local = moment.astimezone(zone)
        # Bounds are wall-clock times of that date, made absolute so that a change of the clock counts as in Go.
        midnight = datetime(local.year, local.month, local.day, tzinfo=zone)
        begin, end = (_wall(midnight, start, zone), _wall(midnight, stop, zone))
        inside = begin <= moment < end if begin < end else moment >= begin or moment < end
        return PASSED if inside else Verdict(VerdictKind.FAILED, "time", f"is not {wants}", local.isoformat())

    def look(event: Event) -> str:
        moment = _event_time(event)
        return moment.astimezone(zone).isoformat() if moment is not None else event.time

    return _group(check, f"is {wants}", look)


def _group(check: Check, wants: str = "", look: Callable[[Event], str] = lambda event: event.time) -> Group:
    return Group(check, [Clause("time", wants, check, look)])


def _wall(midnight: datetime, clock: timedelta, zone: tzinfo) -> datetime:
    """A wall-clock time as an instant, with Go's choice where the clock is changed: the offset that holds at that instant
    read with the offset found first. https://pkg.go.dev/time#Date
    """
    wall = midnight.replace(tzinfo=UTC) + clock
    first = wall.astimezone(zone).utcoffset() or timedelta()
    offset = (wall - first).astimezone(zone).utcoffset() or timedelta()
    return wall - offset


def _event_time(event: Event) -> datetime | None:
    try:
        text = event.time
        if "." in text:  # nanoseconds: datetime keeps six digits
            head, _, tail = text.partition(".")
            digits = len(tail) - len(tail.lstrip("0123456789"))
            text = f"{head}.{tail[: min(digits, 6)]}{tail[digits:]}"
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
