r"""JSON as Go's ``encoding/json`` reads and writes it, on bytes: request bodies on their way into an event, and the data that
scripts see and give.

Reading (``decode``): of members of one name the last wins, what is not Unicode becomes U+FFFD, every number is a double.
Writing (``dumps``): keys sorted, ``<``, ``>``, ``&``, U+2028 and U+2029 become ``\u003c`` and so on, numbers with the fewest
digits that give the same double, in plain notation from 1e-6 up to 1e21.
Copying (``compact``, a ``json.RawMessage``): white space is dropped; numbers, key order, duplicate keys, escapes and even invalid
UTF-8 inside strings stay as sent.

https://pkg.go.dev/encoding/json#Compact and #Marshal. orjson does the work; what it refuses and Go does not (invalid UTF-8, lone
surrogates, numbers beyond float64, nesting deeper than 254 levels on output) goes through ``json_text`` and ``golang.jsons``.
All regular expressions here are linear: every repetition is possessive and no alternative can start where another gave up.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import orjson

from events.errors import EvaluationError
from events.expressions import json_text
from events.expressions.golang.jsons import encode_json
from events.expressions.golang.numbers import shortest, trim_exponent

__all__ = [
    "MAX_DEPTH",
    "compact",
    "decode",
    "dumps",
    "escape_html",
    "loads_object",
    "normalise",
    "spelled",
    "string_lists",
]

MAX_DEPTH = 1000
"""Levels of nesting that a document may have. (Go stops at 10,000; deeper than this is an attack, not an event.)"""

_EXACT = 2**53  # up to here a double holds every whole number
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_BEGUN = _STRING + b"?+"  # also one without an end, in what may be no JSON
_STRINGS = re.compile(_BEGUN, re.DOTALL)
_IS_COMPACT = re.compile(rb"(?:[^\" \t\n\r]++|" + _STRING + rb")*+", re.DOTALL)
_COMPACT_PARTS = re.compile(_STRING + rb"|[^\" \t\n\r]++", re.DOTALL)
_MAYBE_MINUS_ZERO = re.compile(rb"-0(?<![^:,\[ \n\t\r]-0)(?![0-9.eE])")  # begins with a literal: fast
_MINUS_ZERO = re.compile(_BEGUN + rb"|(-0)(?![0-9.eE])", re.DOTALL)
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NOT_BRACKETS = bytes(b for b in range(256) if b not in _STEP)


def decode(text: bytes) -> Any:
    """The value of a JSON document as Go decodes it into ``any``, but whole numbers are ``int``, where they fit 64 bits.

    Raises EvaluationError when it is no JSON, too deep, or when a number is beyond float64.
    """
    if _MAYBE_MINUS_ZERO.search(text):  # orjson reads it as the whole number 0
        text = _MINUS_ZERO.sub(lambda match: b"-0.0" if match[1] else match[0], text)
    value, all_finite = _parse(text)
    if not all_finite:
        _check_numbers(value)
    return value


def loads_object(data: bytes) -> dict[str, Any] | None:
    """The JSON object of an event; None for the text ``null``. Raises EvaluationError as ``decode``, and when it is another."""
    value = decode(data)
    if value is not None and not isinstance(value, dict):
        raise _not_an_object(value)
    return value


def compact(text: bytes) -> bytes:
    """The JSON document ``text`` without white space, safe inside HTML. Raises EvaluationError when it is no JSON."""
    value, plain = _parse(text)
    if not (plain and _is_written_so(value, text)) and not _IS_COMPACT.fullmatch(text):
        text = b"".join(_COMPACT_PARTS.findall(text))
    return escape_html(text)


def normalise(text: bytes, extra: Mapping[str, str]) -> bytes:
    """The JSON object ``text`` decoded and encoded again, with the members ``extra`` put in (they win).

    Raises EvaluationError when it is no JSON object, or when a number is beyond float64.
    """
    value = decode(text)
    if not isinstance(value, dict):
        raise _not_an_object(value)
    return dumps({**value, **extra})


def string_lists(lists: Mapping[str, Sequence[str]]) -> bytes:
    """A map of lists of texts. Bytes that are no UTF-8 are expected as Python's surrogate escapes."""
    return dumps({name: list(values) for name, values in lists.items()})


def dumps(value: Any) -> bytes:
    """JSON text of dicts with text keys, lists, texts, numbers, booleans and None, safe to put into HTML. Uses ``value`` up.

    Raises EvaluationError for a number that JSON has no text for.
    """
    return escape_html(spelled(value))


def spelled(value: Any) -> bytes:
    """As ``dumps``, without the escapes for HTML."""
    replaced = _spell_numbers(value)
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # nested deeper than 254 levels, or a text that is no Unicode
        for holder, key, item in replaced:
            holder[key] = item
        return encode_json(value, escape_html=False).encode()


def escape_html(text: bytes) -> bytes:
    """Go's escapes within JSON strings, so that the document may stand in an HTML page."""
    if b"<" in text:
        text = text.replace(b"<", b"\\u003c")
    if b">" in text:
        text = text.replace(b">", b"\\u003e")
    if b"&" in text:
        text = text.replace(b"&", b"\\u0026")
    if b"\xe2\x80" in text:
        text = text.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    return text


def _parse(text: bytes) -> tuple[Any, bool]:
    """The value, and whether orjson read it, so that all its numbers are finite."""
    plain = True
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        plain = False
        _check_depth(text)
        try:
            value = json_text.loads(json_text.decode_bytes(text))
        except ValueError:
            raise EvaluationError(f"not JSON: {error.msg}", reason="NotJson") from None
    else:
        _check_depth(text)
    return value, plain


def _is_written_so(value: Any, text: bytes) -> bool:
    """What orjson writes has no white space, and it writes most documents as they came."""
    try:
        return orjson.dumps(value) == text
    except orjson.JSONEncodeError:
        return False


def _check_depth(text: bytes) -> None:
    if text.count(b"[") + text.count(b"{") <= MAX_DEPTH:
        return
    steps = map(_STEP.__getitem__, _STRINGS.sub(b"", text).translate(None, _NOT_BRACKETS))
    if max(accumulate(steps), default=0) > MAX_DEPTH:
        raise EvaluationError(f"the JSON document is nested too deeply: the limit is {MAX_DEPTH}", reason="TooDeep")


def _not_an_object(value: Any) -> EvaluationError:
    kinds = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    kind = kinds.get(type(value), "a number")
    return EvaluationError(f"the JSON document is {kind}, not an object", reason="NotAnObject")


def _check_numbers(value: Any) -> None:
    for _, _, number in _odd_numbers([value]):
        _spelling(number)


def _spell_numbers(root: Any) -> list[tuple[Any, Any, float]]:
    """Put Go's spelling in the place of every number that orjson might spell differently; what was replaced, and where."""
    replaced = _odd_numbers(root)
    for holder, key, number in replaced:
        holder[key] = orjson.Fragment(_spelling(number))
    return replaced


def _odd_numbers(root: Any) -> list[tuple[Any, Any, float]]:
    """Each float, and each whole number that a double does not hold exactly, with its place."""
    found = []
    stack = [root]
    while stack:
        holder = stack.pop()
        for key, item in holder.items() if type(holder) is dict else enumerate(holder):
            kind = type(item)
            if kind is str:
                continue
            if kind is dict or kind is list:
                stack.append(item)
            elif kind is float or (kind is int and not -_EXACT <= item <= _EXACT):
                found.append((holder, key, item))
    return found


def _spelling(value: float) -> str:
    try:
        value = float(value)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise EvaluationError(f"JSON has no number {shortest(value)}")
    return trim_exponent(shortest(value, low=-6, high=21))
