"""Go's time layouts, written as the reference time ``Mon Jan 2 15:04:05 MST 2006``: formatting and parsing.

Follows https://pkg.go.dev/time#Layout.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from events.errors import EvaluationError
from events.expressions.golang.times import (
    LOCAL,
    MONTHS,
    UTC_LOCATION,
    WEEKDAYS,
    Location,
    Time,
    days_of_date,
    offset_text,
)

__all__ = ["format_time", "parse_time"]

_ELEMENT = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|0[1-6]|002|15|1|2006|2|_2(?!006)|__2|3|4|5|PM|pm"
    r"|-070000|-07:00:00|-0700|-07:00|-07|Z070000|Z07:00:00|Z0700|Z07:00|Z07|[.,](?:0+|9+)(?![0-9])"
)
_ZONE_NAME = re.compile(
    r"ChST|MeST|GMT([+-][0-9]+)?|[+-](?=..)[0-9]+|WITA(?![A-Z])|[A-Z]{4}T(?![A-Z])|[A-Z]{3}T(?![A-Z])|[A-Z]{3}(?![A-Z])"
)
_MAX_LAYOUT = 1000
_FRACTION = re.compile(r"[.,][0-9]+")


@lru_cache(maxsize=512)
def _pieces(layout: str) -> tuple[tuple[str, str], ...]:
    """The layout as pairs of literal text and the element after it; the last element is empty."""
    pieces: list[tuple[str, str]] = []
    at = 0
    for match in _ELEMENT.finditer(layout):
        pieces.append((layout[at : match.start()], match.group()))
        at = match.end()
    return (*pieces, (layout[at:], ""))


def format_time(time: Time, layout: str) -> str:
    """``Time.Format``."""
    parts: list[str] = []
    for literal, element in _pieces(layout):
        parts.append(literal)
        if element:
            parts.append(_format_fraction(time.nanosecond, element) if element[0] in ".," else _FORMATS[element](time))
    return "".join(parts)


def _padded(number: int, width: int) -> str:
    return ("-" if number < 0 else "") + f"{abs(number):0{width}d}"


def _format_fraction(nanosecond: int, element: str) -> str:
    digits = f"{nanosecond:09d}"[: len(element) - 1].ljust(min(len(element) - 1, 9), "0")
    if element[1] == "0":
        return element[0] + digits
    digits = digits.rstrip("0")
    return element[0] + digits if digits else ""


def _format_zone(element: str) -> Callable[[Time], str]:
    def render(time: Time) -> str:
        offset = time.zone[1]
        if offset == 0 and element[0] == "Z":
            return "Z"
        size = abs(offset)
        parts = [f"{size // 3600:02d}"]
        if len(element) > 3:
            parts.append(f"{size // 60 % 60:02d}")
        if len(element) > 6:
            parts.append(f"{size % 60:02d}")
        return ("-" if offset <= -60 else "+") + (":" if ":" in element else "").join(parts)

    return render


def _zone_name(time: Time) -> str:
    name, offset = time.zone
    return name or offset_text(offset)


_FORMATS: dict[str, Callable[[Time], str]] = {
    "2006": lambda t: _padded(t.date[0], 4),
    "06": lambda t: f"{abs(t.date[0]) % 100:02d}",
    "January": lambda t: MONTHS[t.date[1] - 1],
    "Jan": lambda t: MONTHS[t.date[1] - 1][:3],
    "01": lambda t: f"{t.date[1]:02d}",
    "1": lambda t: str(t.date[1]),
    "Monday": lambda t: WEEKDAYS[t.weekday],
    "Mon": lambda t: WEEKDAYS[t.weekday][:3],
    "02": lambda t: f"{t.date[2]:02d}",
    "_2": lambda t: f"{t.date[2]:2d}",
    "2": lambda t: str(t.date[2]),
    "002": lambda t: f"{t.year_day:03d}",
    "__2": lambda t: f"{t.year_day:3d}",
    "15": lambda t: f"{t.clock[0]:02d}",
    "03": lambda t: f"{t.clock[0] % 12 or 12:02d}",
    "3": lambda t: str(t.clock[0] % 12 or 12),
    "04": lambda t: f"{t.clock[1]:02d}",
    "4": lambda t: str(t.clock[1]),
    "05": lambda t: f"{t.clock[2]:02d}",
    "5": lambda t: str(t.clock[2]),
    "PM": lambda t: "PM" if t.clock[0] >= 12 else "AM",
    "pm": lambda t: "pm" if t.clock[0] >= 12 else "am",
    "MST": _zone_name,
    **{
        sign + zone: _format_zone(sign + zone)
        for sign in "-Z"
        for zone in ("070000", "07:00:00", "0700", "07:00", "07")
    },
}


class _Parser:
    """The fields of one time as they are read. ``rest`` is what is left of the value."""

    def __init__(self, value: str) -> None:
        self.rest = value
        self.year = 0
        self.month = self.day = self.year_day = -1
        self.hour = self.minute = self.second = self.nanosecond = 0
        self.afternoon: bool | None = None
        self.utc = False
        self.offset: int | None = None
        self.zone_name = ""

    def literal(self, text: str) -> None:
        """Skip a literal; runs of spaces are alike."""
        for part in re.findall(r" +|[^ ]+", text):
            if part[0] == " ":
                if self.rest and self.rest[0] != " ":
                    raise ValueError
                self.rest = self.rest.lstrip(" ")
            else:
                if not self.rest.startswith(part):
                    raise ValueError
                self.rest = self.rest[len(part) :]

    def number(self, most: int, *, exact: bool = False, low: int = 0, high: int = 999) -> int:
        """Up to ``most`` digits."""
        match = re.match(rf"[0-9]{{{most if exact else 1},{most}}}", self.rest)
        if match is None or not low <= int(match.group()) <= high:
            raise ValueError
        self.rest = self.rest[match.end() :]
        return int(match.group())

    def name(self, names: tuple[str, ...], length: int | None = None) -> int:
        """One of the names, whatever its case."""
        for i, name in enumerate(names):
            name = name[:length]
            if self.rest[: len(name)].lower() == name.lower():
                self.rest = self.rest[len(name) :]
                return i
        raise ValueError

    def element(self, element: str, following: str) -> None:
        """Read what stands for one element of the layout; ``following`` is the next one."""
        if element in ("2006", "06"):
            year = self.number(len(element), exact=True, high=9999)
            self.year = year if len(element) == 4 else year + (1900 if year >= 69 else 2000)
        elif element in ("January", "Jan"):
            self.month = self.name(MONTHS, 3 if element == "Jan" else None) + 1
        elif element in ("01", "1"):
            self.month = self.number(2, exact=element == "01", low=1, high=12)
        elif element in ("Monday", "Mon"):
            self.name(WEEKDAYS, 3 if element == "Mon" else None)
        elif element in ("02", "2", "_2"):
            self.rest = self.rest[1:] if element == "_2" and self.rest[:1] == " " else self.rest
            self.day = self.number(2, exact=element == "02")
        elif element in ("002", "__2"):
            spaces = len(self.rest[:2]) - len(self.rest[:2].lstrip(" ")) if element == "__2" else 0
            self.rest = self.rest[spaces:]
            self.year_day = self.number(3, exact=element == "002")
        elif element == "15":
            self.hour = self.number(2, high=23)
        elif element in ("03", "3"):
            self.hour = self.number(2, exact=element == "03", high=12)
        elif element in ("04", "4"):
            self.minute = self.number(2, exact=element == "04", high=59)
        elif element in ("05", "5"):
            self.second = self.number(2, exact=element == "05", high=59)
            if following[:1] not in (".", ","):
                self.fraction(None)
        elif element in ("PM", "pm"):
            halves = ["AM", "PM"] if element == "PM" else ["am", "pm"]
            if self.rest[:2] not in halves:
                raise ValueError
            self.afternoon = self.rest[:2] == halves[1]
            self.rest = self.rest[2:]
        elif element == "MST":
            self.zone()
        elif element[0] in ".,":
            self.fraction(len(element) if element[1] == "0" else None)
        elif element[0] == "Z" and self.rest[:1] == "Z":
            self.utc = True
            self.rest = self.rest[1:]
        else:
            self.zone_offset(element)

    def fraction(self, size: int | None) -> None:
        """A fraction of ``size`` characters with its point, or as many digits as there are, also none."""
        match = _FRACTION.match(self.rest)
        if size is not None and (match is None or match.end() < size):
            raise ValueError
        if match is None:
            return
        end = size or match.end()
        self.nanosecond = int(self.rest[1:end][:9].ljust(9, "0"))
        self.rest = self.rest[end:]

    def zone_offset(self, element: str) -> None:
        """A numeric offset, written as ``element`` is."""
        pattern = "([+-])" + re.sub("[0-9]{2}", "([0-9]{2})", element[1:])
        match = re.match(pattern, self.rest)
        if match is None:
            raise ValueError
        hours, minutes, seconds = (*map(int, match.groups()[1:]), 0, 0)[:3]
        if hours > 24 or minutes > 60 or seconds > 60:
            raise ValueError
        size = (hours * 60 + minutes) * 60 + seconds
        self.offset = -size if match.group(1) == "-" else size
        self.rest = self.rest[match.end() :]

    def zone(self) -> None:
        """The abbreviation of a zone: three letters, or four or five that end in T."""
        if self.rest.startswith("UTC"):
            self.utc = True
            self.rest = self.rest[3:]
            return
        match = _ZONE_NAME.match(self.rest)
        if match is None:
            raise ValueError
        self.zone_name = match.group()
        hours = self.zone_name.lstrip("GMT+-")
        if hours and hours.isdigit() and int(hours[:6]) > 23:
            if not self.zone_name.startswith("GMT"):
                raise ValueError
            self.zone_name = "GMT"
        self.rest = self.rest[len(self.zone_name) :]

    def resolve_date(self) -> tuple[int, int]:
        """Month and day, which a day of the year may tell and must agree with."""
        leap = self.year % 4 == 0 and (self.year % 100 != 0 or self.year % 400 == 0)
        lengths = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
        month, day = self.month, self.day
        if self.year_day >= 0:
            if not 1 <= self.year_day <= sum(lengths):
                raise ValueError
            rest, own_month = self.year_day, 1
            while rest > lengths[own_month - 1]:
                rest -= lengths[own_month - 1]
                own_month += 1
            if month not in (-1, own_month) or day not in (-1, rest):
                raise ValueError
            month, day = own_month, rest
        month, day = month if month >= 0 else 1, day if day >= 0 else 1
        if not 1 <= day <= lengths[month - 1]:
            raise ValueError
        return month, day


def parse_time(layout: str, value: str) -> Time:
    """``time.ParseInLocation`` with local time. Raises ``EvaluationError``."""
    if len(layout) > _MAX_LAYOUT:
        raise EvaluationError(f"a time layout of more than {_MAX_LAYOUT} characters", reason="LimitReached")
    parser = _Parser(value)
    pieces = _pieces(layout)
    try:
        for i, (literal, element) in enumerate(pieces):
            parser.literal(literal)
            if element:
                parser.element(element, _following(pieces, i))
        if parser.rest:
            raise ValueError
        month, day = parser.resolve_date()
    except ValueError:
        raise EvaluationError(f'parsing time "{value:.200}" as "{layout:.200}": cannot parse') from None
    return _assemble(parser, month, day)


def _following(pieces: tuple[tuple[str, str], ...], index: int) -> str:
    return next((element for _, element in pieces[index + 1 :]), "")


def _assemble(parser: _Parser, month: int, day: int) -> Time:
    hour = parser.hour
    if parser.afternoon is True and hour < 12:
        hour += 12
    elif parser.afternoon is False and hour == 12:
        hour = 0
    seconds = days_of_date(parser.year, month, day) * 86_400 + (hour * 60 + parser.minute) * 60 + parser.second
    location: Location = LOCAL
    if parser.utc:
        location = UTC_LOCATION
    elif parser.offset is not None and parser.offset != -1:
        seconds -= parser.offset
        if parser.offset != 0 or parser.zone_name:
            location = Location(parser.zone_name, parser.zone_name, parser.offset)
    elif parser.zone_name:
        offset = int(parser.zone_name[3:] or 0) * 3600 if parser.zone_name.startswith("GMT") else 0
        location = Location(parser.zone_name, parser.zone_name, offset)
    return Time(seconds, parser.nanosecond, location)
