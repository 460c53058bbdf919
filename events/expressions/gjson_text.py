"""Texts and numbers as gjson reads and writes them: unescaping, quoting, Go's ``ParseFloat`` with its errors ignored.

Spec: argo-events.md §1.9. A text never holds a lone surrogate: what is no character becomes U+FFFD, as in Go.
"""

from __future__ import annotations

import math
import re

__all__ = ["clean", "number_of", "quote", "to_bool", "unescape"]

REPLACEMENT = "\ufffd"

_SURROGATE = re.compile("[\ud800-\udfff]")
_PLAIN = re.compile(r"[^\\\x00-\x1f]*+")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HEX4 = re.compile(r"[0-9a-fA-F]{4}")

_QUOTED = {code: f"\\u{code:04x}" for code in (*range(0x20), *map(ord, "<>&\u2028\u2029"))}
_QUOTED |= {ord(char): f"\\{name}" for name, char in _ESCAPES.items() if name != "/"}

_DIGITS = "[0-9]+(?:_[0-9]+)*+"
_HEX = "[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*+"
_DECIMAL = re.compile(rf"[+-]?(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?")
_HEX_FLOAT = re.compile(rf"[+-]?0[xX](?:_?{_HEX}(?:\.(?:{_HEX})?)?|\.{_HEX})[pP][+-]?{_DIGITS}")
_NAMED = re.compile(r"[+-]?inf(?:inity)?|nan", re.IGNORECASE | re.ASCII)


def clean(text: str) -> str:
    """The text with each lone surrogate replaced by U+FFFD."""
    return text if text.isascii() else _SURROGATE.sub(REPLACEMENT, text)


def unescape(text: str) -> str:
    """The content of a JSON string literal. It ends early, without an error, at a control character or a malformed escape."""
    parts = []
    at, end = 0, len(text)
    while at < end:
        plain = _PLAIN.match(text, at)
        assert plain is not None
        parts.append(plain.group())
        at = plain.end()
        if at == end or text[at] != "\\":
            break
        name = text[at + 1 : at + 2]
        if name in _ESCAPES:
            parts.append(_ESCAPES[name])
            at += 2
        elif name == "u" and at + 6 <= end:
            code = _code_unit(text, at)
            at += 6
            if 0xD800 <= code <= 0xDFFF:
                # Whatever escape follows is taken for the second half, also when it is none.
                if at + 6 <= end and text.startswith("\\u", at):
                    code = _surrogate_pair(code, _code_unit(text, at))
                    at += 6
                else:
                    code = 0xFFFD
            parts.append(chr(code))
        else:
            break
    return "".join(parts)


def _code_unit(text: str, at: int) -> int:
    digits = _HEX4.match(text, at + 2)
    return int(digits.group(), 16) if digits else 0


def _surrogate_pair(high: int, low: int) -> int:
    if high < 0xDC00 <= low <= 0xDFFF:
        return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)
    return 0xFFFD


def quote(text: str) -> str:
    """A JSON string literal, as Go writes it: ``<``, ``>``, ``&``, U+2028 and U+2029 are escaped too."""
    return f'"{text.translate(_QUOTED)}"'


def number_of(text: str) -> float:
    """Go's ``ParseFloat`` with its error ignored: 0 for what is no number, an infinity for what is too large."""
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _HEX_FLOAT.fullmatch(text):
        try:
            return float.fromhex(text.replace("_", ""))
        except OverflowError:
            return -math.inf if text.startswith("-") else math.inf
    return float(text) if _NAMED.fullmatch(text) else 0.0


def to_bool(text: str) -> bool | None:
    """Go's ``ParseBool`` on the lower-cased text; ``None`` for what is no boolean."""
    lowered = text.lower() if len(text) <= 5 else ""
    if lowered in ("1", "t", "true"):
        return True
    return False if lowered in ("0", "f", "false") else None
