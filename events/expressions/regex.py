r"""Regular expressions that users write: Go's syntax in RE2, linear in the text.

RE2 and Go's regexp share their syntax but for ``\C`` (a single byte), which Go refuses. https://pkg.go.dev/regexp/syntax
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import re2

from events.errors import ExpressionError

__all__ = ["compile", "searcher"]

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


@lru_cache(maxsize=1024)
def compile(pattern: str) -> Any:
    """The compiled pattern; its ``search`` takes UTF-8. Raises ExpressionError."""
    if r"\C" in _without_quoted(pattern):
        raise ExpressionError(f"'{pattern}' is no pattern: \\C is not allowed", language="regex", text=pattern)
    try:
        return re2.compile(pattern.encode("utf-8", "replace"), _OPTIONS)
    except re2.error as problem:
        reason = problem.args[0] if problem.args else "syntax error"
        words = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ExpressionError(f"'{pattern}' is no pattern: {words}", language="regex", text=pattern) from None


def _without_quoted(pattern: str) -> str:
    r"""The pattern without doubled backslashes and without what stands between ``\Q`` and ``\E``."""
    parts = pattern.replace("\\\\", "").split(r"\Q")
    return parts[0] + "".join(part.partition(r"\E")[2] for part in parts[1:])


def searcher(pattern: str) -> Callable[[str], bool]:
    """Whether the pattern matches anywhere in a text. Half a surrogate pair counts as U+FFFD. Raises ExpressionError."""
    if pattern.isascii() and pattern.replace("/", "").replace("-", "").replace("_", "").replace(" ", "").isalnum():
        return lambda text: pattern in text  # no character of it means anything
    search = compile(pattern).search
    return lambda text: search(text.encode("utf-8", "replace")) is not None
