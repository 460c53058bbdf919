"""Cron lines of ``conditionsReset`` and of calendar sources: when they fire next, and when they fired last.

Spec: argo-events §1.5 and §3.5. The syntax is that of robfig/cron with five fields (minute, hour, day of month, month, day of week):
no seconds, no ``@daily``, no ``L`` or ``#``; ``?`` is ``*``, names are those of months and days, Sunday is 0; ``TZ=Europe/Berlin``
may stand in front and then wins over the field ``timezone``. The calendar is ``cronsim``'s: a time that a change of the clocks
skips fires right after it, one that comes twice fires once.
https://pkg.go.dev/github.com/robfig/cron/v3#hdr-CRON_Expression_Format
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from events.errors import ExpressionError

__all__ = ["Schedule", "compile", "next_fire", "previous_fire"]


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    words: Mapping[str, int] = {}


_MONTHS = dict(
    zip(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), range(1, 13), strict=True)
)
_DAYS = dict(zip(("sun", "mon", "tue", "wed", "thu", "fri", "sat"), range(7), strict=True))
_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS),
)
_NUMBER = re.compile(r"\+?[0-9]{1,9}")
_EACH = re.compile(r"[*?](/[0-9]+)?")


@dataclass(frozen=True)
class Schedule:
    """A compiled cron line. ``line`` is None where it is well formed but no moment fits, as in ``0 0 31 2 *``."""

    line: str | None
    zone: tzinfo

    def next_fire(self, now: datetime) -> datetime | None:
        """The first moment after ``now`` (with a zone), in UTC; None when there is none in the next fifty years."""
        return self._search(now, reverse=False)

    def previous_fire(self, now: datetime) -> datetime | None:
        """The last moment before ``now`` (with a zone), in UTC; None when there was none in the last fifty years."""
        return self._search(now, reverse=True)

    def _search(self, now: datetime, *, reverse: bool) -> datetime | None:
        if self.line is None:
            return None
        try:
            for moment in CronSim(self.line, now.astimezone(self.zone), reverse=reverse):
                fire = moment.astimezone(UTC)
                # In the hour that comes twice cronsim looks at the clock on the wall, which may be behind or ahead of ``now``.
                if fire < now if reverse else fire > now:
                    return fire
        except OverflowError:  # beyond the years that Python knows
            pass
        return None


@lru_cache(maxsize=256)
def compile(text: str, timezone: str | None = None) -> Schedule:
    """The schedule of a cron line in an IANA time zone (UTC when empty). Raises ExpressionError."""
    line, start, zone = text, 0, _zone(timezone, text)
    if text.startswith(("TZ=", "CRON_TZ=")):
        name, _, line = text.partition("=")[2].partition(" ")
        start = len(text) - len(line)
        zone = zone if name == "Local" else _zone(name, text)
    if line.lstrip().startswith("@"):
        raise _error(f"'{line.strip()}' is not supported: write the five fields", text, start)
    words = [(match[0], start + match.start()) for match in re.finditer(r"\S+", line)]
    if len(words) != len(_FIELDS):
        raise _error(f"a cron line has 5 fields (minute, hour, day, month, weekday), not {len(words)}", text, start)
    fields = [_values(word, field, text, position) for (word, position), field in zip(words, _FIELDS, strict=True)]
    return Schedule(_line([word for word, _ in words], fields), zone)


def next_fire(text: str, timezone: str | None, now: datetime) -> datetime | None:
    """When a cron line fires after ``now``, in UTC; None for never. Raises ExpressionError."""
    return compile(text, timezone).next_fire(now)


def previous_fire(text: str, timezone: str | None, now: datetime) -> datetime | None:
    """When a cron line fired last before ``now``, in UTC; None for never. Raises ExpressionError."""
    return compile(text, timezone).previous_fire(now)


def _error(message: str, text: str, position: int = -1) -> ExpressionError:
    return ExpressionError(message, language="cron", text=text, position=position)


def _zone(name: str | None, text: str) -> tzinfo:
    if name in (None, "", "UTC", "Local"):
        return UTC
    try:
        return ZoneInfo(str(name))
    except (KeyError, ValueError, OSError):  # unknown, not a name, a folder
        raise _error(f"'{name}' is no time zone; write it as in Europe/Berlin", text) from None


class _Values(NamedTuple):
    """The numbers that fit a field; ``every`` when it is an asterisk, alone or among others."""

    numbers: frozenset[int]
    every: bool


def _values(word: str, field: _Field, text: str, position: int) -> _Values:
    numbers: set[int] = set()
    every = False
    try:
        for part in filter(None, word.split(",")):
            found, is_every = _range(part, field)
            numbers.update(found)
            every = every or is_every
    except ValueError as failure:
        raise _error(f"{field.name} '{word}': {failure}", text, position) from None
    return _Values(frozenset(numbers), every)


def _range(part: str, field: _Field) -> tuple[range, bool]:
    """``*``, ``5``, ``1-5``, each also with a step; ``5/2`` goes on to the end. Raises ValueError."""
    bounds, *steps = part.split("/")
    first, *others = bounds.split("-")
    every = first in ("*", "?")
    if len(steps) > 1 or (len(others) > 1 and not every):
        raise ValueError(f"'{part}' is not a range")
    step = _number(steps[0], {}) if steps else 1
    if step == 0:
        raise ValueError("a step cannot be 0")
    if every:
        return range(field.low, field.high + 1, step), step == 1
    low = _number(first, field.words)
    high = _number(others[0], field.words) if others else field.high if steps else low
    if low < field.low or high > field.high:
        raise ValueError(f"{low if low < field.low else high} is not between {field.low} and {field.high}")
    if low > high:
        raise ValueError(f"{low} is after {high}")
    return range(low, high + 1, step), False


def _number(word: str, words: Mapping[str, int]) -> int:
    if word.lower() in words:
        return words[word.lower()]
    if not _NUMBER.fullmatch(word):
        raise ValueError(f"'{word}' is not a number")
    return int(word)


def _line(words: list[str], fields: list[_Values]) -> str | None:
    """The same for cronsim: numbers, and asterisks where they count.

    An asterisk in either day field means that both must fit, otherwise one is enough; in the other fields it says
    that the line does not mean one time of the day, which matters when the clocks change.
    """
    minute, hour, day, month, weekday = fields
    if not minute.numbers or not hour.numbers or not month.numbers:
        return None
    both = day.every or weekday.every
    if not (day.numbers and weekday.numbers) if both else not (day.numbers or weekday.numbers):
        return None
    times = [
        word.replace("?", "*") if _EACH.fullmatch(word) else _list(field)
        for word, field in ((words[0], minute), (words[1], hour))
    ]
    days = ["*" if field.every or not field.numbers else _list(field) for field in (day, weekday)]
    line = " ".join((*times, days[0], _list(month), days[1]))
    try:
        CronSim(line, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError:  # well formed, but no month is long enough
        return None
    return line


def _list(field: _Values) -> str:
    return ",".join(map(str, sorted(field.numbers)))
