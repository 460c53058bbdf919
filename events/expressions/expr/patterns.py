"""Regular expressions of ``matches``: RE2, searched anywhere in the text."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

__all__ = ["compile_pattern", "found"]

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 4 << 20


@lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> Any:
    """The compiled pattern. Raises ``re2.error``."""
    if r"\C" in pattern.replace("\\\\", ""):
        raise re2.error("invalid escape sequence: \\C")
    return re2.compile(pattern.encode("utf-8", "replace").decode(), _OPTIONS)


def found(pattern: Any, text: str) -> bool:
    """Whether the pattern matches somewhere in ``text``; bytes that are no UTF-8 are U+FFFD."""
    if not text.isascii():
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace") if _escaped(text) else text
    return pattern.search(text) is not None


def _escaped(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)
