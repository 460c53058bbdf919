"""Go's ``strconv.Quote`` and ``Unquote``: string and character literals."""

from __future__ import annotations

import unicodedata

from events.expressions.golang.limits import check_slow_text
from events.expressions.golang.values import as_text

__all__ = ["is_print", "quote", "quote_rune", "unquote", "unquote_char"]

_SHORT = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\"}
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", "'": "'", '"': '"'}
_HEX_LENGTH = {"x": 2, "u": 4, "U": 8}


def is_print(char: str) -> bool:
    """Go's ``IsPrint``: letters, marks, numbers, punctuation, symbols and the ASCII space."""
    return " " <= char <= "~" or (char > "\x7f" and unicodedata.category(char)[0] in "LMNPS")


def quote(text: str, *, delimiter: str = '"', ascii_only: bool = False) -> str:
    """A Go literal of ``text``; with ``ascii_only`` everything above ASCII is escaped."""
    if (
        delimiter == '"'
        and text.isprintable()
        and not (ascii_only and not text.isascii())
        and '"' not in text
        and "\\" not in text
    ):
        return f'"{text}"'
    check_slow_text(text)
    return delimiter + "".join(_quoted(c, delimiter, ascii_only) for c in text) + delimiter


def _quoted(char: str, delimiter: str, ascii_only: bool) -> str:
    if char == delimiter:
        return "\\" + char
    short = _SHORT.get(char)
    if short:
        return short
    code = ord(char)
    if is_print(char) and not (ascii_only and code > 0x7E):
        return char
    if code < 0x80:
        return f"\\x{code:02x}"
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def quote_rune(code: int, *, ascii_only: bool = False) -> str:
    """A Go character literal; what is no character is U+FFFD."""
    valid = 0 <= code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF
    return quote(chr(code) if valid else "\ufffd", delimiter="'", ascii_only=ascii_only)


def unquote(literal: str) -> str:
    """The text of a ``"…"`` or `` `…` `` literal. Raises ValueError when it is malformed."""
    if literal[0] == "`":
        return literal[1:-1].replace("\r", "")
    body = literal[1:-1]
    if "\n" in body:
        raise ValueError("invalid syntax")
    if "\\" not in body:
        return body
    parts: list[bytes] = []
    at = 0
    while at < len(body):
        end = body.find("\\", at)
        if end < 0:
            end = len(body)
        if end > at:
            parts.append(body[at:end].encode("utf-8", "surrogateescape"))
            at = end
        else:
            piece, at = unquote_char(body, at, '"')
            parts.append(piece)
    return as_text(b"".join(parts))


def unquote_char(body: str, at: int, delimiter: str) -> tuple[bytes, int]:
    """The bytes of one, possibly escaped, character of a literal at ``at``, and where the next one begins."""
    char = body[at]
    if char != "\\":
        return char.encode("utf-8", "surrogateescape"), at + 1
    kind = body[at + 1 : at + 2]
    if kind in _HEX_LENGTH:
        digits = body[at + 2 : at + 2 + _HEX_LENGTH[kind]]
        if len(digits) < _HEX_LENGTH[kind] or not all(c in "0123456789abcdefABCDEF" for c in digits):
            raise ValueError("invalid syntax")
        code, after = int(digits, 16), at + 2 + len(digits)
        if kind == "x":
            return bytes([code]), after
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise ValueError("invalid syntax")
        return chr(code).encode(), after
    if kind and kind in "01234567":
        digits = body[at + 1 : at + 4]
        if len(digits) < 3 or not all(c in "01234567" for c in digits) or int(digits, 8) > 255:
            raise ValueError("invalid syntax")
        return bytes([int(digits, 8)]), at + 4
    if kind not in _ESCAPES or (kind in "'\"" and kind != delimiter):
        raise ValueError("invalid syntax")
    return _ESCAPES[kind].encode(), at + 2
