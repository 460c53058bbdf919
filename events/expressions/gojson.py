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
from events.expressions.golang.jsons import encode_json
from events.expressions.golang.numbers import shortest, trim_exponent

__all__ = ["dumps", "loads_object", "spelled"]

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
    """JSON text of dicts with text keys, lists, texts, numbers, booleans and None, safe to put into HTML. Uses ``value`` up.

    Raises:
        EvaluationError: a number that JSON has no text for.
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
    replaced = _spell_numbers(value)
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # nested deeper than 254 levels
        for holder, key, item in replaced:
            holder[key] = item
        return encode_json(value, escape_html=False).encode()


def _spell_numbers(root: Any) -> list[tuple[Any, Any, float]]:
    """Put Go's spelling in the place of every number that orjson might spell differently; what was replaced, and where."""
    replaced = []
    stack = [root]
    while stack:
        holder = stack.pop()
        for key, item in holder.items() if type(holder) is dict else enumerate(holder):
            kind = type(item)
            if kind is dict or kind is list:
                stack.append(item)
            elif kind is float or (kind is int and not -_EXACT <= item <= _EXACT):
                replaced.append((holder, key, item))
    for holder, key, item in replaced:
        holder[key] = orjson.Fragment(_number(item))
    return replaced


def _number(value: float) -> str:
    try:
        value = float(value)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise EvaluationError(f"JSON has no number {shortest(value)}")
    return trim_exponent(shortest(value, low=-6, high=21))
