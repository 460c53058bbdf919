"""Built-in functions from one form to another: texts, JSON, base64, times."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from events.errors import EvaluationError
from events.expressions.expr.machine import Machine
from events.expressions.expr.values import want_text, weigh
from events.expressions.golang.durations import parse_duration
from events.expressions.golang.jsons import decode_json, encode_json
from events.expressions.golang.layouts import parse_time
from events.expressions.golang.printing import format_value
from events.expressions.golang.times import LOCAL, Location, Time, _at_local_clock, load_location
from events.expressions.golang.values import GoObject, SizedInt, as_bytes, as_text, kind_of, type_of

__all__ = ["CONVERT"]

_LAYOUTS = (
    "2006-01-02",
    "15:04:05",
    "2006-01-02 15:04:05",
    "2006-01-02T15:04:05Z07:00",
    "02 Jan 06 15:04 MST",
    "Monday, 02-Jan-06 15:04:05 MST",
    "Mon, 02 Jan 2006 15:04:05 MST",
)
_TYPES = {
    "bool": "bool",
    "int": "int",
    "int64": "int",
    "uint8": "uint",
    "uint64": "uint",
    "float64": "float",
    "string": "string",
    "slice": "array",
    "array": "array",
    "map": "map",
    "func": "func",
    "struct": "struct",
}


def _type(m: Machine, value: Any) -> str:
    if value is None:
        return "nil"
    if isinstance(value, (GoObject, SizedInt)):
        name = type_of(value)
        if name.startswith("time."):
            return name
    return _TYPES.get(kind_of(value), "unknown")


def _from_json(m: Machine, text: Any) -> Any:
    source = want_text(text)
    m.spend(len(source) >> 5)
    return decode_json(source)


def _to_json(m: Machine, value: Any) -> str:
    m.spend(weigh(value) * 2)
    text = encode_json(value, indent="  ")
    m.spend(len(text) >> 5)
    return text


def _string(m: Machine, value: Any) -> str:
    if type(value) is str:
        return value
    m.spend(weigh(value))
    text = format_value(value)
    m.spend(len(text) >> 5)
    return text


def _to_base64(m: Machine, text: Any) -> str:
    raw = as_bytes(want_text(text))
    m.spend(len(raw) >> 8)
    return base64.b64encode(raw).decode()


def _from_base64(m: Machine, text: Any) -> str:
    raw = as_bytes(want_text(text)).replace(b"\r", b"").replace(b"\n", b"")
    try:
        if len(raw) % 4:
            raise binascii.Error("wrong length")
        return as_text(base64.b64decode(raw, validate=True))
    except binascii.Error:
        raise EvaluationError("illegal base64 data") from None


def _now(m: Machine, location: Any = None) -> Time:
    now = Time.of(m.context.now)
    return now if location is None else now.in_location(location)


def _timezone(m: Machine, name: Any) -> Location:
    location = load_location(want_text(name))
    if location is None:
        raise EvaluationError(f"unknown time zone {name[:80]}")
    return location


def _date(m: Machine, *arguments: Any) -> Time:
    """``date([zone,] text [, layout [, zone name]])``; without a layout the usual ones are tried."""
    location: Location | None = None
    if isinstance(arguments[0], Location):
        location, arguments = arguments[0], arguments[1:]
        if not arguments:
            raise EvaluationError("runtime error: index out of range [0] with length 0")
    text = want_text(arguments[0])
    if len(arguments) == 3:
        location = _timezone(m, arguments[2])
    if len(arguments) > 1:
        return _parsed(want_text(arguments[1]), text, location)
    for layout in _LAYOUTS:
        try:
            return _parsed(layout, text, location)
        except EvaluationError:
            continue
    raise EvaluationError(f"invalid date {text[:80]}")


def _parsed(layout: str, text: str, location: Location | None) -> Time:
    """The time of a text; one that names no zone is of ``location``."""
    time = parse_time(layout, text)
    if location is None or time.location is not LOCAL:
        return time
    return Time(_at_local_clock(location, time.unix), time.nanosecond, location)


CONVERT: dict[str, Any] = {
    "type": _type,
    "string": _string,
    "toJSON": _to_json,
    "fromJSON": _from_json,
    "toBase64": _to_base64,
    "fromBase64": _from_base64,
    "now": _now,
    "duration": lambda m, text: parse_duration(want_text(text)),
    "timezone": _timezone,
    "date": _date,
}
