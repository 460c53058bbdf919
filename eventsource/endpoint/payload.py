"""The body of an event: the first JSON value in it, as Go's decoder reads it (bindings spec §1.2). Pure.

What comes after the first value is ignored, an empty body has no value, and a number that float64 cannot hold is refused
(the reference answers 500, since it notices too late).
"""

from __future__ import annotations

import json
import re

from events.errors import EvaluationError
from events.expressions import gojson
from eventsource.endpoint import answers

__all__ = ["OUT_OF_RANGE", "payload"]

_LEVELS = 2
"""Levels of nesting around the payload within an event."""

OUT_OF_RANGE = "NumberOutOfRange"
"""The reason when the body is JSON, with a number that float64 cannot hold."""

_SPACE = b" \t\r\n"
_START = re.compile(rb"[ \t\r\n]*")
_BROKEN_NUMBER = re.compile(rb"-?[0-9]+(?:[.eE])")
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
_LITERALS = {"t": "true", "f": "false", "n": "null"}


def payload(body: bytes) -> bytes | None:
    """JSON text of the first value, which ``gojson.decode`` reads; None for an empty body. Raises a refusal (400)."""
    if not body.strip(_SPACE):
        return None
    try:
        return _checked(body)
    except EvaluationError:
        pass
    try:
        return _checked(_first(body))
    except EvaluationError as error:
        raise _refused(f"the payload cannot be used: {error.message}") from None


def _checked(text: bytes) -> bytes:
    """The text, if it is one value that may also stand within an event. Raises EvaluationError."""
    gojson.decode(text)
    if text.count(b"[") + text.count(b"{") > gojson.MAX_DEPTH - _LEVELS:
        gojson.decode(b"[" * _LEVELS + text + b"]" * _LEVELS)
    return text


def _first(body: bytes) -> bytes:
    """The bytes of the first value. Raises a refusal with the words of Go's decoder."""
    # One character for each byte, so that positions are the same; quotes and brackets are ASCII.
    text = body.decode("latin-1")
    begin = _START.match(body).end()  # type: ignore[union-attr]  # it matches always
    try:
        _, end = _DECODER.raw_decode(text, begin)
    except json.JSONDecodeError as error:
        raise _refused(_go_words(text, error)) from None
    except RecursionError:
        raise _refused("exceeded max depth") from None
    except ValueError as error:
        raise answers.refused(400, str(error), reason=OUT_OF_RANGE) from None
    if _BROKEN_NUMBER.match(body, begin) and text[end : end + 1] in (".", "e", "E"):
        rest = text[end + 1 : end + 2]
        raise _refused(f"invalid character {_quoted(rest)} in numeric literal" if rest else "unexpected EOF")
    return body[begin:end]


def _number(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"json: cannot unmarshal number {text[:40]} into Go value of type float64")
    return value


def _not_json(constant: str) -> float:
    raise json.JSONDecodeError("Expecting value", constant, 0)


_DECODER = json.JSONDecoder(parse_float=_number, parse_int=_number, parse_constant=_not_json)


def _refused(message: str) -> answers.Refusal:
    return answers.refused(400, message, reason="NotJson")


def _go_words(text: str, error: json.JSONDecodeError) -> str:
    """What Go's decoder says of the same mistake."""
    if error.doc is not text:  # NaN, Infinity
        if error.doc.startswith("-"):
            return "invalid character 'I' in numeric literal"
        return f"invalid character {_quoted(error.doc[0])} looking for beginning of value"
    at, message = error.pos, error.msg
    if message.startswith("Unterminated string"):
        return "unexpected EOF"
    if message.startswith("Invalid \\uXXXX"):
        return "invalid character in \\u hexadecimal character escape"
    if at >= len(text):
        return "unexpected EOF"
    found = _quoted(text[at])
    if message.startswith("Expecting value"):
        return _no_value(text, at)
    if message.startswith("Expecting property name"):
        return f"invalid character {found} looking for beginning of object key string"
    if message.startswith("Expecting ':'"):
        return f"invalid character {found} after object key"
    if message.startswith("Expecting ','"):
        where = "array element" if _innermost(text, at) == "[" else "object key:value pair"
        return f"invalid character {found} after {where}"
    if message.startswith("Invalid control character"):
        return f"invalid character {found} in string literal"
    return f"invalid character {_quoted(text[at + 1 : at + 2])} in string escape code"


def _no_value(text: str, at: int) -> str:
    literal = _LITERALS.get(text[at])
    if literal is None:
        if text[at] == "-":
            rest = text[at + 1 : at + 2]
            return f"invalid character {_quoted(rest)} in numeric literal" if rest else "unexpected EOF"
        return f"invalid character {_quoted(text[at])} looking for beginning of value"
    for offset, wanted in enumerate(literal):
        found = text[at + offset : at + offset + 1]
        if found != wanted:
            if not found:
                return "unexpected EOF"
            return f"invalid character {_quoted(found)} in literal {literal} (expecting '{wanted}')"
    raise AssertionError("a literal that is whole is a value")


def _innermost(text: str, end: int) -> str:
    """The bracket that is open at this place."""
    stack = [""]
    for match in _BRACKETS.finditer(text, 0, end):
        if match[0] in "[{":
            stack.append(match[0])
        elif match[0] in "]}" and len(stack) > 1:
            stack.pop()
    return stack[-1]


def _quoted(char: str) -> str:
    """Go's spelling of a character."""
    if char == "'":
        return r"'\''"
    special = {"\t": r"\t", "\n": r"\n", "\r": r"\r", "\\": r"\\", "\0": r"\x00"}.get(char)
    if special is None:
        special = char if char.isprintable() else f"\\x{ord(char):02x}" if char else ""
    return f"'{special}'"
