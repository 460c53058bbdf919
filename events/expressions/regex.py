r"""Regular expressions that users write: Go's syntax in RE2, and the one door to it.

RE2 and Go's regexp share their syntax but for ``\C`` (a single byte), which Go refuses. https://pkg.go.dev/regexp/syntax

RE2 needs time in proportion to text times pattern, which is still long for large ones. So a pattern may have 3072 bytes, and
one of more than 256 steps is refused for a text that it may be too slow for; see ``check_effort``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import re2

from events.errors import EvaluationError, ExpressionError
from events.expressions.golang.values import as_bytes

__all__ = ["Pattern", "check_effort", "compile", "escape", "pattern", "size_of"]

MAX_BYTES = 3072
MAX_EFFORT = 64 * 1024 * 256
"""Bytes of text times steps of the pattern; that many take RE2 about 0.1 s when the worst comes to the worst."""

_SHOWN = 200
_META = frozenset("\\.+*?()|[]{}^$")


def _options(**settings: Any) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    for name, value in settings.items():
        setattr(options, name, value)
    return options


_FIND = _options(never_capture=True)
_GROUPS = _options()
_SIZE = _options(never_capture=True, encoding=re2.Options.Encoding.LATIN1)


class Pattern:
    """A pattern that is asked whether it is found; ``size`` is what a search may cost for each byte of the text."""

    __slots__ = ("found_in", "size", "text")

    found_in: Callable[[str], bool]
    """Whether it matches anywhere in a text. What is no character there is U+FFFD. Raises EvaluationError for too much work."""

    def __init__(self, text: str) -> None:
        self.text = text
        if _META.isdisjoint(text):
            self.size = 1
            self.found_in = _finder(as_bytes(text))
        else:
            compiled = _compiled(text, _FIND)
            self.size = _size(text, compiled)
            self.found_in = _searcher(compiled.search, self.size)

    def __str__(self) -> str:
        return self.text


@lru_cache(maxsize=1024)
def pattern(text: str) -> Pattern:
    """The pattern of a text. Raises ExpressionError."""
    return Pattern(text)


@lru_cache(maxsize=256)
def compile(text: str) -> Any:
    """RE2's own object, for who needs to know where: searches UTF-8, has groups. Raises ExpressionError."""
    return _compiled(text, _GROUPS)


@lru_cache(maxsize=256)
def size_of(text: str) -> int:
    """The size of a pattern that compiles."""
    return _size(text, compile(text))


def check_effort(size: int, length: int) -> None:
    """Raise EvaluationError where a pattern of that size may take too long for so many bytes of text."""
    if size * length > MAX_EFFORT:
        raise EvaluationError(
            f"a regular expression of {size} steps is too large for a text of {length} bytes", reason="LimitReached"
        )


def escape(text: str) -> str:
    """The pattern that matches this text alone."""
    return str(re2.escape(text))


def _compiled(text: str, options: Any) -> Any:
    raw = as_bytes(text)
    if len(raw) > MAX_BYTES:
        raise _refused(text, f"it is longer than {MAX_BYTES} bytes")
    if r"\C" in _without_quoted(text):
        raise _refused(text, r"\C is not allowed")
    try:
        return re2.compile(raw, options)
    except re2.error as problem:
        reason = problem.args[0] if problem.args else "syntax error"
        words = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise _refused(text, words) from None


def _refused(text: str, words: str) -> ExpressionError:
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return ExpressionError(f"'{shown}' is no pattern: {words}", language="regex", text=text)


def _size(text: str, compiled: Any) -> int:
    r"""Instructions of the pattern when a character is a byte: as it stands in UTF-8, ``\pL`` alone would be 1200 of them,
    of which a text never has many at work.
    """
    try:
        return int(re2.compile(as_bytes(text), _SIZE).programsize)
    except re2.error:  # it names a character that is no byte
        return int(compiled.programsize)


def _without_quoted(text: str) -> str:
    r"""The pattern without doubled backslashes and without what stands between ``\Q`` and ``\E``."""
    parts = text.replace("\\\\", "").split(r"\Q")
    return parts[0] + "".join(part.partition(r"\E")[2] for part in parts[1:])


def _finder(raw: bytes) -> Callable[[str], bool]:
    """No character of the pattern means anything."""
    return lambda text: raw in _utf8(text)


def _searcher(search: Callable[[bytes], Any], size: int) -> Callable[[str], bool]:
    harmless = MAX_EFFORT // size  # bytes of text

    def found_in(text: str) -> bool:
        raw = _utf8(text)
        if len(raw) > harmless:
            check_effort(size, len(raw))
        return search(raw) is not None

    return found_in


def _utf8(text: str) -> bytes:
    """UTF-8. Two halves of a surrogate pair are one character; a half alone and a byte that is none become U+FFFD, as in Go."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
