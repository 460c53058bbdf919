r"""Step 3, convert: JSON as Go re-marshals it, on bytes: what the reference does with a request's body and headers on their way into an event.

* ``compact``: a ``json.RawMessage``. White space is dropped; numbers, key order, duplicate keys, escapes and even invalid UTF-8
  inside strings stay as sent; ``<``, ``>``, ``&``, U+2028 and U+2029 become ``\u003c`` and so on.
* ``normalise``: decoded into ``map[string]any`` and encoded again. Keys are sorted, numbers go through float64 and come out in
  Go's spelling, what is not Unicode becomes U+FFFD.
* ``string_lists``: a ``map[string][]string`` (headers, a form).

https://pkg.go.dev/encoding/json#Compact and #Marshal. orjson does the work; regular expressions (all of them linear: every
repetition is possessive and no alternative can start where another one gave up) handle what it refuses and Go does not:
invalid UTF-8, lone surrogates, numbers beyond float64, nesting deeper than 254 levels on output.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import orjson

from events.errors import EvaluationError
from events.expressions.golang.jsons import encode_json
from events.expressions.golang.numbers import shortest, trim_exponent

__all__ = ["MAX_DEPTH", "compact", "decode", "escape_html", "normalise", "string_lists"]

MAX_DEPTH = 1000
"""Levels of nesting that a document may have. (Go stops at 10,000; deeper than this is an attack, not an event.)"""

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_STRICT = rb'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"'
_NUMBER = rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"

_IS_COMPACT = re.compile(rb"(?:[^\" \t\n\r]++|" + _STRING + rb")*+", re.DOTALL)
_COMPACT_PARTS = re.compile(_STRING + rb"|[^\" \t\n\r]++", re.DOTALL)
_SKELETON = re.compile(rb"(" + _STRICT + rb")|(" + _NUMBER + rb')|("[^"\\]*+(?:\\.[^"\\]*+)*+"?)', re.DOTALL)
_MINUS_ZERO = re.compile(_STRING + rb"|(-0)(?![0-9.eE])", re.DOTALL)
_ESCAPE = re.compile(
    r"\\(?:u(?:[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|([dD][89a-fA-F][0-9a-fA-F]{2}))|.)", re.DOTALL
)
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NOT_BRACKETS = bytes(b for b in range(256) if b not in _STEP)
_MAYBE_MINUS_ZERO = re.compile(rb"-0(?<=[:,\[ \n\t\r]-0)(?![0-9.eE])")
_EXACT = 2**53


def compact(text: bytes) -> bytes:
    """The JSON document ``text`` without white space, safe inside HTML. Raises EvaluationError when it is no JSON."""
    value = _parse(text)
    if not _is_compact(text, value):
        text = b"".join(_COMPACT_PARTS.findall(text))
    return escape_html(text)


def _is_compact(text: bytes, value: Any) -> bool:
    """Whether there is no white space. What orjson writes has none, and it writes most documents as they came."""
    if value is not _NOT_FOR_ORJSON:
        try:
            if orjson.dumps(value) == text:
                return True
        except orjson.JSONEncodeError:
            pass
    return _IS_COMPACT.fullmatch(text) is not None


def normalise(text: bytes, extra: Mapping[str, str]) -> bytes:
    """The JSON object ``text`` decoded and encoded again, with the members ``extra`` put in (they win).

    Raises EvaluationError when it is no JSON object, or when a number is beyond float64.
    """
    value = decode(text)
    if not isinstance(value, dict):
        raise EvaluationError(f"the JSON document is {_kind(value)}, not an object", reason="NotAnObject")
    _respell(value)
    value.update(extra)
    try:
        return escape_html(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))
    except orjson.JSONEncodeError:  # nested deeper than 254 levels, or an extra text that is no UTF-8
        return encode_json({**_repaired(text), **extra}).encode()


def decode(text: bytes) -> Any:
    """The value of a JSON document as Go decodes it into ``any``, but whole numbers are ``int``, where they fit 64 bits.

    Raises EvaluationError when it is no JSON, or when a number is beyond float64.
    """
    value = _parse(text)
    return _repaired(text) if value is _NOT_FOR_ORJSON or _MAYBE_MINUS_ZERO.search(text) else value


def string_lists(lists: Mapping[str, Sequence[str]]) -> bytes:
    """A map of lists of texts. Bytes that are no UTF-8 are expected as Python's surrogate escapes."""
    try:
        return escape_html(orjson.dumps(lists, option=orjson.OPT_SORT_KEYS))
    except orjson.JSONEncodeError:
        return encode_json({name: list(values) for name, values in lists.items()}).encode()


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


_NOT_FOR_ORJSON: Any = object()


def _parse(text: bytes) -> Any:
    """The value, or ``_NOT_FOR_ORJSON`` when the document is good but not for orjson."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        skeleton = _SKELETON.sub(_bone, text)
        _check_depth(skeleton)
        try:
            orjson.loads(skeleton)
        except orjson.JSONDecodeError:
            raise EvaluationError(f"not JSON: {error.msg}", reason="NotJson") from None
        return _NOT_FOR_ORJSON
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH:
        _check_depth(_SKELETON.sub(_bone, text))
    return value


def _bone(match: re.Match[bytes]) -> bytes:
    """What stands for a string or a number when only the shape matters; neither can grow into another token."""
    if match[1] is not None:
        return b'""'
    if match[2] is not None:
        return b"null"
    raise EvaluationError("not JSON: a string has no end, a bad escape or a control character", reason="NotJson")


def _check_depth(skeleton: bytes) -> None:
    steps = map(_STEP.__getitem__, skeleton.translate(None, _NOT_BRACKETS))
    if max(accumulate(steps), default=0) > MAX_DEPTH:
        raise EvaluationError(f"the JSON document is nested deeper than {MAX_DEPTH} levels", reason="TooDeep")


def _repaired(text: bytes) -> Any:
    """Parse what Go reads with replacements: each bad byte and each lone surrogate is U+FFFD; minus zero is a float."""
    if b"-0" in text:
        text = _MINUS_ZERO.sub(lambda m: b"-0.0" if m[1] else m[0], text)
    chars = _NOT_UTF8.sub("\ufffd", text.decode("utf-8", "surrogateescape"))
    chars = _ESCAPE.sub(lambda m: "\ufffd" if m[1] else m[0], chars)
    try:
        return orjson.loads(chars)
    except orjson.JSONDecodeError as error:
        raise EvaluationError(f"the JSON document has no value: {error.msg}", reason="NotJson") from None


def _respell(root: Any) -> None:
    """Put Go's spelling in the place of each float and of each whole number that float64 does not hold exactly."""
    holders = [root]
    for holder in holders:  # grows while it is walked
        for key, item in holder.items() if type(holder) is dict else enumerate(holder):
            kind = type(item)
            if kind is str:
                continue
            if kind is dict or kind is list:
                holders.append(item)
            elif kind is float or (kind is int and not -_EXACT < item < _EXACT):
                holder[key] = orjson.Fragment(trim_exponent(shortest(float(item), low=-6, high=21)))


def _kind(value: Any) -> str:
    return {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}.get(
        type(value), "a number"
    )
