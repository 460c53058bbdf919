"""Go's ``strings`` and ``unicode`` where Python's methods differ: case one character at a time, Go's white space."""

from __future__ import annotations

import unicodedata

from events.expressions.golang.limits import check_slow_text

__all__ = [
    "is_letter",
    "is_space",
    "lower_char",
    "to_lower",
    "to_title",
    "to_upper",
    "trim_set",
    "trim_space",
    "upper_char",
]

_SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"


def is_space(char: str) -> bool:
    """Go's ``unicode.IsSpace``."""
    return char in _SPACES


def is_letter(char: str) -> bool:
    """Go's ``unicode.IsLetter``."""
    return unicodedata.category(char)[0] == "L"


def lower_char(char: str) -> str:
    """One character for one: what has a longer lower case stays (``İ`` becomes ``i`` as in Go's tables)."""
    lowered = char.lower()
    return lowered if len(lowered) == 1 else lowered[0] if char == "İ" else char


def upper_char(char: str) -> str:
    """One character for one: ``ß`` stays."""
    upper = char.upper()
    return upper if len(upper) == 1 else _SINGLE_UPPER.get(char, char)


def title_char(char: str) -> str:
    """One character for one, in title case."""
    title = char.title()
    return title if len(title) == 1 else _SINGLE_UPPER.get(char, char)


# Greek letters whose full upper case is two characters, but which have a simple one.
_SINGLE_UPPER = {chr(code): chr(code + 8) for start in (0x1F80, 0x1F90, 0x1FA0) for code in range(start, start + 8)} | {
    "\u1fb3": "\u1fbc",
    "\u1fc3": "\u1fcc",
    "\u1ff3": "\u1ffc",
}


def to_lower(text: str) -> str:
    """``strings.ToLower``."""
    lowered = text.lower()
    if len(lowered) == len(text) and "Σ" not in text:  # no character became two, none depends on its neighbours
        return lowered
    check_slow_text(text)
    return "".join(map(lower_char, text))


def to_upper(text: str) -> str:
    """``strings.ToUpper``."""
    upper = text.upper()
    if len(upper) == len(text):
        return upper
    check_slow_text(text)
    return "".join(map(upper_char, text))


def to_title(text: str) -> str:
    """``strings.Title``: each letter after a separator in title case; letters, digits, ``_`` and signs above ASCII separate nothing."""
    check_slow_text(text)
    parts: list[str] = []
    previous = " "
    for char in text:
        parts.append(title_char(char) if _separates(previous) else char)
        previous = char
    return "".join(parts)


def _separates(char: str) -> bool:
    if char.isascii():
        return not (char.isalnum() or char == "_")
    if unicodedata.category(char)[0] == "L" or unicodedata.category(char) == "Nd":
        return False
    return is_space(char)


def trim_space(text: str) -> str:
    """``strings.TrimSpace``."""
    return text.strip(_SPACES)


def trim_set(text: str, cutset: str) -> str:
    """``strings.Trim``: an empty set cuts nothing."""
    return text.strip(cutset) if cutset else text
