"""Bounds of one evaluation: how large a text or a list may grow. Crossing one is an ``EvaluationError``, never a MemoryError."""

from __future__ import annotations

from events.errors import EvaluationError

__all__ = [
    "MAX_DEPTH",
    "MAX_ITEMS",
    "MAX_NODES",
    "MAX_PRINTED",
    "MAX_SLOW_TEXT",
    "MAX_TEXT",
    "check_items",
    "check_printed",
    "check_slow_text",
    "check_text",
]

MAX_TEXT = 4 * 1024 * 1024  # characters of one text
MAX_ITEMS = 262_144  # items of one list
MAX_NODES = 200_000  # values visited by one deep operation (comparing, copying, encoding)
MAX_PRINTED = 500_000  # values written into one text
MAX_PRINTED_DEPTH = 70_000  # levels of nesting, where nothing recurses; data of 64 KiB has fewer
MAX_SLOW_TEXT = 131_072  # characters of a text that is looked at one by one
MAX_DEPTH = 200  # levels of nesting where a deep operation recurses


def check_text(size: int) -> None:
    """Raise when a text of ``size`` characters is about to be made that no event needs."""
    if size > MAX_TEXT:
        raise EvaluationError(
            f"a text of {size} characters is larger than the limit of {MAX_TEXT}", reason="LimitReached"
        )


def check_items(count: int) -> None:
    """Raise when a list of ``count`` items is about to be made that no event needs."""
    if count > MAX_ITEMS:
        raise EvaluationError(f"a list of {count} items is larger than the limit of {MAX_ITEMS}", reason="LimitReached")


def check_slow_text(text: str) -> None:
    """Raise when a text is too long to be looked at character by character."""
    if len(text) > MAX_SLOW_TEXT:
        raise EvaluationError(f"a text of {len(text)} characters is too long for this function", reason="LimitReached")


def check_printed(count: int, depth: int) -> None:
    """Raise when more or deeper values are about to be written than a text can hold in time."""
    if depth > MAX_PRINTED_DEPTH:
        raise EvaluationError("the value is too deep to print", reason="LimitReached")
    if count > MAX_PRINTED:
        raise EvaluationError(f"a value of more than {MAX_PRINTED} parts is too large to print", reason="LimitReached")
