"""JSON as Go's ``encoding/json`` reads and writes it, for the data that scripts see and give.

Reading: every number is a double, the last of two equal keys wins, broken UTF-8 and lone surrogates become U+FFFD.
Writing: keys sorted by their UTF-8 bytes, ``<``, ``>``, ``&`` and U+2028/9 escaped, numbers with the fewest digits that give
the same double, in plain notation from 1e-6 up to 1e21.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

import orjson

from events.errors import EvaluationError

__all__ = ["dumps", "loads_object", "number", "spelled"]

_EXACT = 2**53
_SURROGATE = re.compile("[\ud800-\udfff]")
_HTML = ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026"))
_SEPARATORS = ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))


def loads_object(data: bytes) -> dict[str, Any] | None:
    """The JSON object of an event; None for the text ``null``.

    Raises:
        EvaluationError: not JSON, not an object, or nested too deeply.
    """
    value = _loads(data)
    if value is not None and not isinstance(value, dict):
        raise EvaluationError("event data is not a JSON object")
    return value


def _loads(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        reason = str(error)
    try:  # what orjson refuses and Go repairs: broken UTF-8 and lone surrogates
        value = _repaired(json.loads(data.decode("utf-8", "replace"), parse_constant=_not_json))
    except RecursionError:
        raise EvaluationError("event data is nested too deeply") from None
    except (ValueError, OverflowError):
        raise EvaluationError(f"event data is not valid JSON: {reason}") from None
    return value


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _repaired(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_repaired(key): _repaired(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_repaired(item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool) and not math.isfinite(float(value)):
        raise ValueError("number out of range")
    return value


def dumps(value: Any) -> bytes:
    """JSON text of dicts with text keys, lists, texts, numbers, booleans and None, safe to put into HTML.

    Raises:
        EvaluationError: a number that JSON has no text for, or nested too deeply.
    """
    text = spelled(value)
    for raw, escaped in _HTML:
        if raw in text:
            text = text.replace(raw, escaped)
    if b"\xe2\x80" in text:
        for raw, escaped in _SEPARATORS:
            text = text.replace(raw, escaped)
    return text


def spelled(value: Any) -> bytes:
    """As ``dumps``, without the escapes for HTML."""
    try:
        if not _has_unusual_number(value):
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        parts: list[str] = []
        _write(value, parts)
        return "".join(parts).encode()
    except (RecursionError, orjson.JSONEncodeError):
        raise EvaluationError("value is nested too deeply") from None


def _has_unusual_number(value: Any) -> bool:
    """Whether the fast encoder might spell a number of this value differently."""
    kind = type(value)
    if kind is dict:
        return any(map(_has_unusual_number, value.values()))
    if kind is list:
        return any(map(_has_unusual_number, value))
    return kind is float or (kind is int and not -_EXACT <= value <= _EXACT)


def _write(value: Any, parts: list[str]) -> None:
    kind = type(value)
    if kind is dict:
        separator = "{"
        for key in sorted(value):  # order of code points is the order of UTF-8 bytes
            parts.append(f"{separator}{orjson.dumps(key).decode()}:")
            _write(value[key], parts)
            separator = ","
        parts.append("}" if value else "{}")
    elif kind is list:
        separator = "["
        for item in value:
            parts.append(separator)
            _write(item, parts)
            separator = ","
        parts.append("]" if value else "[]")
    elif kind is float or kind is int:
        parts.append(number(value))
    else:
        parts.append(orjson.dumps(value).decode())


def number(value: float) -> str:
    """Go's spelling of a double: ``100``, ``0.000001``, ``1e-7``, ``12345678901234567000``, ``1e+21``."""
    try:
        value = float(value)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise EvaluationError(f"JSON has no number {value}")
    sign = "-" if math.copysign(1, value) < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    if fraction == "0":
        digits = whole.lstrip("0")
        fraction = ""
    if not digits:
        return sign + "0"
    point = len(digits) - len(fraction) + int(exponent or 0)  # where the decimal point stands within the digits
    digits = digits.rstrip("0")
    if not -6 < point <= 21:
        rest = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{rest}e{point - 1:+d}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if point >= len(digits):
        return sign + digits.ljust(point, "0")
    return f"{sign}{digits[:point]}.{digits[point:]}"
