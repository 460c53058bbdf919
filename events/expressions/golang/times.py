"""Go's ``time``: ``Time``, ``Duration``, ``Month``, ``Weekday`` and locations. Local time is UTC, as in the reference's containers.

Python's datetime ends at the year 9999 and at microseconds, so a time is seconds since 1970 and nanoseconds.
Follows https://pkg.go.dev/time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import ClassVar
from zoneinfo import ZoneInfo

from events.errors import EvaluationError
from events.expressions.golang.durations import MAX_DURATION, SECOND, Duration
from events.expressions.golang.values import GoObject, SizedInt, wrap_int64

__all__ = [
    "LOCAL",
    "MONTHS",
    "UTC_LOCATION",
    "WEEKDAYS",
    "ZERO_TIME",
    "Location",
    "Month",
    "Time",
    "Weekday",
    "days_of_date",
    "load_location",
    "offset_text",
]

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_DAY = 86_400


class Month(SizedInt):
    """``time.Month``, January is 1."""

    __slots__ = ()
    go_type: ClassVar[str] = "time.Month"
    has_text: ClassVar[bool] = True

    def __str__(self) -> str:
        return MONTHS[self - 1] if 1 <= self <= 12 else f"%!Month({int(self)})"


class Weekday(SizedInt):
    """``time.Weekday``, Sunday is 0."""

    __slots__ = ()
    go_type: ClassVar[str] = "time.Weekday"
    has_text: ClassVar[bool] = True

    def __str__(self) -> str:
        return WEEKDAYS[self] if 0 <= self <= 6 else f"%!Weekday({int(self)})"


@dataclass(frozen=True)
class Location(GoObject):
    """A time zone: one with rules (``zone``), or a fixed ``offset`` in seconds that is called ``abbreviation``."""

    go_kind: ClassVar[str] = "ptr"
    go_type: ClassVar[str] = "*time.Location"

    name: str
    abbreviation: str = ""
    offset: int = 0
    zone: tzinfo | None = None

    def __str__(self) -> str:
        return self.name

    def at(self, unix: int) -> tuple[str, int]:
        """The abbreviation and the offset in seconds that are in effect at ``unix``."""
        if self.zone is None:
            return self.abbreviation, self.offset
        moment = datetime.fromtimestamp(min(max(unix, -62_135_500_000), 253_402_200_000), UTC).astimezone(self.zone)
        offset = moment.utcoffset()
        return moment.tzname() or "", int(offset.total_seconds()) if offset is not None else 0


UTC_LOCATION = Location("UTC", "UTC")
LOCAL = Location("Local", "UTC")


@lru_cache(maxsize=256)
def load_location(name: str) -> Location | None:
    """A location by its IANA name; ``None`` when there is no such."""
    if name in ("", "UTC"):
        return UTC_LOCATION
    if name == "Local":
        return LOCAL
    if not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", name):
        return None
    try:
        return Location(name, zone=ZoneInfo(name))
    except (OSError, ValueError, LookupError):
        return None


def offset_text(offset: int, colon: str = "") -> str:
    """A zone's offset as ``+0200`` or ``+02:00``."""
    minutes = abs(offset) // 60
    return f"{'-' if offset <= -60 else '+'}{minutes // 60:02d}{colon}{minutes % 60:02d}"


def days_of_date(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a date of the Gregorian calendar; ``month`` is 1 to 12."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _date_of_days(days: int) -> tuple[int, int, int]:
    era, of_era = divmod(days + 719_468, 146_097)
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month += 3 if month < 10 else -9
    return year + era * 400 + (month <= 2), month, day


@dataclass(frozen=True)
class Time(GoObject):
    """``time.Time``: ``unix`` seconds since 1970, ``nanosecond`` 0 to 999,999,999, shown in ``location``."""

    go_type: ClassVar[str] = "time.Time"

    unix: int
    nanosecond: int = 0
    location: Location = UTC_LOCATION

    @classmethod
    def of(cls, moment: datetime) -> Time:
        """The time of an aware datetime, shown as local time."""
        seconds = moment - datetime(1970, 1, 1, tzinfo=UTC)
        return cls(seconds.days * _DAY + seconds.seconds, seconds.microseconds * 1000, LOCAL)

    def __str__(self) -> str:
        name, offset = self.zone
        return f"{self._stamp(' ')} {offset_text(offset)} {name or offset_text(offset)}"

    def json_text(self) -> str:
        """RFC 3339. Raises ``EvaluationError`` for years that it cannot hold."""
        if not 0 <= self.date[0] <= 9999:
            raise EvaluationError("Time.MarshalJSON: year outside of range [0,9999]")
        offset = self.zone[1]
        return self._stamp("T") + (offset_text(offset, ":") if offset else "Z")

    def _stamp(self, separator: str) -> str:
        (year, month, day), (hour, minute, second) = self.date, self.clock
        fraction = f".{self.nanosecond:09d}".rstrip("0") if self.nanosecond else ""
        sign = "-" if year < 0 else ""
        return f"{sign}{abs(year):04d}-{month:02d}-{day:02d}{separator}{hour:02d}:{minute:02d}:{second:02d}{fraction}"

    @property
    def zone(self) -> tuple[str, int]:
        """The abbreviation and offset of the location at this time."""
        return self.location.at(self.unix)

    @property
    def date(self) -> tuple[int, int, int]:
        """Year, month and day at the location."""
        return _date_of_days(self._local // _DAY)

    @property
    def clock(self) -> tuple[int, int, int]:
        """Hour, minute and second at the location."""
        seconds = self._local % _DAY
        return seconds // 3600, seconds // 60 % 60, seconds % 60

    @property
    def _local(self) -> int:
        return self.unix + self.zone[1]

    @property
    def weekday(self) -> Weekday:
        """The day of the week at the location."""
        return Weekday((self._local // _DAY + 4) % 7)

    @property
    def year_day(self) -> int:
        """The day of the year at the location, from 1."""
        return self._local // _DAY - days_of_date(self.date[0], 1, 1) + 1

    @property
    def nanoseconds(self) -> int:
        """Nanoseconds since 1970, unbounded."""
        return self.unix * SECOND + self.nanosecond

    def add(self, duration: int) -> Time:
        """So many nanoseconds later."""
        unix, nanosecond = divmod(self.nanoseconds + duration, SECOND)
        return Time(wrap_int64(unix), nanosecond, self.location)

    def since(self, earlier: Time) -> Duration:
        """How long ago ``earlier`` was, as far as a duration can tell."""
        return Duration(max(-(2**63), min(MAX_DURATION, self.nanoseconds - earlier.nanoseconds)))

    def in_location(self, location: Location) -> Time:
        """The same instant, shown elsewhere."""
        return Time(self.unix, self.nanosecond, location)

    def add_date(self, years: int, months: int, days: int) -> Time:
        """The same clock on another date; what overflows a month goes into the next."""
        year, month, day = self.date
        year, month = divmod((year + years) * 12 + month - 1 + months, 12)
        seconds = (days_of_date(year, month + 1, 1) + day - 1 + days) * _DAY + self._local % _DAY
        return Time(wrap_int64(_at_local_clock(self.location, seconds)), self.nanosecond, self.location)


def _at_local_clock(location: Location, seconds: int) -> int:
    """The instant at which the clocks of ``location`` show ``seconds`` since 1970; where they show it twice, as Go decides."""
    offset = location.at(seconds)[1]
    for guess in (seconds - offset, seconds - location.at(seconds - offset)[1]):
        if location.at(guess)[1] == seconds - guess:
            return guess
    return seconds - offset


ZERO_TIME = Time(-62_135_596_800)
